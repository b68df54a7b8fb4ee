/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest physical addresses of the x86_64 board (the map is in layout.h), from sizes, the width of the
 * processors and what devices reach. Pure: the same sizes give the same addresses on every host
 * whose processors are as wide and whose IOMMUs reserve the same.
 */
#include "layout.h"

#include "../common/place.h"

#include <arch/arch.h>
#include <base/error.h>
#include <errno.h>
#include <inttypes.h>

/* RAM fills these in turn, around what the devices cannot reach. */
static const struct range ram_spans[] = {
	{ 0, LAYOUT_MEM32_BASE },
	{ LAYOUT_HIGH_BASE, LAYOUT_HT_BASE - LAYOUT_HIGH_BASE },
	{ LAYOUT_HT_END, BIT64(LAYOUT_BITS_MAX) - LAYOUT_HT_END },
};

static uint64_t fill_spans(const struct board_config *config, uint64_t top,
			   const struct reach *reach, struct layout *layout)
{
	uint64_t align = MAX(PLACE_LARGE, config->hugepage), left = config->mem_size;

	for (unsigned i = 0; i < ARRAY_SIZE(ram_spans) && left; i++) {
		struct range span = ram_spans[i];

		if (span.base >= top)
			break;
		span.size = MIN(span.size, top - span.base);
		left = place_ram(layout, span, reach, align, left);
	}
	return left;
}

/* The boot data and the ACPI tables have no other place; kernels look after themselves (boot.c). */
static int check_first(const struct board_config *config, const struct reach *reach,
		       const struct layout *layout)
{
	struct range hole;

	if (!reach || (layout->n_ram && !layout->ram[0].base))
		return 0;
	hole = place_hole(reach, 0);
	return fail(STATUS_HOST, ERANGE,
		    "IOMMU of the devices: it reserves %#" PRIx64 "-%#" PRIx64
		    ", and the guest's RAM must begin at 0%s; see "
		    "/sys/kernel/iommu_groups/*/reserved_regions, and leave that device out",
		    hole.base, hole.base + hole.size - 1,
		    config->hugepage > PLACE_LARGE ? " with a whole huge page (hugepages=2M)" : "");
}

static struct range gap(uint64_t base, uint64_t end)
{
	return (struct range){ base, end > base ? end - base : 0 };
}

static struct range larger(struct range low, struct range high)
{
	return high.size > low.size ? high : low;
}

/*
 * The larger of what RAM leaves below and above AMD's hole; the lower when they are alike.
 */
static struct range place_mem64(const struct layout *layout, uint64_t top,
				const struct reach *reach)
{
	const struct range *last = &layout->ram[layout->n_ram - 1];
	uint64_t free = align_up(last->base + last->size, GIB(1));
	struct range low = gap(MAX(free, LAYOUT_HIGH_BASE), MIN(top, LAYOUT_HT_BASE));
	struct range high = gap(MAX(free, LAYOUT_HT_END), top);
	struct range reachable = larger(place_largest(low, reach, GIB(1)),
					place_largest(high, reach, GIB(1)));
	struct range best = place_window(larger(low, high), reachable, reach);

	return best.size ? best : (struct range){ 0, 0 };
}

int arch_layout(const struct board_config *config, unsigned address_bits, const struct reach *reach,
		struct layout *ret)
{
	unsigned bits = address_bits ? MIN(address_bits, LAYOUT_BITS_MAX) : LAYOUT_BITS_MAX;
	uint64_t top = BIT64(bits), rest;
	struct layout layout = {
		.pci = {
			.ecam = { LAYOUT_ECAM_BASE, LAYOUT_ECAM_SIZE },
			.mem32 = { LAYOUT_MEM32_BASE, LAYOUT_ECAM_BASE - LAYOUT_MEM32_BASE },
			.io = { LAYOUT_IO_BASE, LAYOUT_IO_SIZE },
			.intx_gsi = LAYOUT_INTX_GSI,
			.intx_n = LAYOUT_INTX_N,
		},
		.irq_pins = LAYOUT_PINS,
	};

	if (bits < 32)
		return fail(STATUS_HOST, ERANGE,
			    "KVM: %u bits of guest physical addresses; the board needs 32", bits);
	if (!config->mem_size)
		return fail(STATUS_USAGE, EINVAL, "--mem 0: a guest needs RAM; give some");
	rest = fill_spans(config, top, reach, &layout);
	if (check_first(config, reach, &layout))
		return -ERANGE;
	if (rest)
		return place_refuse(config, &layout, rest, reach, bits);
	layout.pci.mem64 = place_mem64(&layout, top, reach);
	*ret = layout;
	return 0;
}
