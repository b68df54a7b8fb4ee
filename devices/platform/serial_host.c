/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A serial port's two descriptors (serial.c has its registers).
 *
 * Output waits in a stage until a newline, a full stage or OUTPUT_DELAY_NS, so that a console line
 * costs one write(2) and not one for each byte. Input is read ahead into another stage, where it
 * waits for the guest; what the guest does not take stays in the descriptor.
 *
 * Runs under the device lock: on a vcpu's thread from the registers, on the loop's for events.
 */
#include "serial_host.h"

#include <base/error.h>
#include <base/fd.h>
#include <base/log.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define OUTPUT_DELAY_NS 1000000
#define FINAL_WAIT_MS   1000
#define ENDING_WAIT_MS  200 /* when somebody told the machine to end */

static void in_watch(struct serial_host *h, bool on)
{
	if (on == h->in_watched)
		return;
	/* Off the loop altogether: a paused source would still report a hang-up, for ever. */
	if (!on)
		loop_remove(h->loop, &h->in);
	else if (loop_add(h->loop, &h->in, EPOLLIN))
		return;
	h->in_watched = on;
}

static void in_fail(struct serial_host *h, int errnum)
{
	if (isatty(h->config.in_fd)) /* it hung up */
		return;
	loop_post_why(h->loop, VM_EVENT_FAILED, STATUS_FAILURE,
		      "console input: it cannot be read: %s; check what standard input is, or use "
		      "</dev/null",
		      strerror(errnum));
}

/* Read what the descriptor has into the stage. */
static void in_read(struct serial_host *h)
{
	uint8_t bytes[SERIAL_STAGE];
	size_t room = SERIAL_STAGE - h->in_n;
	ssize_t n;

	n = read(h->config.in_fd, bytes, room);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		in_fail(h, errno);
	if (n <= 0) {
		h->in_end = true;
		return;
	}
	memmove(h->in_stage, h->in_stage + h->in_head, h->in_n);
	memcpy(h->in_stage + h->in_n, bytes, (size_t)n);
	h->in_head = 0;
	h->in_n += (unsigned)n;
}

bool serial_host_take(struct serial_host *h, uint8_t *ret_byte)
{
	if (!h->in_n && !h->in_pollable && !h->in_end)
		in_read(h);
	if (!h->in_n)
		return false;
	*ret_byte = h->in_stage[h->in_head++];
	h->in_n--;
	return true;
}

void serial_host_listen(struct serial_host *h)
{
	if (h->in_pollable)
		in_watch(h, !h->in_end && h->in_n < SERIAL_STAGE);
}

static void in_ready(struct loop_source *source, uint32_t events)
{
	struct serial_host *h = container_of(source, struct serial_host, in);

	in_read(h);
	h->has_input(h);
}

static void out_unblock(struct serial_host *h)
{
	if (h->out_watched)
		loop_remove(h->loop, &h->out);
	h->out_watched = h->out_blocked = false;
}

static void out_fail(struct serial_host *h, int errnum)
{
	const char *name = h->config.out_name ? h->config.out_name : "its descriptor";

	h->out_lost = true;
	h->out_n = 0;
	error_clear();
	if (errnum == EPIPE)
		fail(STATUS_OUTPUT, errnum,
		     "console output: %s was closed by its reader; keep the reader running, or use "
		     "--serial file:PATH",
		     name);
	else
		fail(STATUS_OUTPUT, errnum, "console output: %s (%s); %s", strerror(errnum), name,
		     errnum == ENOSPC || errnum == EDQUOT ? "free some space or choose another file"
		     : errnum == EFBIG
			     ? "raise the limit on the size of files (ulimit -f), or give the file a "
			       "size (,max=)"
			     : "choose another place with --serial file:PATH");
	loop_post_error(h->loop, VM_EVENT_OUTPUT_LOST);
}

static void timer_arm(struct serial_host *h)
{
	static const struct itimerspec delay = { .it_value.tv_nsec = OUTPUT_DELAY_NS };

	if (h->timer_armed)
		return;
	timerfd_settime(h->timer.fd, 0, &delay, NULL);
	h->timer_armed = true;
}

static void out_block(struct serial_host *h)
{
	h->out_blocked = true;
	if (!h->out_watched)
		h->out_watched = !loop_add(h->loop, &h->out, EPOLLOUT);
	if (!h->out_watched)
		timer_arm(h); /* what cannot be watched is tried again */
}

static ssize_t out_write(struct serial_host *h, const void *bytes, size_t len)
{
	return h->config.rotate ? rotate_write(h->config.rotate, bytes, len)
				: write(h->config.out_fd, bytes, len);
}

static void out_flush(struct serial_host *h)
{
	unsigned done = 0;
	ssize_t n;

	while (done < h->out_n) {
		n = out_write(h, h->out_stage + done, h->out_n - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			out_fail(h, errno);
			break;
		}
		if (n <= 0) {
			h->out_n -= done;
			memmove(h->out_stage, h->out_stage + done, h->out_n);
			out_block(h);
			return;
		}
		done += (unsigned)n;
	}
	h->out_n = 0;
	out_unblock(h);
}

static void out_retry(struct serial_host *h)
{
	bool blocked = h->out_blocked;

	out_flush(h);
	if (blocked && !h->out_blocked)
		h->has_room(h);
}

static void out_ready(struct loop_source *source, uint32_t events)
{
	struct serial_host *h = container_of(source, struct serial_host, out);

	out_retry(h);
}

static void timer_expired(struct loop_source *source, uint32_t events)
{
	struct serial_host *h = container_of(source, struct serial_host, timer);
	uint64_t count;

	h->timer_armed = read(source->fd, &count, sizeof(count)) < 0 && h->timer_armed;
	if (!h->out_watched)
		out_retry(h);
}

void serial_host_send(struct serial_host *h, uint8_t byte)
{
	static struct ratelimit rl;

	if (h->config.out_fd < 0 || h->out_lost)
		return;
	if (h->out_n == SERIAL_STAGE) {
		h->out_dropped++;
		log_guest(
			&rl,
			"console output: %llu bytes were lost so far: nobody reads them, and the guest "
			"does not wait for the line",
			(unsigned long long)h->out_dropped);
		return;
	}
	h->out_stage[h->out_n++] = byte;
	if (!h->out_blocked && (byte == '\n' || h->out_n == SERIAL_STAGE))
		out_flush(h);
	else if (!h->out_blocked)
		timer_arm(h);
}

static int init_input(struct serial_host *h)
{
	int r;

	h->in = (struct loop_source){ .fd = h->config.in_fd, .handler = in_ready };
	if (h->config.in_fd < 0) {
		h->in_end = true;
		return 0;
	}
	r = loop_add(h->loop, &h->in, EPOLLIN);
	if (r == -EPERM)
		return 0; /* a regular file: always readable, so read when the guest asks */
	if (r)
		return fail(
			STATUS_HOST, -r,
			"console input: cannot be watched: %s; use </dev/null, or free some memory of the host",
			strerror(-r));
	h->in_pollable = h->in_watched = true;
	return 0;
}

static int init_output(struct serial_host *h)
{
	int r;

	h->out = (struct loop_source){ .fd = h->config.out_fd, .handler = out_ready };
	if (h->config.out_fd < 0)
		return 0;
	h->timer.handler = timer_expired;
	h->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (h->timer.fd < 0)
		return fail(STATUS_HOST, errno, "console output: no timer: %s", strerror(errno));
	r = loop_add(h->loop, &h->timer, EPOLLIN);
	if (r)
		return fail(STATUS_HOST, -r, "console output: no timer: %s", strerror(-r));
	h->timer_watched = true;
	return 0;
}

int serial_host_init(struct serial_host *h, const struct serial_config *config, struct loop *loop)
{
	int r;

	h->config = *config;
	h->loop = loop;
	h->timer.fd = -1;
	r = init_input(h);
	return r ? r : init_output(h);
}

void serial_host_deinit(struct serial_host *h)
{
	struct pollfd room = { .fd = h->config.out_fd, .events = POLLOUT };

	/* A reader that is slow gets a last chance; one that never reads holds nothing up. */
	while (h->loop && h->config.out_fd >= 0 && h->out_n && !h->out_lost) {
		out_flush(h);
		if (h->out_n &&
		    poll(&room, 1, loop_ending(h->loop) ? ENDING_WAIT_MS : FINAL_WAIT_MS) <= 0)
			break;
	}
	if (h->in_watched)
		loop_remove(h->loop, &h->in);
	if (h->out_watched)
		loop_remove(h->loop, &h->out);
	if (h->timer_watched)
		loop_remove(h->loop, &h->timer);
	h->in_watched = h->out_watched = h->timer_watched = false;
	h->in_end = h->out_lost = true;
	h->out_n = 0;
	if (h->loop)
		fd_close(&h->timer.fd);
}
