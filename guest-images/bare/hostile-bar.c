/* SPDX-License-Identifier: BSD-2-Clause */
/* BARs, with decode on, over everything that is there: RAM, ECAM, interrupt controllers, each other. */
#include "lib/bare.h"

static volatile uint32_t canary[4096];
static uint64_t ecam, identities;

static void unhurt(void)
{
	check("host bridge", read32(ecam), 0x00081b36);
	check("interrupt controllers", controllers(), identities);
	for (unsigned i = 0; i < 4096; i += 512)
		check("RAM", canary[i], i);
}

/* Only reads: what lies behind a BAR may be the host's device. */
static void look(unsigned bdf, unsigned n)
{
	uint64_t at = pci_read(bdf, 0x10 + 4 * n) & ~15u;

	if (at)
		read32(loose(at)), read8(loose(at) + 1), read64(loose(at) + 4);
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

void main(void)
{
	const uint32_t targets[] = {
		TARGETS, (uint32_t)(uint64_t)canary & ~0xfffffu, (uint32_t)ram_end() - 0x1000, (uint32_t)ram_end(),
		(uint32_t)ecam_base() - 0x1000, (uint32_t)ecam_base(), (uint32_t)ecam_base() + 0x8000,
	};
	const unsigned n = sizeof(targets) / sizeof(targets[0]);

	aborts_expect();
	ecam = ecam_base();
	identities = controllers();
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
