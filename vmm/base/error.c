/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recorded reason of a failure: one line, one status, first record wins. Any thread may fail.
 */
#include <base/error.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum exit_status status = STATUS_FAILURE;
static char message[1024];

int fail(enum exit_status why, int errnum, const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&lock);
	if (!message[0]) {
		va_start(ap, fmt);
		vsnprintf(message, sizeof(message), fmt, ap);
		va_end(ap);
		status = why;
	}
	pthread_mutex_unlock(&lock);
	return -errnum;
}

const char *error_message(void)
{
	return message;
}

enum exit_status error_status(void)
{
	return status;
}

void error_clear(void)
{
	pthread_mutex_lock(&lock);
	message[0] = 0;
	status = STATUS_FAILURE;
	pthread_mutex_unlock(&lock);
}
