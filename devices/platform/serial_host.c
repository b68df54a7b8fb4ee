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

static void in_watch(struct serial *s, bool on)
{
	if (on == s->in_watched)
		return;
	/* Off the loop altogether: a paused source would still report a hang-up, for ever. */
	if (!on)
		loop_remove(s->loop, &s->in);
	else if (loop_add(s->loop, &s->in, EPOLLIN))
		return;
	s->in_watched = on;
}

static void in_fail(struct serial *s, int errnum)
{
	if (isatty(s->config.in_fd)) /* it hung up */
		return;
	loop_post_why(s->loop, VM_EVENT_FAILED, STATUS_FAILURE,
		      "console input: it cannot be read: %s; check what standard input is, or use "
		      "</dev/null",
		      strerror(errnum));
}

/* Read what the descriptor has into the stage. */
static void in_read(struct serial *s)
{
	uint8_t bytes[SERIAL_STAGE];
	size_t room = SERIAL_STAGE - s->in_n;
	ssize_t n;

	n = read(s->config.in_fd, bytes, room);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		in_fail(s, errno);
	if (n <= 0) {
		s->in_end = true;
		return;
	}
	memmove(s->in_stage, s->in_stage + s->in_head, s->in_n);
	memcpy(s->in_stage + s->in_n, bytes, (size_t)n);
	s->in_head = 0;
	s->in_n += (unsigned)n;
}

bool serial_host_take(struct serial *s, uint8_t *ret_byte)
{
	if (!s->in_n && !s->in_pollable && !s->in_end)
		in_read(s);
	if (!s->in_n)
		return false;
	*ret_byte = s->in_stage[s->in_head++];
	s->in_n--;
	return true;
}

void serial_host_listen(struct serial *s)
{
	if (s->in_pollable)
		in_watch(s, !s->in_end && s->in_n < SERIAL_STAGE);
}

static void in_ready(struct loop_source *source, uint32_t events)
{
	struct serial *s = container_of(source, struct serial, in);

	in_read(s);
	serial_feed(s);
	serial_update_irq(s);
}

static void out_unblock(struct serial *s)
{
	if (s->out_watched)
		loop_remove(s->loop, &s->out);
	s->out_watched = false;
	if (s->out_blocked)
		s->thre_pending = true;
	s->out_blocked = false;
}

static void out_fail(struct serial *s, int errnum)
{
	const char *name = s->config.out_name ? s->config.out_name : "its descriptor";

	s->out_lost = true;
	s->out_n = 0;
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
	loop_post_error(s->loop, VM_EVENT_OUTPUT_LOST);
}

static void timer_arm(struct serial *s)
{
	static const struct itimerspec delay = { .it_value.tv_nsec = OUTPUT_DELAY_NS };

	if (s->timer_armed)
		return;
	timerfd_settime(s->timer.fd, 0, &delay, NULL);
	s->timer_armed = true;
}

static void out_block(struct serial *s)
{
	s->out_blocked = true;
	if (!s->out_watched)
		s->out_watched = !loop_add(s->loop, &s->out, EPOLLOUT);
	if (!s->out_watched)
		timer_arm(s); /* what cannot be watched is tried again */
}

static ssize_t out_write(struct serial *s, const void *bytes, size_t len)
{
	return s->config.rotate ? rotate_write(s->config.rotate, bytes, len)
				: write(s->config.out_fd, bytes, len);
}

static void out_flush(struct serial *s)
{
	unsigned done = 0;
	ssize_t n;

	while (done < s->out_n) {
		n = out_write(s, s->out_stage + done, s->out_n - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			out_fail(s, errno);
			break;
		}
		if (n <= 0) {
			s->out_n -= done;
			memmove(s->out_stage, s->out_stage + done, s->out_n);
			out_block(s);
			return;
		}
		done += (unsigned)n;
	}
	s->out_n = 0;
	out_unblock(s);
}

static void out_ready(struct loop_source *source, uint32_t events)
{
	struct serial *s = container_of(source, struct serial, out);

	out_flush(s);
	serial_update_irq(s);
}

static void timer_expired(struct loop_source *source, uint32_t events)
{
	struct serial *s = container_of(source, struct serial, timer);
	uint64_t count;

	s->timer_armed = read(source->fd, &count, sizeof(count)) < 0 && s->timer_armed;
	if (!s->out_watched)
		out_flush(s);
	serial_update_irq(s);
}

void serial_host_send(struct serial *s, uint8_t byte)
{
	static struct ratelimit rl;

	if (s->config.out_fd < 0 || s->out_lost)
		return;
	if (s->out_n == SERIAL_STAGE) {
		s->out_dropped++;
		log_guest(
			&rl,
			"console output: %llu bytes were lost so far: nobody reads them, and the guest "
			"does not wait for the line",
			(unsigned long long)s->out_dropped);
		return;
	}
	s->out_stage[s->out_n++] = byte;
	if (!s->out_blocked && (byte == '\n' || s->out_n == SERIAL_STAGE))
		out_flush(s);
	else if (!s->out_blocked)
		timer_arm(s);
}

static int init_input(struct serial *s)
{
	int r;

	s->in = (struct loop_source){ .fd = s->config.in_fd, .handler = in_ready };
	if (s->config.in_fd < 0) {
		s->in_end = true;
		return 0;
	}
	r = loop_add(s->loop, &s->in, EPOLLIN);
	if (r == -EPERM)
		return 0; /* a regular file: always readable, so read when the guest asks */
	if (r)
		return fail(
			STATUS_HOST, -r,
			"console input: cannot be watched: %s; use </dev/null, or free some memory of the host",
			strerror(-r));
	s->in_pollable = s->in_watched = true;
	return 0;
}

static int init_output(struct serial *s)
{
	int r;

	s->out = (struct loop_source){ .fd = s->config.out_fd, .handler = out_ready };
	if (s->config.out_fd < 0)
		return 0;
	s->timer.handler = timer_expired;
	s->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (s->timer.fd < 0)
		return fail(
			STATUS_HOST, errno,
			"console output: no timer: %s; raise the limit of open files (ulimit -n)",
			strerror(errno));
	r = loop_add(s->loop, &s->timer, EPOLLIN);
	if (r)
		return fail(STATUS_HOST, -r,
			    "console output: no timer: %s; free some memory of the host",
			    strerror(-r));
	s->timer_watched = true;
	return 0;
}

int serial_host_init(struct serial *s)
{
	int r;

	s->timer.fd = -1;
	r = init_input(s);
	return r ? r : init_output(s);
}

void serial_host_deinit(struct serial *s)
{
	struct pollfd room = { .fd = s->config.out_fd, .events = POLLOUT };

	/* A reader that is slow gets a last chance; one that never reads holds nothing up. */
	while (s->loop && s->config.out_fd >= 0 && s->out_n && !s->out_lost) {
		out_flush(s);
		if (s->out_n &&
		    poll(&room, 1, loop_ending(s->loop) ? ENDING_WAIT_MS : FINAL_WAIT_MS) <= 0)
			break;
	}
	if (s->in_watched)
		loop_remove(s->loop, &s->in);
	if (s->out_watched)
		loop_remove(s->loop, &s->out);
	if (s->timer_watched)
		loop_remove(s->loop, &s->timer);
	s->in_watched = s->out_watched = s->timer_watched = false;
	s->in_end = s->out_lost = true;
	s->out_n = 0;
	if (s->loop)
		fd_close(&s->timer.fd);
}
