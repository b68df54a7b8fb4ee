/* SPDX-License-Identifier: BSD-2-Clause */
#include "test_log.h"

#include <base/types.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* How much of it the descriptor takes now. */
static size_t take(struct test_log *log, const uint8_t *bytes, size_t n)
{
	size_t done = 0;

	while (done < n && !log->lost) {
		ssize_t r = write(log->fd, bytes + done, n - done);

		if (r < 0 && errno == EAGAIN)
			break;
		if (r < 0 && errno != EINTR)
			log->lost = strerror(errno);
		done += r > 0 ? (size_t)r : 0;
	}
	return done;
}

bool test_log_has_room(const struct test_log *log)
{
	return !log->n || log->lost;
}

void test_log_flush(struct test_log *log)
{
	size_t done = take(log, log->stage, log->n);

	log->n -= done;
	memmove(log->stage, log->stage + done, log->n);
}

static void put(struct test_log *log, const uint8_t *bytes, size_t n)
{
	size_t done = log->n ? 0 : take(log, bytes, n);

	if (n - done > sizeof(log->stage) - log->n) {
		log->lost = log->lost ? log->lost : "its reader was too slow";
		return;
	}
	memcpy(log->stage + log->n, bytes + done, n - done);
	log->n += n - done;
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
		put(log, (const uint8_t *)line, (size_t)n);
	test_log_flush(log);
	if (log->n && !log->lost)
		log->lost = "its reader does not read";
}
