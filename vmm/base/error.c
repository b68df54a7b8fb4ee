/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recorded reason of a failure: one line, one status, each thread's own; its first record wins.
 */
#include <base/error.h>

#include <stdarg.h>
#include <stdio.h>

static _Thread_local struct error record = { .status = STATUS_FAILURE };

int fail(enum exit_status why, int errnum, const char *fmt, ...)
{
	va_list ap;

	if (!record.text[0]) {
		va_start(ap, fmt);
		vsnprintf(record.text, sizeof(record.text), fmt, ap);
		va_end(ap);
		record.status = why;
	}
	return -errnum;
}

const char *error_message(void)
{
	return record.text;
}

enum exit_status error_status(void)
{
	return record.status;
}

void error_clear(void)
{
	record.text[0] = 0;
	record.status = STATUS_FAILURE;
}

void error_take(struct error *ret)
{
	*ret = record;
	error_clear();
}

void error_put(const struct error *error)
{
	record = *error;
}
