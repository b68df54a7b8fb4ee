/* SPDX-License-Identifier: BSD-2-Clause */
/* pvpanic PCI (QEMU docs/specs/pvpanic.rst): first that a crash kernel takes over, then a panic. */
#include "lib/bare.h"

void main(void)
{
	int bdf = pci_find(0x00111b36);
	uint64_t bar;

	if (bdf < 0)
		bad("no pvpanic");
	bar = pci_bar((unsigned)bdf, 0);
	check("BAR size", pci_bar_size((unsigned)bdf, 0), 16);
	check("decode off", read8(bar), 0xff);
	pci_write((unsigned)bdf, 4, 2);
	check("panic and crash are events", read8(bar) & 3, 3);
	check("16 bits", read16(bar) & 3, 3);
	write32(bar + 4, 1);		/* not the register */
	write8(bar, 0x00), write8(bar, 0x80), write8(bar, 0x02);
	mdelay(20);
	say("ok");
	write8(bar, 0x01);
	mdelay(500);
	bad("runs on");
}
