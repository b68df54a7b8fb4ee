/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a host function can be given to a guest, and if not, the one reason why not.
 */
#pragma once

#include <host/sysfs.h>

#define HOSTFN_WHY 512

/*
 * 0 when it is ready. Otherwise -errno, and `why` holds what is wrong and what to do, without the
 * function's name before it: "is bound to e1000e; run: thru bind 0000:01:00.0". Nothing is recorded.
 */
int hostfn_ready(const struct host_function *fn, char *why, size_t size) _must_check_;

/* True for a driver of the VFIO family: vfio-pci and the vendor variants of it. */
bool hostfn_driver_is_vfio(const char *driver);

/*
 * What never goes to a guest: bridges to other buses, and the host bridge, which has a plain header
 * so that vfio-pci would take it. ISA bridges may, for the sake of their group.
 */
bool hostfn_is_bridge(const struct host_function *fn);
