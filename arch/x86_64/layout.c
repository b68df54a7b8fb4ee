/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest physical addresses of the x86_64 board, from sizes alone (the map is in layout.h). Pure:
 * the same sizes give the same addresses on every host whose processors are as wide.
 */
#include "layout.h"

#include <arch/arch.h>
#include <base/error.h>
#include <errno.h>
#include <inttypes.h>

/* RAM fills these in turn: MEMORY_RAM_MAX is at least their number. */
static const struct range ram_spans[] = {
	{ 0, LAYOUT_MEM32_BASE },
	{ LAYOUT_HIGH_BASE, LAYOUT_HT_BASE - LAYOUT_HIGH_BASE },
	{ LAYOUT_HT_END, BIT64(LAYOUT_BITS_MAX) - LAYOUT_HT_END },
};

static uint64_t place_ram(uint64_t size, uint64_t top, struct layout *layout)
{
	for (unsigned i = 0; i < ARRAY_SIZE(ram_spans) && size; i++) {
		uint64_t base = ram_spans[i].base;
		uint64_t room = base < top ? MIN(ram_spans[i].size, top - base) : 0;
		uint64_t part = MIN(size, room);

		if (!part)
			break;
		layout->ram[layout->n_ram++] = (struct range){ base, part };
		size -= part;
	}
	return size;
}

static struct range gap(uint64_t base, uint64_t end)
{
	return (struct range){ base, end > base ? end - base : 0 };
}

/*
 * The larger of what RAM leaves below and above AMD's hole; the lower when they are alike, because
 * an IOMMU may be narrower than the processor and peer-to-peer goes by the same addresses.
 */
static struct range place_mem64(const struct layout *layout, uint64_t top)
{
	const struct range *last = &layout->ram[layout->n_ram - 1];
	uint64_t free = align_up(last->base + last->size, GIB(1));
	struct range low = gap(MAX(free, LAYOUT_HIGH_BASE), MIN(top, LAYOUT_HT_BASE));
	struct range high = gap(MAX(free, LAYOUT_HT_END), top);
	struct range best = high.size > low.size ? high : low;

	return best.size ? best : (struct range){ 0, 0 };
}

int arch_layout(const struct board_config *config, unsigned address_bits, struct layout *ret)
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
	rest = place_ram(config->mem_size, top, &layout);
	if (rest)
		return fail(STATUS_HOST, ERANGE,
			    "--mem %" PRIu64 "M: this host's processors give a guest %u bits of "
			    "physical addresses; give at most %" PRIu64 "M",
			    config->mem_size >> 20, bits, (config->mem_size - rest) >> 20);
	layout.pci.mem64 = place_mem64(&layout, top);
	*ret = layout;
	return 0;
}
