/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The FADT's reset register (ACPI 6.5 §4.8.3.6), or as the command line says: `keyboard`, the controller's
 * command, or `chipset`, the Reset Control Register. What only resembles them does nothing.
 */
#include "../lib/bare.h"

void main(void)
{
	const uint8_t *fadt = acpi_table("FACP");

	outb(0xcf9, 0x02), outb(0xcf9, 0x08), outw(0xcf9, 0x0606);	/* chipset */
	outb(0x64, 0xff), outb(0x60, 0xfe), outw(0x64, 0xfefe);		/* keyboard controller */
	outb(0x92, 0x01);						/* fast A20 and reset */
	outb(power_port(FADT_RESET), (uint8_t)~fadt[128]);		/* not the value it wants */
	mdelay(20);
	say("ok");
	if (!memcmp(command_line(), "keyboard", 8))
		outb(0x64, 0xfe);
	else if (!memcmp(command_line(), "chipset", 7))
		outb(0xcf9, 0x06);
	reset();
}
