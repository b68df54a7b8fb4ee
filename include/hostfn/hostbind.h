/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking functions from the host. Before anything is unbound all that is asked which tells that it would
 * fail, or that the host would lose something that it uses.
 */
#pragma once

#include <host/sysfs.h>

/*
 * Whether these functions can go to VFIO together, with nothing that the host uses. 0, or -errno with
 * the reason recorded; `force` takes what is in use all the same, and one without the rest of its
 * group. Functions that VFIO has already are none of its business.
 */
int hostbind_check(const struct bdf *bdfs, unsigned n, bool force) _must_check_;

/*
 * To the driver that knows it best: a vendor's variant of vfio-pci where there is one, and with `force`
 * where it is loaded. One that VFIO has already stays as it is.
 */
int hostbind(struct bdf bdf, bool force) _must_check_;

/* What the host would lose with it, in words; false when that is nothing. */
bool hostuse(const struct host_function *fn, char *words, size_t size);
