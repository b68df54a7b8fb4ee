/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines on stderr. Each is one line, prefixed "thru: ", never torn. Thread-safe. Colour is used only
 * when stderr is a terminal.
 *
 * After log_start() nobody who says something waits for whoever reads it: what is no regular file is
 * written by a thread of its own, from a queue of LOG_QUEUE bytes. What finds the queue full is lost,
 * and how many lines that were is told as soon as there is room.
 */
#pragma once

#include <base/types.h>

#define LOG_QUEUE MIB(1)

/* The final error: no colour. */
void log_error(const char *text);

/* Something the operator should know although the work goes on. */
void log_warn(const char *fmt, ...) _printf_(1, 2);

/* At most `burst` lines in each span of 10 s; static storage, zero-initialised. */
struct ratelimit {
	uint64_t window_ns;
	unsigned lines;
};

/* The guest did something its device's spec does not allow. At most 5 lines in 10 s per `rl`. */
void log_guest(struct ratelimit *rl, const char *fmt, ...) _printf_(2, 3);

/* Text as it is, whole or not at all. 0 or -errno, nothing recorded; queued is not yet written. */
int log_text(const char *text, size_t len);

/* Before any other thread; what was blocked of the signals stays so. 0 or -errno with the reason. */
int log_start(void) _must_check_;

/*
 * Wait until the queue is written, `ms` at most. 0, or -errno when anything in it was not, now or
 * before. Harmless without log_start().
 */
int log_finish(unsigned ms);
