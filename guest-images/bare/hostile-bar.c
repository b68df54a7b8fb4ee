/* SPDX-License-Identifier: BSD-2-Clause */
/* BARs, with decode on, over everything that is there: RAM, ECAM, interrupt controllers, each other. */
#include "lib/bare.h"

static volatile uint32_t canary[4096];
static uint32_t ecam, apic_version, ioapic_version;

static uint32_t ioapic(void)
{
	write32(0xfec00000, 1);
	return read32(0xfec00010);
}

static void unhurt(void)
{
	check("host bridge", read32(ecam), 0x00081b36);
	check("local APIC", apic_read(APIC_VERSION), apic_version);
	check("IOAPIC", ioapic(), ioapic_version);
	for (unsigned i = 0; i < 4096; i += 512)
		check("RAM", canary[i], i);
}

/* Only reads: what lies behind a BAR may be the host's device. */
static void look(unsigned bdf, unsigned n)
{
	uint64_t at = pci_read(bdf, 0x10 + 4 * n) & ~15u;

	if (at)
		read32(at), read8(at + 1), read64(at + 4);
}

static void place(unsigned bdf, unsigned n, uint32_t low, uint32_t high)
{
	pci_write(bdf, 0x10 + 4 * n, ~0u);	/* sizing, with decode on */
	pci_write(bdf, 0x10 + 4 * n, low);
	look(bdf, n);
	if (n < 5)
		pci_write(bdf, 0x14 + 4 * n, high);
	pci_write(bdf, 0x30, low | 1);		/* the ROM too */
	unhurt();
}

void main(uint32_t info)
{
	const uint32_t targets[] = {
		0, 0x1000, 0x100000, 0x200000, (uint32_t)(uint64_t)canary & ~0xfffffu, (uint32_t)ram_end() - 0x1000,
		(uint32_t)ram_end(), 0xbff00000, 0xc0000000, 0xc0000010, 0xc0080000, 0xc0100000, 0xd0000000,
		(uint32_t)ecam_base() - 0x1000, (uint32_t)ecam_base(), (uint32_t)ecam_base() + 0x8000, 0xfec00000,
		0xfee00000, 0xfef00000, 0xfffbc000, 0xfff00000, 0xffffffff,
	};
	const unsigned n = sizeof(targets) / sizeof(targets[0]);

	(void)info;
	ecam = (uint32_t)ecam_base();
	apic_version = apic_read(APIC_VERSION), ioapic_version = ioapic();
	for (unsigned i = 0; i < 4096; i++)
		canary[i] = i;
	for (unsigned bdf = 0; bdf < 256; bdf++) {
		if (pci_read(bdf, 0) == ~0u)
			continue;
		pci_write(bdf, 4, 7);
		for (unsigned i = 0; i < n; i++)
			for (unsigned bar = 0; bar < 6; bar++)
				place(bdf, bar, targets[i], targets[noise() % n]);
	}
	/* All of them anywhere, decode going on and off. */
	for (unsigned i = 0; i < 300; i++) {
		unsigned bdf = (unsigned)(noise() % 3) << 3, bar = (unsigned)(noise() >> 8) % 6;

		pci_write(bdf, 4, noise() & 7);
		place(bdf, bar, targets[noise() % n] + (uint32_t)(noise() & 0x100ff0), targets[noise() % n]);
	}
	ok();
}
