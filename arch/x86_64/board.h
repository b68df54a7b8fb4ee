/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the x86_64 board owns beside the parts that every board has. Allocated by
 * arch_irqchip_init(), freed by arch_board_deinit().
 */
#pragma once

#include "cpuid.h"

#include <arch/arch.h>
#include <devices/pc_reset.h>
#include <devices/power.h>
#include <devices/pvpanic.h>
#include <devices/serial.h>

struct arch_board {
	struct kvm_cpuid2 *cpuid; /* what KVM supports: asked once, each vcpu's is made from it */
	struct serial serial;
	struct power power;
	struct pc_reset reset;
	struct pvpanic pvpanic;
	struct bus_region serial_ports, power_ports;
	bool has_serial, has_pvpanic;
	int cf8_sink; /* an eventfd: takes what the guest writes to CF8 where that is hidden; else -1 */
	unsigned tsc_khz; /* what each vcpu's TSC counts in a millisecond; 0: KVM does not say */
};
