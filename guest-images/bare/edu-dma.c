/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DMA of QEMU's edu device (QEMU docs/specs/edu.rst) that was passed to us: in RAM and back, without
 * bus mastering, and outside of RAM, where the IOMMU stops it and we go on.
 */
#include "lib/bare.h"

enum { FROM = 0x80, TO = 0x88, COUNT = 0x90, COMMAND = 0x98, DEVICE_BUFFER = 0x40000, TO_RAM = 2 };

static uint64_t bar;
static unsigned bdf;
static uint8_t source[4096], target[3 * 4096];

static void dma(uint64_t from, uint64_t to, uint32_t n, uint32_t command)
{
	write32(bar + FROM, (uint32_t)from);
	write32(bar + TO, (uint32_t)to);
	write32(bar + COUNT, n);
	write32(bar + COMMAND, 1 | command);
	for (unsigned ms = 0; read32(bar + COMMAND) & 1; ms++, mdelay(1))
		if (ms == 20000)
			bad("DMA does not end");
}

static void copy_through(const char *when)
{
	memset(target, 0xee, sizeof(target));
	dma((uint64_t)source, DEVICE_BUFFER, 4096, 0);
	dma(DEVICE_BUFFER, (uint64_t)target + 4096, 4096, TO_RAM);
	for (unsigned i = 0; i < sizeof(target); i++)
		check(when, target[i], i / 4096 == 1 ? source[i - 4096] : 0xee);
}

void main(void)
{
	int found = pci_find(0x11e81234);

	if (found < 0)
		bad("no edu");
	bdf = (unsigned)found;
	bar = pci_bar(bdf, 0);
	pci_write(bdf, 4, 2);
	for (unsigned i = 0; i < sizeof(source); i++)
		source[i] = (uint8_t)noise();
	memset(target, 0xee, sizeof(target));
	dma(DEVICE_BUFFER, (uint64_t)target, 4096, TO_RAM);
	for (unsigned i = 0; i < sizeof(target); i++)
		check("DMA without bus mastering", target[i], 0xee);
	pci_write(bdf, 4, 6);
	copy_through("DMA in RAM");
	if (ram_end() > DMA_OUTSIDE)
		bad("RAM up to %x: give less", ram_end());
	/* A little only: the IOMMU may tell of each word, and soon no more. Two faults at once may count as one. */
	dma(DEVICE_BUFFER, DMA_OUTSIDE, 16, TO_RAM);
	mdelay(100);
	dma(DMA_OUTSIDE, DEVICE_BUFFER, 16, 0);
	copy_through("DMA in RAM after DMA outside");
	ok();
}
