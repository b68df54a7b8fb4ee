/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Garbage as messages: in the MSI capability and MSI-X table of every function, enabled and disabled,
 * masked and not, in every size; edu also sends some. Interrupts stay off here, and the delivery mode
 * is left at "fixed": a guest may send INIT to itself, and would be gone. (aarch64 knows none of these.)
 */
#include "lib/bare.h"

static void msi(unsigned bdf, unsigned cap, uint64_t edu)
{
	uint32_t control = pci_read(bdf, cap) >> 16;

	pci_write(bdf, cap + 4, (noise() & 1 ? MSI_DOORBELL & ~0xfffffu : 0) | (uint32_t)(noise() & 0xfffff));
	if (control & 0x80)
		pci_write(bdf, cap + 8, noise() & 3 ? 0 : (uint32_t)noise());
	write16(pci_address(bdf, cap + (control & 0x80 ? 12 : 8)), noise() & 0xf8ff);
	write16(pci_address(bdf, cap + 2), (uint16_t)noise());
	if (!edu)
		return;
	write32(edu + 0x60, 1);		/* raise, acknowledge */
	write32(edu + 0x64, 1);
}

static void msix(unsigned bdf, unsigned cap)
{
	uint32_t where = pci_read(bdf, cap + 4), pba = pci_read(bdf, cap + 8);
	uint32_t size = ((pci_read(bdf, cap) >> 16 & 0x7ff) + 1) * 16, at = (uint32_t)noise() % size;
	uint64_t table = loose(pci_bar(bdf, where & 7)) + (where & ~7u), v = noise();
	uint64_t pending = loose(pci_bar(bdf, pba & 7)) + (pba & ~7u);

	pci_write(bdf, 4, noise() & 7 ? 6 : 0);
	switch (noise() & 7) {
	case 0: write8(table + at, (uint8_t)v); break;
	case 1: write16(table + at, (uint16_t)v); break;
	case 2: write64(table + at, v); break;	/* over the end, too */
	case 3: write32(table + (at | 12), v & 1); break;	/* vector control */
	case 4: write16(pci_address(bdf, cap + 2), (uint16_t)(v | 0x8000)); break;
	case 5: write16(pci_address(bdf, cap + 2), (uint16_t)v); break;
	case 6: write64(pending + (v & 15), v); break;
	default: write32(table + at, (uint32_t)v);
	}
	read32(table + at), read64(pending + (v & 7));
}

void main(void)
{
	unsigned n = 0;

	irq_off();
	aborts_expect();
	for (unsigned bdf = 0; bdf < 256; bdf++) {
		unsigned cap = pci_read(bdf, 0) == ~0u ? 0 : pci_capability(bdf, 5);
		unsigned xcap = pci_read(bdf, 0) == ~0u ? 0 : pci_capability(bdf, 0x11);
		uint64_t edu = pci_read(bdf, 0) == 0x11e81234 ? pci_bar(bdf, 0) : 0;

		pci_write(bdf, 4, 6);
		for (unsigned i = 0; cap && i < 200; i++)
			msi(bdf, cap, edu);
		if (cap)
			write16(pci_address(bdf, cap + 2), 0);
		for (unsigned i = 0; xcap && i < 600; i++)
			msix(bdf, xcap);
		n += !!cap + !!xcap;
	}
	say("%d capabilities", (uint64_t)n);
	ok();
}
