/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleep, reset and power button of an ACPI hardware-reduced machine: SLEEP_CONTROL_REG and
 * SLEEP_STATUS_REG (ACPI 6.5 §4.8.3.7), RESET_REG (§4.8.3.6), and the button's interrupt, which
 * the DSDT's generic event device (§5.6.9) turns into a notification.
 */
#pragma once

#include <base/types.h>
#include <core/irq.h>
#include <core/loop.h>

#define POWER_SLEEP_CONTROL 0 /* offsets in the block of ports */
#define POWER_SLEEP_STATUS  1
#define POWER_RESET         2
#define POWER_REGISTERS     4
#define POWER_RESET_VALUE   0x06 /* FADT.RESET_VALUE */
#define POWER_S5_TYPE       5    /* SLP_TYPx of \_S5 */

struct power {
	struct loop *loop;
	struct irq_line button;
};

void power_init(struct power *power, struct loop *loop, struct irq_line button);

/* bus_handler; ctx is the struct power. Posts VM_EVENT_POWEROFF or VM_EVENT_REBOOT. */
void power_access(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write);

/* Press the button: an edge on its line. With the device lock held. */
void power_button_press(struct power *power);
