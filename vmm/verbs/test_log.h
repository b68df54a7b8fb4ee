/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --log: the kernel's console as it comes, up to a bound, and then a line that says how much more came. What cannot be
 * written may not stop a run: a verdict is worth more. A pipe whose reader takes its time is waited for as the reader
 * of an output is, in the loop of whoever watches: what it does not take yet stays in a stage. Main thread only.
 */
#pragma once

#include <base/types.h>

#define TEST_LOG_MAX   MIB(64)
#define TEST_LOG_STAGE KIB(64)

struct test_log {
	int fd; /* -1: none */
	uint64_t bytes, cut;
	const char *lost; /* why it is not whole, when that is not for its size */
	size_t n;         /* in the stage */
	uint8_t stage[TEST_LOG_STAGE];
};

/* Whether all was written: only then more is to come. */
bool test_log_has_room(const struct test_log *log);
void test_log_write(struct test_log *log, const void *bytes, size_t n);
/* What the descriptor takes now. */
void test_log_flush(struct test_log *log);
void test_log_finish(struct test_log *log);
