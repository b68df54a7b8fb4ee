/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel modules for the guest: those asked for by name or by the alias of a device, each after what it
 * depends on. Names that no module has are built into the kernel, or it has not got them: the guest sees.
 *
 * A folder of modules is one of: a kernel's build tree or /lib/modules/RELEASE (both have a
 * modules.order), or any folder with *.ko files below it. Dependencies and aliases are read from the
 * modules themselves (their section .modinfo), so that no depmod need have been run; where there is a
 * modules.alias it is used, since reading thousands of modules takes its time.
 *
 * Compressed modules are unpacked by the host's xz, zstd or gzip: a kernel that can do it itself is not
 * something to count on (CONFIG_MODULE_DECOMPRESS).
 */
#pragma once

#include <initramfs/tree.h>

#define MODULES_FOLDER "/thru/modules" /* in the guest: 000-name.ko, to be loaded in this order */

/* `names` and `aliases` end with NULL. *ret_n: how many came into the tree. */
int modules_add(struct tree *tree, const char *folder, const char *const *names,
		const char *const *aliases, unsigned *ret_n) _must_check_;
