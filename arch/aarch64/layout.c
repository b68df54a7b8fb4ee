/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses of the aarch64 board (layout.h) from the sizes asked for. Pure.
 */
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

/* The largest window, a power of two aligned to itself so that any BAR in it can be, above RAM. */
static struct range window_above(uint64_t ram_end, uint64_t top)
{
	for (uint64_t size = MEM64_LARGEST; size >= MEM64_SMALLEST; size /= 2) {
		uint64_t base = align_up(ram_end, size);

		if (base < top && size <= top - base)
			return (struct range){ base, size };
	}
	return (struct range){ 0, 0 };
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

int arch_layout(const struct board_config *config, unsigned address_bits, struct layout *ret)
{
	unsigned bits = address_bits && address_bits < WIDEST_BITS ? address_bits : WIDEST_BITS;
	uint64_t top = BIT64(bits);
	struct range mem64 = { 0, 0 };

	if (config->cpus > ARCH_CPUS_MAX)
		return fail(STATUS_USAGE, EINVAL, "--cpus %u: this board has at most %u",
			    config->cpus, ARCH_CPUS_MAX);
	if (top > LAYOUT_RAM && config->mem_size < top - LAYOUT_RAM)
		mem64 = window_above(LAYOUT_RAM + config->mem_size, top);
	if (!mem64.size)
		return fail(STATUS_HOST, E2BIG,
			    "--mem: %llu MiB do not fit into guest physical space, on this host "
			    "%u bits wide",
			    (unsigned long long)(config->mem_size >> 20), bits);
	*ret = (struct layout){
		.ram = { { LAYOUT_RAM, config->mem_size } },
		.n_ram = 1,
		.irq_pins = LAYOUT_GSI_PINS,
		.pci = {
			.ecam = { LAYOUT_ECAM, LAYOUT_ECAM_SIZE },
			.mem32 = { LAYOUT_MEM32, LAYOUT_RAM - LAYOUT_MEM32 },
			.mem64 = mem64,
			.io = { 0, LAYOUT_PCI_IO_SIZE },
			.io_mmio = LAYOUT_PCI_IO,
			.intx_gsi = LAYOUT_GSI_INTX,
			.intx_n = LAYOUT_INTX_N,
		},
	};
	return 0;
}
