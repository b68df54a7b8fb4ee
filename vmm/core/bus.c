/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An address space of trapped accesses: a sorted array and a binary search. Boards have a few dozen
 * regions, so an insertion that moves pointers is cheaper than any tree.
 */
#include <core/bus.h>

#include <errno.h>
#include <string.h>

/* Index of the first region whose base is above addr. */
static unsigned above(const struct bus *bus, uint64_t addr)
{
	unsigned lo = 0, hi = bus->n;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (bus->regions[mid]->base > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

int bus_add(struct bus *bus, struct bus_region *region)
{
	unsigned at = above(bus, region->base);

	if (bus->n == BUS_REGION_MAX)
		return -ENOSPC;
	/* The end may be 2^64 exactly, so compare lengths, never ends. */
	if (at > 0 && region->base - bus->regions[at - 1]->base < bus->regions[at - 1]->size)
		return -EEXIST;
	if (at < bus->n && bus->regions[at]->base - region->base < region->size)
		return -EEXIST;
	memmove(&bus->regions[at + 1], &bus->regions[at], (bus->n - at) * sizeof(bus->regions[0]));
	bus->regions[at] = region;
	bus->n++;
	return 0;
}

void bus_remove(struct bus *bus, struct bus_region *region)
{
	for (unsigned i = 0; i < bus->n; i++) {
		if (bus->regions[i] != region)
			continue;
		bus->n--;
		memmove(&bus->regions[i], &bus->regions[i + 1],
			(bus->n - i) * sizeof(bus->regions[0]));
		return;
	}
}

bool bus_access(struct bus *bus, uint64_t addr, void *data, unsigned len, bool is_write)
{
	unsigned at = above(bus, addr);
	struct bus_region *region = at ? bus->regions[at - 1] : NULL;
	struct range span = region ? (struct range){ region->base, region->size }
				   : (struct range){ 0, 0 };

	if (!range_holds(span, addr, len)) {
		if (!is_write)
			memset(data, 0xff, len);
		return false;
	}
	region->handler(region->ctx, addr - region->base, data, len, is_write);
	return true;
}
