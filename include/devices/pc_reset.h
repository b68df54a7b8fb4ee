/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two ways in which software resets a PC without ACPI: the keyboard controller's command FEh
 * (port 64h; Intel 8042 data sheet, "pulse output port") and the Reset Control Register (port CF9h;
 * Intel ICH9 data sheet §13.7.5, RST_CNT). No keyboard controller is behind the first.
 */
#pragma once

#include <base/types.h>
#include <core/bus.h>
#include <core/loop.h>

#define PC_RESET_KEYBOARD_PORT 0x64

struct pc_reset {
	struct loop *loop;
	uint8_t control; /* RST_CNT as written, without RST_CPU */
	struct bus_region keyboard;
	struct bus_region control_port; /* for pci_root's reset_control: CF9h lies inside CF8h */
};

/* Post VM_EVENT_REBOOT to `loop`. The caller puts the regions where they belong. */
void pc_reset_init(struct pc_reset *reset, struct loop *loop);
