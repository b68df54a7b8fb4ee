/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses of the aarch64 board (layout.h) from the sizes asked for and what devices reach. Pure.
 */
#include "../common/place.h"

#include <arch/arch.h>

#include <base/error.h>
#include <errno.h>

#include "layout.h"

#define WIDEST_BITS    48 /* kernels built without FEAT_LPA2 address no more */
#define NARROWEST_BITS 32 /* virt/kvm/api.rst 4.2 */
#define MEM64_SMALLEST GIB(4)
#define MEM64_LARGEST  TIB(1)

_Static_assert(LAYOUT_GICR + ARCH_CPUS_MAX * LAYOUT_GICR_SIZE <= LAYOUT_MEM32,
	       "redistributors of all processors lie below the PCI window");

static struct range gap(uint64_t base, uint64_t end)
{
	return (struct range){ base, end > base ? end - base : 0 };
}

static struct range window_in(struct range part, uint64_t size)
{
	uint64_t base = align_up(part.base, size);

	return range_holds(part, base, size) ? (struct range){ base, size }
					     : (struct range){ 0, 0 };
}

/* The largest window, a power of two aligned to itself so that any BAR in it can be. */
static struct range largest_window(struct range above, const struct reach *reach)
{
	struct range window = { 0, 0 };

	for (uint64_t size = MEM64_LARGEST; size >= MEM64_SMALLEST; size /= 2) {
		window = window_in(place_largest(above, reach, size), size);
		if (window.size)
			break;
	}
	return window;
}

static struct range place_mem64(const struct layout *layout, uint64_t top,
				const struct reach *reach)
{
	const struct range *last = &layout->ram[layout->n_ram - 1];
	struct range above = gap(last->base + last->size, top);

	return place_window(largest_window(above, NULL), largest_window(above, reach), reach);
}

/* KVM's page tables for a guest have fewer levels, and walks fewer steps, when it can address less. */
unsigned layout_address_bits(const struct layout *layout)
{
	uint64_t end = layout->pci.mem64.base + layout->pci.mem64.size;
	unsigned bits = NARROWEST_BITS;

	while (BIT64(bits) < end)
		bits++;
	return bits;
}

int arch_layout(const struct board_config *config, unsigned address_bits, const struct reach *reach,
		struct layout *ret)
{
	unsigned bits = address_bits && address_bits < WIDEST_BITS ? address_bits : WIDEST_BITS;
	uint64_t top = BIT64(bits), align = MAX(PLACE_LARGE, config->hugepage), left;
	struct layout layout = {
		.irq_pins = LAYOUT_GSI_PINS,
		.pci = {
			.ecam = { LAYOUT_ECAM, LAYOUT_ECAM_SIZE },
			.mem32 = { LAYOUT_MEM32, LAYOUT_RAM - LAYOUT_MEM32 },
			.io = { 0, LAYOUT_PCI_IO_SIZE },
			.io_mmio = LAYOUT_PCI_IO,
			.intx_gsi = LAYOUT_GSI_INTX,
			.intx_n = LAYOUT_INTX_N,
		},
	};

	if (config->cpus > ARCH_CPUS_MAX)
		return fail(STATUS_USAGE, EINVAL, "--cpus %u: this board has at most %u",
			    config->cpus, ARCH_CPUS_MAX);
	left = place_ram(&layout, gap(LAYOUT_RAM, top), reach, align, config->mem_size);
	if (left || !layout.n_ram)
		return place_refuse(config, &layout, left, reach, bits);
	layout.pci.mem64 = place_mem64(&layout, top, reach);
	if (!layout.pci.mem64.size)
		return fail(STATUS_HOST, E2BIG,
			    "--mem: %llu MiB leave no room for a PCI window in guest physical "
			    "space, on this host %u bits wide; give less",
			    (unsigned long long)(config->mem_size >> 20), bits);
	*ret = layout;
	return 0;
}
