/* SPDX-License-Identifier: BSD-2-Clause */
/* For proofs: what is said to the operator is not looked at. A reason is recorded, as error.c does it, or not. */
#include <base/error.h>
#include <base/log.h>

static bool recorded;

int fail(enum exit_status status, int errnum, const char *fmt, ...)
{
	recorded = true;
	return -errnum;
}

const char *error_message(void)
{
	return recorded ? "reason" : "";
}

void error_clear(void)
{
	recorded = false;
}

void log_warn(const char *fmt, ...)
{
}

void log_guest(struct ratelimit *rl, const char *fmt, ...)
{
}
