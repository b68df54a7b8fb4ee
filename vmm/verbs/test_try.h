/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One try of `thru test` as a process: begun, read, reported. It writes its parts of the JSON and JUnit into
 * memory files, and what it prints comes through a pipe, of which the end is kept.
 */
#pragma once

#include "test_many.h"

#include <signal.h>
#include <stdio.h>
#include <sys/types.h>

#define TEST_OUTPUT_MAX (1u << 16) /* of what a try prints, its end */

struct test_slot {
	struct test_try try;
	pid_t pid; /* 0: free */
	int out;   /* -1: the try has our own streams */
	size_t n;
	char output[TEST_OUTPUT_MAX];
};

/*
 * The slot has the run, the number and a result. `signals`: the mask that the try starts with. *ret_child is
 * true in the new process.
 */
int test_try_begin(struct test_slot *slot, const struct test_options *options,
		   const sigset_t *signals, bool *ret_child) _must_check_;

/* False when nothing more is there now. */
bool test_try_read(struct test_slot *slot);

/* Its process has ended: the rest is read, and the result is what it told, or what is to be said of it. */
void test_try_end(struct test_slot *slot, int wait_status);

/* After that, into files that may be NULL. */
void test_try_report(struct test_slot *slot, const struct test_options *options, FILE *json,
		     FILE *junit, bool first);

/* How many at once: what was asked for, or what processors and memory allow. */
unsigned test_try_jobs(const struct test_options *options);
