/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tree as an archive that the kernel unpacks: cpio "newc", Documentation/driver-api/early-userspace/
 * buffer-format.rst in the kernel's source.
 */
#pragma once

#include <initramfs/tree.h>

/*
 * Append to `fd`, at an offset that is made a multiple of 4 first: what is there already may be another
 * archive. Files of the host are read now; one that is gone, or no longer a regular file, or shorter
 * than it says, is refused by name.
 */
int cpio_write(const struct tree *tree, int fd) _must_check_;
