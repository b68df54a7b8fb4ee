/* SPDX-License-Identifier: BSD-2-Clause */
/* The ELF kernel inside a bzImage as a file of its own; see vmlinux_file.c. */
#pragma once

#include "../common/image.h"

#include <arch/arch.h>

/*
 * What `part` of the kernel's file unpacks to, `max` bytes at most: from the cache where it is, else unpacked, and
 * then in `kept` for it. Its descriptor is the caller's to close. Failures are recorded, or not.
 */
int vmlinux_file(struct kernel_kept *kept, const struct image *kernel, struct range part,
		 uint64_t max, struct image *ret) _must_check_;
