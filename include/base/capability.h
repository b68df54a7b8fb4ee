/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A function's list of capabilities (PCIe 6.0 §7.5.3), or of extended ones (§7.6.3), followed once from
 * its beginning. A device, or whoever pretends to be one, wrote it: it may be circular, or lead anywhere.
 */
#pragma once

#include <base/types.h>

struct capabilities {
	/* 1, 2 or 4 bytes of configuration space, aligned; all-ones when it cannot be read. */
	uint32_t (*read)(void *ctx, unsigned offset, unsigned len);
	void *ctx;
	bool extended;
	unsigned size;     /* of the space: no capability reaches beyond */
	unsigned next;     /* where the next one is said to be */
	uint8_t seen[128]; /* a bit for each dword of 4 KiB */
	/* The one that capabilities_next() found. */
	unsigned at, id;
	uint32_t header; /* its first dword */
};

/* From the pointer in the header, when Status says that there is one; extended ones begin at 100h. */
void capabilities_init(struct capabilities *list, bool extended, unsigned size,
		       uint32_t (*read)(void *ctx, unsigned offset, unsigned len), void *ctx);

/* False: there is no other. A pointer out of range or to a place seen before ends the list. */
bool capabilities_next(struct capabilities *list);
