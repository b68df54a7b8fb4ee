/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines on stderr that are not the final error. Each is one line, prefixed "thru: ". Thread-safe:
 * one write(2) per line. Colour is used only when stderr is a terminal.
 */
#pragma once

#include <base/types.h>

/* Something the operator should know although the work goes on. */
void log_warn(const char *fmt, ...) _printf_(1, 2);

/* At most `burst` lines in each span of 10 s; static storage, zero-initialised. */
struct ratelimit {
	uint64_t window_ns;
	unsigned lines;
};

/* The guest did something its device's spec does not allow. At most 5 lines in 10 s per `rl`. */
void log_guest(struct ratelimit *rl, const char *fmt, ...) _printf_(2, 3);
