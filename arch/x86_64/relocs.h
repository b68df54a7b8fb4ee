/* SPDX-License-Identifier: BSD-2-Clause */
/* The table behind a kernel that may run anywhere; see relocs.c. */
#pragma once

#include <base/types.h>

struct relocs {
	const uint8_t *table;
	/* Of numbers in it: each list begins behind the zero at its place. */
	size_t wide, inverse, narrow, end; /* inverse == narrow: no such list */
};

/* Pure. -EBADMSG, unrecorded: it is no such table. Its `size` bytes outlive what comes of it. */
int relocs_read(const uint8_t *table, size_t size, struct relocs *ret) _must_check_;

/*
 * Move a kernel by `delta`. `image` has `span` bytes, of which the first is linked at START_KERNEL_MAP + `link`.
 * -EBADMSG, unrecorded, when a place lies outside; some are changed then.
 */
int relocs_apply(const struct relocs *relocs, uint8_t *image, uint64_t span, uint64_t link,
		 uint64_t delta) _must_check_;
