/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel panic recognised by what the kernel prints on its console: for guests that panic before they have
 * a driver for pvpanic. Pure.
 */
#pragma once

#include <base/types.h>

struct panic_line {
	char line[160]; /* the beginning of the current one */
	size_t n;
	bool panicked;
};

/*
 * One byte of the console. True when the kernel has panicked and says all that it will: what comes
 * is a stop for ever, or a wait for its reboot.
 */
bool panic_line_feed(struct panic_line *p, uint8_t byte);
