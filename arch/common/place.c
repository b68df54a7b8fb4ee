/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See place.h. What devices reach comes from IOMMU_IOAS_IOVA_RANGES (userspace-api/iommufd.rst):
 * ascending spans that neither touch nor overlap, the holes between them being reserved windows
 * (interrupts, firmware, HyperTransport) and the end of the last one the IOMMU's width. As a device
 * finds RAM at its guest physical address, RAM keeps out of the holes.
 */
#include "place.h"

#include <base/error.h>
#include <errno.h>
#include <inttypes.h>

/* No BARs are larger so far; and where space is so narrow, devices are small. */
#define WINDOW_ENOUGH GIB(256)

/* What `reach` leaves of `span` in its i-th part, in whole multiples of `align`. */
static struct range part_of(struct range span, const struct reach *reach, unsigned i,
			    uint64_t align)
{
	struct range part = reach ? reach->spans[i] : span;
	uint64_t base = MAX(part.base, span.base), end;

	end = MIN(part.base + part.size, span.base + span.size);
	base = align_up(base, align);
	end = align_down(end, align);
	return (struct range){ base, end > base ? end - base : 0 };
}

static unsigned parts(const struct reach *reach)
{
	return reach ? reach->n : 1;
}

uint64_t place_ram(struct layout *layout, struct range span, const struct reach *reach,
		   uint64_t align, uint64_t size)
{
	for (unsigned i = 0; i < parts(reach) && size; i++) {
		struct range part = part_of(span, reach, i, align);

		if (!part.size)
			continue;
		if (layout->n_ram == MEMORY_RAM_MAX)
			break;
		part.size = MIN(part.size, size);
		layout->ram[layout->n_ram++] = part;
		size -= part.size;
	}
	return size;
}

struct range place_largest(struct range span, const struct reach *reach, uint64_t align)
{
	struct range best = { 0, 0 };

	for (unsigned i = 0; i < parts(reach); i++) {
		struct range part = part_of(span, reach, i, align);

		if (part.size > best.size)
			best = part;
	}
	return best;
}

struct range place_window(struct range any, struct range reachable, const struct reach *reach)
{
	if (reachable.size && reach && reach->windows)
		return reachable;
	return reachable.size >= MIN(any.size, WINDOW_ENOUGH) ? reachable : any;
}

struct range place_hole(const struct reach *reach, gpa_t from)
{
	uint64_t at = 0;

	for (unsigned i = 0; i < reach->n; i++) {
		const struct range *span = &reach->spans[i];

		if (span->base > at && span->base > from)
			return (struct range){ at, span->base - at };
		at = span->base + span->size;
	}
	return (struct range){ at, UINT64_MAX - at };
}

/* One past the highest address that is reachable. */
static uint64_t end_of(const struct reach *reach)
{
	const struct range *last = reach && reach->n ? &reach->spans[reach->n - 1] : NULL;

	if (!reach)
		return UINT64_MAX;
	return last ? last->base + last->size : 0;
}

int place_refuse(const struct board_config *config, const struct layout *layout, uint64_t left,
		 const struct reach *reach, unsigned bits)
{
	uint64_t mem = config->mem_size >> 20, fits = (config->mem_size - left) >> 20;
	uint64_t end = end_of(reach);

	if (layout->n_ram == MEMORY_RAM_MAX)
		return fail(STATUS_HOST, ERANGE,
			    "--mem %" PRIu64 "M: the IOMMU of the devices reserves so many windows "
			    "that it falls into more than %d pieces; give at most %" PRIu64 "M",
			    mem, MEMORY_RAM_MAX, fits);
	if (end >= BIT64(bits))
		return fail(STATUS_HOST, ERANGE,
			    "--mem %" PRIu64 "M: this host's processors give a guest %u bits of "
			    "physical addresses; give at most %" PRIu64 "M",
			    mem, bits, fits);
	return fail(STATUS_HOST, ERANGE,
		    "--mem %" PRIu64 "M: the IOMMU of the devices reaches addresses below %#" PRIx64
		    " only; give at most %" PRIu64 "M",
		    mem, end, fits);
}
