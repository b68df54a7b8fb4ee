/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few registers of an ACPI hardware-reduced machine, a byte each (ACPI 6.5 §4.8.3.6, §4.8.3.7).
 * Only soft-off is a sleep state here: others are written to no effect, and WAK_STS never sets.
 *
 * Runs under the device lock, on a vcpu's thread.
 */
#include <devices/power.h>

#include <string.h>

#define SLEEP_ENABLE  BIT(5) /* §4.8.3.7, table 4.17: SLP_EN, write-only */
#define SLEEP_TYPE(v) ((v) >> 2 & 7)

void power_init(struct power *power, struct loop *loop, struct irq_line button)
{
	power->loop = loop;
	power->button = button;
}

static void write_register(struct power *power, uint64_t reg, uint8_t v)
{
	if (reg == POWER_SLEEP_CONTROL && v & SLEEP_ENABLE && SLEEP_TYPE(v) == POWER_S5_TYPE)
		loop_post(power->loop, VM_EVENT_POWEROFF, 0);
	else if (reg == POWER_RESET && v == POWER_RESET_VALUE)
		loop_post(power->loop, VM_EVENT_REBOOT, 0);
}

void power_access(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	const uint8_t *bytes = data;

	if (!is_write) {
		memset(data, 0, len);
		return;
	}
	for (unsigned i = 0; i < len; i++)
		write_register(ctx, offset + i, bytes[i]);
}

void power_button_press(struct power *power)
{
	irq_line_set(power->button, true);
	irq_line_set(power->button, false);
}
