/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every ioctl to KVM, VFIO and iommufd, and every open of their files, goes through here, so that there is
 * one place that retries EINTR, and one that tells what is asked of the kernel (`thru run --explain`).
 */
#pragma once

#include <base/types.h>

/*
 * ioctl(2) with EINTR retried. `name` is the request's name in the kernel's headers. Returns the
 * call's non-negative result or -errno. Records nothing: the caller knows what it means.
 */
int host_ioctl(int fd, unsigned long request, void *arg, const char *name) _must_check_;

#define HOST_IOCTL(fd, request, arg) host_ioctl(fd, request, (void *)(arg), #request)

/* open(2) of a device node, read and write, close-on-exec. The descriptor or -errno. */
int host_open(const char *path) _must_check_;
