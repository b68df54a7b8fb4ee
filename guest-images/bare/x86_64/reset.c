/* SPDX-License-Identifier: BSD-2-Clause */
/* The FADT's reset register (ACPI 6.5 §4.8.3.6). A PC's other ways to reset are not there. */
#include "../lib/bare.h"

void main(void)
{
	const uint8_t *fadt = acpi_table("FACP");

	outb(0xcf9, 0x02), outb(0xcf9, 0x06), outb(0xcf9, 0x0e);	/* chipset */
	outb(0x64, 0xfe);						/* keyboard controller */
	outb(0x92, 0x01);						/* fast A20 and reset */
	outb(power_port(FADT_RESET), (uint8_t)~fadt[128]);		/* not the value it wants */
	mdelay(20);
	say("ok");
	reset();
}
