/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stages between a guest and our standard streams. By the thread that watches it, which never waits here.
 */
#include "test_output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 4096 /* PIPE_BUF: what a pipe takes at once when poll() says that it takes any */

void test_output_init(struct test_output *output)
{
	output->streams[0].fd = STDOUT_FILENO;
	output->streams[1].fd = STDERR_FILENO;
}

bool test_output_has_room(const struct test_output *output)
{
	return output->lost ||
	       (output->streams[0].n <= TEST_STAGE / 2 && output->streams[1].n <= TEST_STAGE / 2);
}

void test_output_put(struct test_output *output, unsigned stream, uint8_t byte)
{
	struct test_stage *s = &output->streams[stream];

	if (!output->lost && s->n < TEST_STAGE)
		s->bytes[s->n++] = byte;
}

void test_output_write(struct test_output *output, unsigned stream)
{
	struct test_stage *s = &output->streams[stream];
	ssize_t n = write(s->fd, s->bytes, MIN(s->n, CHUNK));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		output->lost = stream ? "standard error" : "standard output";
		output->streams[0].n = output->streams[1].n = 0;
		return;
	}
	s->n -= (size_t)n;
	memmove(s->bytes, s->bytes + n, s->n);
}

bool test_output_written(const struct test_output *output)
{
	return output->lost || (!output->streams[0].n && !output->streams[1].n);
}
