/* SPDX-License-Identifier: BSD-2-Clause */
#include "test_log.h"

#include <base/fd.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void put(struct test_log *log, const void *bytes, size_t n)
{
	if (fd_write_all(log->fd, bytes, n))
		log->lost = strerror(errno);
}

void test_log_write(struct test_log *log, const void *bytes, size_t n)
{
	size_t taken = MIN(n, TEST_LOG_MAX - log->bytes);

	if (log->fd < 0 || log->lost)
		return;
	put(log, bytes, taken);
	log->bytes += taken;
	log->cut += n - taken;
}

void test_log_finish(struct test_log *log)
{
	char line[80];
	int n = snprintf(line, sizeof(line), "\nthru: the log was cut here: %llu bytes more came\n",
			 (unsigned long long)log->cut);

	if (log->cut && !log->lost)
		put(log, line, (size_t)n);
}
