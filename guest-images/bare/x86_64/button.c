/* SPDX-License-Identifier: BSD-2-Clause */
/* The power button: the interrupt of the generic event device (ACPI 6.5 §5.6.9), then soft-off. */
#include "../lib/bare.h"

#define VECTOR 41

/* The Extended Interrupt Descriptor (§6.4.3.6) that follows the device's name in the DSDT. */
static uint32_t button_gsi(void)
{
	const uint8_t *dsdt = acpi_table("DSDT");
	uint32_t length = *(const uint32_t *)(dsdt + 4);
	bool here = false;

	for (uint32_t i = 36; i + 9 < length; i++) {
		here |= !memcmp(dsdt + i, "ACPI0013", 8);
		if (here && dsdt[i] == 0x89 && dsdt[i + 1] == 6 && dsdt[i + 2] == 0 && dsdt[i + 4] == 1)
			return dsdt[i + 5] | (uint32_t)dsdt[i + 6] << 8;
	}
	bad("no generic event device");
}

void main(void)
{
	irq_init();
	irq_route(button_gsi(), VECTOR, false);
	say("press the button");
	for (unsigned n = 1; n <= 3; n++) {
		for (unsigned tries = 0; !irq_wait(VECTOR, n); tries++)
			if (tries == 15)
				bad("nobody pressed");
		say("pressed %d", (uint64_t)n);
	}
	ok();
}
