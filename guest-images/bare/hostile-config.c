/* SPDX-License-Identifier: BSD-2-Clause */
/* Garbage of every size and alignment over the configuration space of every function. */
#include "lib/bare.h"

static void poke(uint64_t at, unsigned size, bool is_write)
{
	uint64_t v = noise();

	switch (size << 1 | is_write) {
	case 2: read8(at); break;
	case 3: write8(at, (uint8_t)v); break;
	case 4: read16(at); break;
	case 5: write16(at, (uint16_t)v); break;
	case 8: read32(at); break;
	case 9: write32(at, (uint32_t)v); break;
	case 16: read64(at); break;
	default: write64(at, v);
	}
}

#ifdef __x86_64__
/* CF8/CFC: any of the eight ports, mostly with an address that is one. */
static void ports(void)
{
	uint32_t v = (uint32_t)noise(), where = (uint32_t)noise();
	uint16_t at = (uint16_t)(0xcf8 + (where & 7));

	outl(0xcf8, (where & 0x70 ? 0x80000000 : 0) | (where >> 8 & (where & 0x80 ? 0x1ffc : 0xffffff)));
	switch (v & 7) {
	case 0: outb(at, (uint8_t)(v >> 8) & (at == 0xcf9 ? 0xfb : 0xff)); break;	/* no reset */
	case 1: outw(at, (uint16_t)(v >> 8)); break;
	case 2: outl(at, v); break;
	case 3: inb(at); break;
	case 4: inw(at); break;
	case 5: inl(at); break;
	case 6: outl(0xcfc, v); break;
	default: outw(0xcfe, (uint16_t)v);
	}
}
#else
/* The window of I/O ports, and a little beside it. */
static void ports(void)
{
	poke(loose(IO_PORTS) + (noise() & 0x107ff) - 0x80, 1u << (noise() >> 8 & 3), noise() >> 9 & 1);
}
#endif

void main(void)
{
	uint64_t ecam = loose(ecam_base());

	aborts_expect();

	for (unsigned bdf = 0; bdf < 256; bdf++) {
		bool there = pci_read(bdf, 0) != ~0u;

		for (unsigned i = 0; i < (there ? 4096 : 16); i++) {
			unsigned at = there ? i : noise() & 0xfff;

			poke(ecam + (bdf << 12) + at, 1u << (noise() >> 8 & 3), noise() >> 9 & 3);
		}
		for (unsigned i = 0; there && i < 256; i += 1 + (noise() >> 8 & 1))	/* all sizes */
			for (unsigned size = 1; size <= 8; size *= 2)
				poke(ecam + (bdf << 12) + i, size, true), poke(ecam + (bdf << 12) + i, size, false);
	}
	for (unsigned i = 0; i < 2000; i++)
		poke(ecam + (noise() & 0xfffff), 1u << (noise() >> 8 & 3), noise() >> 9 & 1);
	for (unsigned i = 0; i < 2000; i++)
		ports();
	poke(ecam + 0xffffc, 8, true), poke(ecam + 0xffffc, 8, false);	/* over the end */
	poke(ecam - 4, 8, true), poke(ecam - 4, 8, false);
	check("host bridge", pci_read(0, 0), 0x00081b36);
	check("pvpanic", pci_read(1 << 3, 0), 0x00111b36);
	ok();
}
