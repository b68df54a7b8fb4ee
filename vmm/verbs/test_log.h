/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --log: the kernel's console as it comes, up to a bound, and then a line that says how much more came. It may
 * not stop a run: a verdict is worth more. Main thread only.
 */
#pragma once

#include <base/types.h>

#define TEST_LOG_MAX MIB(64)

struct test_log {
	int fd; /* -1: none */
	uint64_t bytes, cut;
	const char *lost; /* why it is not whole, when that is not for its size */
};

void test_log_write(struct test_log *log, const void *bytes, size_t n);
void test_log_finish(struct test_log *log);
