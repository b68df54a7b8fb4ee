/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /lib/modules/RELEASE of the guest for modprobe(8) and for the kernel when it asks for a module: all that a
 * build tree has, as links or as copies, with what depmod(8) would say of them in files of its forms. They are
 * made from what the modules say themselves, in memory: nothing is installed, and no depmod need be there.
 *
 * Only build trees: an installed folder has those files, and mostly more modules than a guest in memory can hold.
 */
#pragma once

#include <initramfs/tree.h>

struct modules_farm {
	unsigned n;     /* how many modules there are */
	unsigned gone;  /* listed, but not there */
	uint64_t bytes; /* what they are together */
};

/* TREE's release and that it has a list of modules. */
bool modules_farm_wanted(const char *folder, char *ret_release, size_t size);

/*
 * Copies when they are `room` bytes at most: nothing is made otherwise, which is no failure. Links, into `folder`,
 * when room is 0.
 */
int modules_farm_add(struct tree *tree, const char *folder, const char *release, uint64_t room,
		     struct modules_farm *ret) _must_check_;
