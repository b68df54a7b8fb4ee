/* SPDX-License-Identifier: BSD-2-Clause */
/* What counts as a panic on a guest's console, and when it is over. */
#include "test.h"

#include <watch/panic_line.h>

/* How often it was over. */
static unsigned feed(struct panic_line *p, const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += panic_line_feed(p, (uint8_t)*text);
	return n;
}

static void ends(void)
{
	static const char *const over[] = {
		"[    1.5] Kernel panic - not syncing: VFS\r\n[    1.7] ---[ end Kernel panic - not syncing\r\n",
		"Kernel panic - not syncing: x\nRebooting in 5 seconds..\n",
		"[    1.5][    T1] Kernel panic - not syncing: x\n[    1.6][    T1] Rebooting in 5 seconds..\n",
		"<0>[    1.5] Kernel panic - not syncing: x\n<0>---[ end Kernel panic - not syncing: x ]---\n",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(over); i++) {
		struct panic_line p = { .n = 0 };

		CHECK_EQ(feed(&p, over[i]), 1);
		CHECK(p.panicked);
	}
}

/* panic=-1 says nothing more; until then nothing is over. */
static void goes_on(void)
{
	struct panic_line p = { .n = 0 };

	CHECK_EQ(feed(&p, "[    1.5] Kernel panic - not syncing: VFS: Unable to mount root fs"), 0);
	CHECK(!p.panicked);
	CHECK_EQ(feed(&p, "\n[    1.6] CPU: 0 UID: 0 PID: 1 Comm: swapper/0\n"), 0);
	CHECK(p.panicked);
}

static void others(void)
{
	static const char *const lines[] = {
		"Rebooting in 5 seconds..\n",
		"---[ end Kernel panic - not syncing: x ]---\n",
		"a test prints: Kernel panic - not syncing\nRebooting in 5 seconds..\n",
		"[    1.5] BUG: kernel NULL pointer dereference\n",
		"[    1.5 Kernel panic - not syncing\n",
		"kernel panic - not syncing\n",
		"\n\r\n[]\n<\n",
	};
	struct panic_line p = { .n = 0 };

	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
		CHECK_EQ(feed(&p, lines[i]), 0);
	for (unsigned i = 0; i < 100000; i++)
		panic_line_feed(&p, (uint8_t)(i * 31 + 1) | 0x80);
	CHECK_EQ(feed(&p, "\nRebooting in 5 seconds..\n"), 0);
	CHECK(!p.panicked);
}

static const struct test tests[] = { TEST(ends), TEST(goes_on), TEST(others) };
TEST_MAIN(tests)
