/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests in one file each: functions, one explicit table, one line per test on stdout
 * ("ok NAME", "FAIL NAME: where: what", "skip NAME: why") and a closing count. tests/run adds up.
 *
 *	static void bar_sizes(void)
 *	{
 *		CHECK_EQ(bar_read(&f), 0xfffff000);
 *	}
 *	static const struct test tests[] = { TEST(bar_sizes) };
 *	TEST_MAIN(tests)
 */
#pragma once

#include <base/error.h>
#include <base/types.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test {
	const char *name;
	void (*run)(void);
};

static char test_why[512];
static bool test_failed, test_skipped;

#define TEST(fn)        \
	{               \
#fn, fn \
	}

#define CHECK(cond)                                                                           \
	do {                                                                                  \
		if (!(cond)) {                                                                \
			test_failed = true;                                                   \
			snprintf(test_why, sizeof(test_why), "%s:%d: %s", __FILE__, __LINE__, \
				 #cond);                                                      \
			return;                                                               \
		}                                                                             \
	} while (0)

#define CHECK_EQ(a, b)                                                                      \
	do {                                                                                \
		uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b);                            \
		if (a_ != b_) {                                                             \
			test_failed = true;                                                 \
			snprintf(test_why, sizeof(test_why),                                \
				 "%s:%d: %s is %#" PRIx64 ", expected %#" PRIx64, __FILE__, \
				 __LINE__, #a, a_, b_);                                     \
			return;                                                             \
		}                                                                           \
	} while (0)

/* The recorded error must contain `text`; it is cleared. */
#define CHECK_ERROR(text)                                                                    \
	do {                                                                                 \
		if (!strstr(error_message(), text)) {                                        \
			test_failed = true;                                                  \
			snprintf(test_why, sizeof(test_why),                                 \
				 "%s:%d: error \"%.200s\" lacks \"%s\"", __FILE__, __LINE__, \
				 error_message(), text);                                     \
			return;                                                              \
		}                                                                            \
		error_clear();                                                               \
	} while (0)

#define SKIP(why)                                                \
	do {                                                     \
		test_skipped = true;                             \
		snprintf(test_why, sizeof(test_why), "%s", why); \
		return;                                          \
	} while (0)

static inline int test_main(const struct test *tests, unsigned n)
{
	unsigned passed = 0, failed = 0, skipped = 0;

	for (unsigned i = 0; i < n; i++) {
		test_failed = test_skipped = false;
		error_clear();
		tests[i].run();
		if (test_failed) {
			failed++;
			printf("FAIL %s: %s\n", tests[i].name, test_why);
		} else if (test_skipped) {
			skipped++;
			printf("skip %s: %s\n", tests[i].name, test_why);
		} else {
			passed++;
			printf("ok %s\n", tests[i].name);
		}
	}
	printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed != 0;
}

/* The next of numbers that look like chance and are the same each time (xorshift). The first is not 0. */
static inline void test_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
}

#define TEST_MAIN(table)                                    \
	int main(void)                                      \
	{                                                   \
		return test_main(table, ARRAY_SIZE(table)); \
	}
