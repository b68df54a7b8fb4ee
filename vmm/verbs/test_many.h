/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru test` more than once: --repeat, --jobs, --retry, --fail-fast. A run is one of --repeat; a try is one
 * guest, the first of its run or one that --retry allows.
 */
#pragma once

#include <cli/options.h>
#include <verdict/verdict.h>

/* What became of a try. It lies in memory that the try's process shares with ours. */
struct test_result {
	bool told; /* else the process ended without a word */
	enum verdict verdict;
	int status; /* without --bisect */
	char cause[768];
};

struct test_try {
	unsigned run, number; /* counted from 1 */
	char log[4096];       /* "": none */
	int json, junit;      /* -1: not asked for */
	struct test_result *result;
};

bool test_many_wanted(const struct test_options *options);

/*
 * Every try is a process that calls `one`; what that returns is the process's exit status, and here too:
 * *ret_child is true there, and the caller goes straight back to main(). Else the exit status of the whole,
 * with its reason recorded.
 */
int test_many(const struct test_options *options, int (*one)(void *ctx, const struct test_try *try),
	      void *ctx, bool *ret_child);
