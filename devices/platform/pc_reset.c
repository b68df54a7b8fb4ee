/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See pc_reset.h. Linux pulses the reset line up to ten times (reboot=k; mach_reboot in
 * arch/x86/kernel/reboot.c), each time after it has polled the controller's status for IBF, bit 1, to
 * clear: with all-ones there that alone takes 65,536 exits. So IBF reads as clear; everything else
 * of the status is ones, as where nothing is, and drivers that probe for a keyboard find none.
 *
 * Runs under the device lock, on a vcpu's thread.
 */
#include <devices/pc_reset.h>

#define COMMAND_RESET 0xfe /* pulse bit 0 of the output port, which is the processor's reset */
#define STATUS_ABSENT 0xfd /* all but IBF, "the command is still there" */

enum { RST_SYSTEM = BIT(1), RST_CPU = BIT(2), RST_FULL = BIT(3) };

static void keyboard_access(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	struct pc_reset *reset = ctx;
	uint8_t *byte = data;

	if (!is_write)
		*byte = STATUS_ABSENT;
	else if (*byte == COMMAND_RESET)
		loop_post(reset->loop, VM_EVENT_REBOOT, 0);
}

/* A reset is the rise of RST_CPU; RST_SYSTEM and RST_FULL say of what kind, which is one here. */
static void control_access(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	struct pc_reset *reset = ctx;
	uint8_t *byte = data;

	if (!is_write) {
		*byte = reset->control;
		return;
	}
	reset->control = *byte & (RST_SYSTEM | RST_FULL);
	if (*byte & RST_CPU)
		loop_post(reset->loop, VM_EVENT_REBOOT, 0);
}

void pc_reset_init(struct pc_reset *reset, struct loop *loop)
{
	*reset = (struct pc_reset){
		.loop = loop,
		.keyboard = {
			.base = PC_RESET_KEYBOARD_PORT,
			.size = 1,
			.handler = keyboard_access,
			.ctx = reset,
			.name = "keyboard reset",
		},
		.control_port = {
			.base = 0xcf9,
			.size = 1,
			.handler = control_access,
			.ctx = reset,
			.name = "reset control",
		},
	};
}
