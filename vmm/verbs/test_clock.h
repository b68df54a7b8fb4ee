/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long `thru test` waits for what (test_clock.c). It looks at times and nothing else: who asks it says what
 * the time is, and does what is due.
 */
#pragma once

#include <cli/options.h>
#include <verdict/report.h>

enum test_due {
	TEST_DUE_NOTHING,
	TEST_DUE_QUESTION, /* the guest has had its time: it is asked where it stands */
	TEST_DUE_BREAK,    /* init did not answer to that: its kernel is asked */
	TEST_DUE_ANOTHER,  /* ... for the rest, when it has answered */
	TEST_DUE_END,      /* it has had the time to answer */
	TEST_DUE_KILL,     /* the VMM did not end when it was told to */
};

/* clock_ns() of what has happened; 0: it has not. */
struct test_clock {
	const uint64_t *moments;       /* of the run */
	uint64_t last_byte, last_file; /* from the guest */
	uint64_t heard;                /* since when it is read; the clock's own */
	uint64_t asked, broke[2];      /* where it stands; by a break, and another */
	uint64_t stopped;              /* the VMM was told to end */
};

/* What the guest was given time for when TEST_DUE_QUESTION came. */
struct test_patience {
	enum waited waited;
	unsigned seconds;
};

/*
 * What is due. `room`: what the guest says is read. *ret_next is when to look again, UINT64_MAX for never;
 * *ret_patience is set with TEST_DUE_QUESTION.
 */
enum test_due test_clock_due(struct test_clock *clock, const struct test_options *options,
			     enum link_state state, bool room, uint64_t now, uint64_t *ret_next,
			     struct test_patience *ret_patience) _must_check_;
