/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * By which way (host/way.h) functions can be had on this host, and what its kernel lacks for a better
 * one.
 */
#pragma once

#include <host/sysfs.h>
#include <host/way.h>

#define HOSTWAY_ANY (-1) /* the best that there is */

/*
 * The way to all of `fns`, which are VFIO's: the best, or the one that is wanted (an enum vfio_way).
 * -errno when there is none, and `why` as of hostfn_ready(), of the first function that has none.
 * Nothing is recorded.
 */
int hostway_find(const struct host_function *fns, unsigned n, int wanted, enum vfio_way *ret,
		 char *why, size_t size) _must_check_;

/* Whether the host has what a way needs beside a function's or group's own file. */
bool hostway_offered(enum vfio_way way);

/* For people: "cdev, iommufd", "group, iommufd", "group, type1". */
const char *hostway_words(enum vfio_way way);

/* What keeps a better way from being there, "" for the best: "the kernel lacks CONFIG_IOMMUFD". */
const char *hostway_lacks(enum vfio_way way);
