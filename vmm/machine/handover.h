/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors of devices and of /dev/iommu: opened, inherited, or received through a socket. */
#pragma once

#include <cli/device_option.h>

#include <host/vfio.h>

/*
 * Open or receive the device that `option` names, and the file for its ROM where it names one. *dev
 * and *rom_fd (-1: none) are valid whatever is returned and are the caller's to close. With a socket an
 * iommufd may come along: *iommufd becomes that when it is -1. STATUS_HOST when the device, or the
 * host, is not ready.
 */
int handover_device(const struct device_option *option, struct vfio_device *dev, int *rom_fd,
		    int *iommufd) _must_check_;

/* Is `fd`, which somebody else opened, one that can be /dev/iommu? It is then not inherited further. */
int handover_iommufd(int fd) _must_check_;
