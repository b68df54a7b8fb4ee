/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The answer to whether a function can be had: 0, or -errno with the reason in the asker's text (hostfn.h).
 * No error is recorded, for that a function is not ready is what was asked.
 */
#pragma once

#include <base/types.h>
#include <stdarg.h>
#include <stdio.h>

struct answer {
	char *why;
	size_t size;
};

static inline _printf_(3, 4) int answer(struct answer a, int errnum, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a.why, a.size, fmt, ap);
	va_end(ap);
	return -errnum;
}
