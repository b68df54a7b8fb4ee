/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An address space of trapped accesses: guest physical MMIO, or x86 port I/O. Changed and used
 * under the device lock.
 */
#pragma once

#include <base/types.h>

/*
 * One access of `len` bytes (1, 2, 4 or 8; any alignment), wholly inside the region. `data` is
 * little-endian; a read fills all of it. The guest chose everything here: nothing may be trusted
 * and nothing may fail.
 */
typedef void (*bus_handler)(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write);

/* Embedded in its owner; the owner keeps it alive until bus_remove(). */
struct bus_region {
	uint64_t base;
	uint64_t size;
	bus_handler handler;
	void *ctx;
	const char *name;
};

#define BUS_REGION_MAX 256

struct bus {
	struct bus_region *regions[BUS_REGION_MAX]; /* by base, ascending, never overlapping */
	unsigned n;
};

/* -EEXIST when it overlaps a region there already, -ENOSPC when the bus is full; unrecorded. */
int bus_add(struct bus *bus, struct bus_region *region) _must_check_;

/* Harmless when the region is not on the bus. */
void bus_remove(struct bus *bus, struct bus_region *region);

/*
 * Route one guest access. What no region claims whole reads as all-ones and drops writes, as PCI
 * does for an aborted transaction (PCIe 6.0 §2.3.2). Returns whether something claimed it.
 */
bool bus_access(struct bus *bus, uint64_t addr, void *data, unsigned len, bool is_write);
