/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A verdict for programs: JSON (RFC 8259; thru-test(1), JSON) and JUnit's XML, as CI systems read it. What
 * a guest printed may hold any bytes; what comes out is valid. Pure, but for the writing.
 */
#pragma once

#include <stdio.h>
#include <verdict/decide.h>

#define REPORT_SCHEMA 1

enum report_moment {
	MOMENT_EXEC,
	MOMENT_VM,
	MOMENT_CONSOLE,
	MOMENT_INIT,
	MOMENT_START,
	MOMENT_END,
	MOMENT_OFF,
	MOMENT_N
};

struct report {
	const struct decision *decision;
	const struct facts *facts;
	const char *kernel, *cmdline;
	char *const *command;       /* NULL at its end; NULL: a shell */
	const char *const *devices; /* as --vfio names them, NULL at the end */
	uint64_t moments[MOMENT_N]; /* ns since exec; 0: it did not come to that */
	uint64_t peak_kib;          /* resident memory of the VMM, guest and all */
};

void report_json(const struct report *report, FILE *out);
void report_junit(const struct report *report, FILE *out);
