/* SPDX-License-Identifier: BSD-2-Clause */
/* A PC's two reset ports: what resets, what does not, and what is read there. */
#include "test.h"

#include "board.h"

#include <core/loop.h>
#include <devices/pc_reset.h>

static struct loop loop;
static struct pc_reset reset;

static void set_up(void)
{
	board_init();
	if (loop_init(&loop, NULL))
		abort();
	pc_reset_init(&reset, &loop);
	root.reset_control = &reset.control_port;
	if (bus_add(&pio, &reset.keyboard))
		abort();
}

/* What was posted since. */
static enum vm_event posted(void)
{
	enum vm_event event = loop.event;

	loop.event = VM_EVENT_NONE;
	return event;
}

static void keyboard(void)
{
	set_up();
	CHECK_EQ(port(0x64, 1), 0xfd); /* IBF clear: the next command may come */
	for (unsigned command = 0; command < 256; command++) {
		port_set(0x64, 1, command);
		CHECK_EQ(posted(), command == 0xfe ? VM_EVENT_REBOOT : VM_EVENT_NONE);
	}
	port_set(0x60, 1, 0xfe);
	port_set(0x64, 2, 0xfefe);
	CHECK_EQ(posted(), VM_EVENT_NONE);
	loop_deinit(&loop);
}

/* As Linux does it: the kind first, then RST_CPU (arch/x86/kernel/reboot.c, BOOT_CF9_SAFE). */
static void control(void)
{
	set_up();
	CHECK_EQ(port(0xcf9, 1), 0);
	port_set(0xcf9, 1, 2);
	CHECK_EQ(posted(), VM_EVENT_NONE);
	CHECK_EQ(port(0xcf9, 1), 2);
	port_set(0xcf9, 1, 6);
	CHECK_EQ(posted(), VM_EVENT_REBOOT);
	CHECK_EQ(port(0xcf9, 1), 2);
	port_set(0xcf9, 1, 0xe);
	CHECK_EQ(posted(), VM_EVENT_REBOOT);
	loop_deinit(&loop);
}

/* The byte lies inside the address register of PCI, whose accesses are dwords. */
static void control_beside_cf8(void)
{
	set_up();
	port_set(0xcf8, 4, 0x80000600);
	CHECK_EQ(posted(), VM_EVENT_NONE);
	CHECK_EQ(port(0xcf8, 4), 0x80000600);
	port_set(0xcf8, 2, 0x0600);
	port_set(0xcfa, 1, 6);
	CHECK_EQ(posted(), VM_EVENT_NONE);
	CHECK_EQ(port(0xcfa, 1), 0xff);
	port_set(0xcf9, 1, 6);
	CHECK_EQ(posted(), VM_EVENT_REBOOT);
	CHECK_EQ(port(0xcf8, 4), 0x80000600);
	/* Linux is shown no CF8, and resets by CF9 all the same. */
	root.config.no_cf8 = true;
	CHECK_EQ(port(0xcf8, 4), 0xffffffff);
	port_set(0xcf9, 1, 2);
	port_set(0xcf9, 1, 6);
	CHECK_EQ(posted(), VM_EVENT_REBOOT);
	root.config.no_cf8 = false;
	root.reset_control = NULL;
	CHECK_EQ(port(0xcf9, 1), 0xff);
	loop_deinit(&loop);
}

static const struct test tests[] = { TEST(keyboard), TEST(control), TEST(control_beside_cf8) };
TEST_MAIN(tests)
