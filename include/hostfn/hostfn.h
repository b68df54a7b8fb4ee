/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a host function can be given to a guest, and if not, the one reason why not.
 */
#pragma once

#include <host/sysfs.h>

#define HOSTFN_WHY 512

/* VFIO's no-IOMMU mode, in which no flag would make a guest safe: drivers/vfio/Kconfig, VFIO_NOIOMMU. */
#define HOSTFN_NOIOMMU                                                                       \
	"is given away without an IOMMU (noiommu): by DMA the guest would reach all of the " \
	"host's memory, and no option makes that safe"

/*
 * 0 when it is ready. Otherwise -errno, and `why` holds what is wrong and what to do, without the
 * function's name before it: "is bound to e1000e; run: thru bind 0000:01:00.0". Nothing is recorded.
 */
int hostfn_ready(const struct host_function *fn, char *why, size_t size) _must_check_;

/* How it would be reset (thru(1), RESETS), as far as sysfs tells before it is bound. */
struct hostfn_reset {
	char how[24];       /* as in reset_method: "flr", "bus", "pm", ...; "" when nothing does */
	char otherwise[24]; /* what is left when the others are not to be had; "" */
	struct bdf *with;   /* what a reset of the bus hits beside it; malloc'ed */
	unsigned n_with;    /* of them */
	char words[256];    /* the same for people */
	char mend[128];     /* what makes it better; "" when nothing needs to be */
};

void hostfn_reset(const struct host_function *fn, struct hostfn_reset *ret);
void hostfn_reset_free(struct hostfn_reset *reset);

/* As hostfn_ready(), and it has a reset without which `thru run` would refuse it. */
int hostfn_takes(const struct host_function *fn, const struct hostfn_reset *reset, char *why,
		 size_t size) _must_check_;

/* Ready or not: what no command can mend does not stand in its way. The same answers. */
int hostfn_possible(const struct host_function *fn, char *why, size_t size) _must_check_;

/*
 * Nothing else of its IOMMU group is the host's, beside the `n_except` functions of `except`. The same
 * answers.
 */
int hostfn_group_free(const struct host_function *fn, const struct bdf *except, unsigned n_except,
		      char *why, size_t size) _must_check_;

/*
 * VFIO has it: by vfio-pci, a vendor's variant of it, or a vendor's driver that has made it VFIO's
 * itself, as those of virtual GPUs do.
 */
bool hostfn_is_vfio(const struct host_function *fn);

/* By its name: vfio-pci and the vendors' variants of it; and one that would keep a group from guests. */
bool hostfn_driver_is_vfio(const char *driver);
bool hostfn_driver_is_hosts(const char *driver);

/* To take `other` from the host would end `fn`, or virtual functions of others. */
bool hostfn_must_stay(const struct host_function *fn, struct bdf other);

/*
 * What never goes to a guest: bridges to other buses, and the host bridge, which has a plain header
 * so that vfio-pci would take it. ISA bridges may, for the sake of their group.
 */
bool hostfn_is_bridge(const struct host_function *fn);
