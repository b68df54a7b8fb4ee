/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A verdict for programs: JSON (RFC 8259; thru-test(1), JSON) and JUnit's XML, as CI systems read it. What
 * a guest printed may hold any bytes; what comes out is valid. Pure, but for the writing.
 */
#pragma once

#include <stdio.h>
#include <verdict/collect.h>
#include <verdict/decide.h>

#define REPORT_SCHEMA 1

enum report_moment {
	MOMENT_EXEC,
	MOMENT_VM,
	MOMENT_FIRST,
	MOMENT_CONSOLE,
	MOMENT_INIT,
	MOMENT_START,
	MOMENT_END,
	MOMENT_OFF,
	MOMENT_N
};

struct report_exits {
	const char *name;
	uint64_t n;
};

struct report {
	const struct decision *decision;
	const struct facts *facts;
	const char *kernel, *cmdline;
	char *const *command;             /* NULL at its end; NULL: a shell */
	const char *const *devices;       /* as --vfio names them, NULL at the end */
	uint64_t moments[MOMENT_N];       /* ns since exec; 0: it did not come to that */
	const char *devices_by;           /* the way to them; "": none */
	const struct report_exits *exits; /* name NULL behind the last; NULL: not known */
	const char *config_hash;          /* "" or NULL: not known */
	const char *const *decoded;       /* lines, NULL behind the last; NULL: none */
	const struct collect *collect;    /* NULL: nothing */
	uint64_t peak_kib;                /* resident memory of the VMM, guest and all */
	unsigned run, number; /* of more than one: which run, and which try of it; else 0 */
};

void report_json(const struct report *report, FILE *out);

/* With `run` it is a part of a file, between what begins it and what ends it. */
void report_junit(const struct report *report, FILE *out);
void report_junit_begin(FILE *out);
void report_junit_end(FILE *out);

/* More than one try: the object's beginning, each try with a report_json() and a `}` behind it, the rest. */
struct report_counts {
	unsigned runs, passed, flaky, failed;
};

void report_json_begin(FILE *out);
void report_json_try(FILE *out, unsigned run, unsigned number, bool first);
void report_json_end(FILE *out, const struct report_counts *counts, enum verdict verdict,
		     int status, const char *cause);
