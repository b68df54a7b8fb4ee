/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines on stderr: one write(2) each, or one place in a queue that a thread of its own writes. That
 * thread waits for a reader for ever if it must, and goes with the process; nobody waits for it.
 */
#include <base/log.h>

#include <base/clock.h>
#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_LINES  5
#define LIMIT_WINDOW (10 * NS_PER_S)

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	char *bytes; /* a ring; NULL: no queue, whoever speaks writes */
	size_t head, n;
	uint64_t lost; /* not yet told */
	int error;     /* the first: something was not written */
} queue = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void put(const char *text, size_t len)
{
	size_t tail = (queue.head + queue.n) % LOG_QUEUE, first = MIN(len, LOG_QUEUE - tail);

	memcpy(queue.bytes + tail, text, first);
	memcpy(queue.bytes, text + first, len - first);
	queue.n += len;
}

static void put_lost(size_t keep)
{
	char text[96];
	int n = snprintf(text, sizeof(text), "thru: %llu lines were lost here: nobody read them%s",
			 (unsigned long long)queue.lost, isatty(STDERR_FILENO) ? "\r\n" : "\n");

	if (!queue.lost || (size_t)n + keep > LOG_QUEUE - queue.n)
		return;
	put(text, (size_t)n);
	queue.lost = 0;
}

int log_text(const char *text, size_t len)
{
	int r = 0;

	if (!queue.bytes)
		return fd_write_all(STDERR_FILENO, text, len);
	pthread_mutex_lock(&queue.lock);
	put_lost(len);
	if (queue.lost || len > LOG_QUEUE - queue.n) {
		queue.lost++;
		r = -ENOBUFS;
	} else {
		put(text, len);
		pthread_cond_broadcast(&queue.changed);
	}
	pthread_mutex_unlock(&queue.lock);
	return r;
}

/* The bytes from queue.head on stay as they are until `n` says otherwise: read without the lock. */
static ssize_t write_some(size_t head, size_t n)
{
	struct pollfd room = { .fd = STDERR_FILENO, .events = POLLOUT };
	ssize_t r = write(STDERR_FILENO, queue.bytes + head, MIN(n, LOG_QUEUE - head));

	if (r < 0 && errno == EAGAIN) /* somebody who shares it made it so */
		poll(&room, 1, -1);
	return r < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : r;
}

static void *log_main(void *arg)
{
	size_t head, n;
	ssize_t done;

	(void)arg;
	pthread_mutex_lock(&queue.lock);
	for (;;) {
		while (!queue.n)
			pthread_cond_wait(&queue.changed, &queue.lock);
		head = queue.head;
		n = queue.n;
		pthread_mutex_unlock(&queue.lock);
		done = write_some(head, n);
		pthread_mutex_lock(&queue.lock);
		if (done < 0) {
			queue.error = queue.error ? queue.error : -errno;
			done = (ssize_t)n; /* nowhere left to say it */
		}
		queue.head = (queue.head + (size_t)done) % LOG_QUEUE;
		queue.n -= (size_t)done;
		pthread_cond_broadcast(&queue.changed);
	}
	return NULL;
}

int log_start(void)
{
	sigset_t all, before;
	pthread_t thread;
	struct stat st;
	int r;

	if (queue.bytes || (!fstat(STDERR_FILENO, &st) && S_ISREG(st.st_mode)))
		return 0;
	queue.bytes = malloc(LOG_QUEUE);
	if (!queue.bytes)
		return fail(STATUS_FAILURE, ENOMEM, "standard error: out of memory");
	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* host/seal.h */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, NULL, log_main, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r) {
		free(queue.bytes);
		queue.bytes = NULL;
		return fail(STATUS_HOST, r, "standard error: no thread: %s", strerror(r));
	}
	pthread_setname_np(thread, "log");
	pthread_detach(thread);
	return 0;
}

int log_finish(unsigned ms)
{
	struct timespec until;
	int r;

	if (!queue.bytes)
		return 0;
	until = clock_after(ms);
	pthread_mutex_lock(&queue.lock);
	put_lost(0);
	pthread_cond_broadcast(&queue.changed);
	while (queue.n && !pthread_cond_timedwait(&queue.changed, &queue.lock, &until))
		;
	r = queue.n ? -ETIMEDOUT : queue.error;
	pthread_mutex_unlock(&queue.lock);
	return r;
}

static void line(const char *colour, const char *fmt, va_list ap)
{
	bool terminal = isatty(STDERR_FILENO);
	const char *on = terminal ? colour : "";
	char text[1200];
	int n, m;

	n = snprintf(text, sizeof(text), "%sthru: ", on);
	m = vsnprintf(text + n, sizeof(text) - (size_t)n - 8, fmt, ap);
	if (m > 0)
		n += MIN(m, (int)sizeof(text) - n - 9);
	/* A terminal in raw mode needs the carriage return. */
	n += snprintf(text + n, sizeof(text) - (size_t)n, "%s%s", *on ? "\033[0m" : "",
		      terminal ? "\r\n" : "\n");
	log_text(text, (size_t)n); /* when that fails there is nowhere left to say it */
}

static _printf_(2, 3) void say(const char *colour, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(colour, fmt, ap);
	va_end(ap);
}

void log_error(const char *text)
{
	say("", "%s", text);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line("\033[33m", fmt, ap);
	va_end(ap);
}

void log_guest(struct ratelimit *rl, const char *fmt, ...)
{
	uint64_t now = clock_ns();
	va_list ap;

	if (!rl->window_ns || now - rl->window_ns > LIMIT_WINDOW) {
		rl->window_ns = now;
		rl->lines = 0;
	}
	if (rl->lines++ >= LIMIT_LINES)
		return;
	va_start(ap, fmt);
	line("\033[2m", fmt, ap);
	va_end(ap);
}
