/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way to the guest: ports, or the serial port that all share with the kernel's console (link.h). By the
 * thread that watches it, which never waits here: what the guest does not take stays staged.
 */
#include "test_input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 4096 /* PIPE_BUF: what a pipe takes at once when poll() says that it takes any */

/* How much more the guest takes now: a serial line has its window, a port its pipe, which says so itself. */
static size_t window(const struct test_input *in)
{
	const struct link *c = in->link;

	return c->serial ? LINK_WINDOW - (size_t)(c->sent - c->acknowledged) : CHUNK;
}

/* How many of the bytes went. */
static size_t send_stream(struct test_input *in, unsigned stream, const uint8_t *bytes, size_t n)
{
	struct link *c = in->link;
	uint8_t coded[2 * LINK_WINDOW];
	ssize_t done;

	if (!c->serial) {
		done = write(in->vm->port_in[stream], bytes, n);
		return done > 0 ? (size_t)done : 0;
	}
	for (size_t i = 0; i < n; i++)
		link_encode(stream, bytes[i], coded + 2 * i);
	c->sent += n;
	if (write(in->vm->console_in, coded, 2 * n) != (ssize_t)(2 * n) && errno == EAGAIN)
		c->lie = "an acknowledgement of what it did not read";
	return n;
}

bool test_input_tell(struct test_input *in, const char *line)
{
	size_t n = strlen(line);

	return in->link->state == LINK_STARTED && window(in) >= n &&
	       send_stream(in, LINK_CONTROL, (const uint8_t *)line, n) == n;
}

void test_input_send(struct test_input *in)
{
	struct test_stage *s = &in->stage;
	size_t n = MIN(s->n, window(in));
	char text[32];

	if (in->link->state != LINK_STARTED)
		return;
	if (n) {
		n = send_stream(in, LINK_STDIN, s->bytes, n);
		in->total += n;
		s->n -= n;
		memmove(s->bytes, s->bytes + n, s->n);
	}
	snprintf(text, sizeof(text), "eof %llu\n", (unsigned long long)in->total);
	if (in->end && !s->n && !in->told)
		in->told = test_input_tell(in, text);
}

bool test_input_wanted(const struct test_input *in)
{
	return !in->end && in->stage.n < TEST_STAGE / 2 && in->link->state == LINK_STARTED;
}

/* Take the escapes out of the keys; true when one of them was the end. */
static bool escapes(struct test_input *in, uint8_t *bytes, size_t *n)
{
	bool end = false;
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		bool escaped = in->escaped;

		in->escaped = !escaped && bytes[i] == 1;
		if (escaped && bytes[i] == 'x')
			end = true;
		else if (!in->escaped)
			bytes[kept++] = bytes[i];
	}
	*n = kept;
	return end;
}

bool test_input_read(struct test_input *in, bool terminal)
{
	uint8_t *at = in->stage.bytes + in->stage.n;
	ssize_t r = read(STDIN_FILENO, at, MIN(CHUNK, TEST_STAGE - in->stage.n));
	size_t n = (size_t)r;
	bool end;

	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (r <= 0) {
		in->end = true;
		return false;
	}
	end = terminal && escapes(in, at, &n);
	in->stage.n += n;
	return end;
}

/* The break is a byte that is part of no stream (serial.h, breaks). */
bool test_input_break(struct test_input *in, char key)
{
	const char bytes[] = { '\xff', key };

	return write(in->vm->console_in, bytes, sizeof(bytes)) == sizeof(bytes);
}
