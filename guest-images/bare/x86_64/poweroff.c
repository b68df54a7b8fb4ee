/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI soft-off (ACPI 6.5 §4.8.3.7), and everything next to it that must not switch off. */
#include "../lib/bare.h"

#define SLEEP_ENABLE 0x20

void main(void)
{
	uint16_t sleep = power_port(FADT_SLEEP);

	for (unsigned type = 0; type < 8; type++) {
		outb(sleep, (uint8_t)(type << 2));	/* without the enable bit, even S5 */
		if (type != sleep_type())
			outb(sleep, (uint8_t)(SLEEP_ENABLE | type << 2));
	}
	check("sleep control", inb(sleep) & SLEEP_ENABLE, 0);
	check("sleep status", inb((uint16_t)(sleep + 1)), 0);
	mdelay(20);
	ok();
}
