/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test results in a command's output: KTAP version 1 (Documentation/dev-tools/ktap.rst in the kernel's
 * source) and TAP 13 and 14 (testanything.org), nested by indentation or, as kselftest does it, by `# `.
 * Results count when a version line or a plan says that they are some: before them, or a plan behind them that
 * fits. A line `ok 1` alone is nobody's business. Lines of the kernel's log may have their time in front.
 *
 * What comes may be anything: lines are cut, cases and depth bounded, and what is over the bounds is
 * counted. Pure.
 */
#pragma once

#include <base/types.h>

enum tap_result { TAP_OK, TAP_NOT_OK, TAP_SKIP, TAP_TODO };

struct tap_case {
	char *name; /* "outer / inner" */
	char *why;  /* diagnostics, the reason of a skip; may be NULL */
	enum tap_result result;
	unsigned indent; /* where the lines of its level begin */
};

#define TAP_DEPTH_MAX 16
#define TAP_CASES_MAX 100000
#define TAP_LINE_MAX  1024
#define TAP_NOTES_MAX 4096

struct tap_level {
	unsigned indent; /* where its lines begin */
	long planned;    /* -1: no plan */
	long seen;       /* results */
	unsigned first;  /* case */
	bool versioned;
	bool guessed; /* opened by a result: until a plan follows it may be prose */
	uint64_t counts[4];
};

struct tap {
	struct tap_case *cases;
	unsigned n, room;
	uint64_t beyond; /* cases that were not kept: those that failed are in `failed` */
	uint64_t counts[4];
	uint64_t broken; /* plans that were not finished, or went over, or are missing */
	bool bailed;
	struct tap_level levels[TAP_DEPTH_MAX];
	unsigned depth; /* 0: no results so far */
	char line[TAP_LINE_MAX];
	size_t line_n;
	char notes[TAP_NOTES_MAX];
	size_t notes_n;
	bool in_yaml;
};

void tap_feed(struct tap *tap, const char *bytes, size_t n);

/* The output has ended: plans that were not finished fail. */
void tap_finish(struct tap *tap);

void tap_deinit(struct tap *tap);

/* Does it fail a run? After tap_finish(). */
bool tap_failed(const struct tap *tap);
