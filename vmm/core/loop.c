/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop. Sources may be removed from inside any handler: events already
 * fetched for a removed source are dropped by fetching one event at a time.
 */
#include <core/loop.h>

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

/* Orders posts. A lock of its own: a poster may hold the device lock, or not. */
static pthread_mutex_t posting = PTHREAD_MUTEX_INITIALIZER;

static int no_epoll(int errnum)
{
	return fail(STATUS_HOST, errnum, "epoll: %s%s", strerror(errnum),
		    errnum == ENOSPC ? "; raise fs.epoll.max_user_watches (sysctl)" : "");
}

int loop_init(struct loop *loop, struct lock *lock)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };
	int r;

	memset(loop, 0, sizeof(*loop));
	loop->epoll_fd = loop->wake_fd = -1;
	loop->lock = lock;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return no_epoll(errno);
	r = fd_event(&loop->wake_fd);
	if (r)
		return r;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &ev) < 0)
		return no_epoll(errno);
	return 0;
}

void loop_deinit(struct loop *loop)
{
	fd_close(&loop->epoll_fd);
	fd_close(&loop->wake_fd);
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = source };

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &ev) < 0)
		return -errno;
	return 0;
}

void loop_change(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = source };

	epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &ev);
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
}

/* Not checked by clang, as below. */
_unchecked_ void loop_withdraw(struct loop *loop, struct loop_source *source)
{
	if (loop->lock)
		lock_take(loop->lock);
	loop_remove(loop, source);
	if (loop->lock)
		lock_drop(loop->lock);
}

/* Not checked by clang: whether there is a lock is not known to it. */
static _unchecked_ void dispatch_one(struct loop *loop)
{
	struct epoll_event ev;
	struct loop_source *source;

	if (loop->lock)
		lock_take(loop->lock);
	/* Again, under the lock and without waiting: what was ready may have been removed. */
	if (epoll_wait(loop->epoll_fd, &ev, 1, 0) == 1) {
		source = ev.data.ptr;
		if (source)
			source->handler(source, ev.events);
	}
	if (loop->lock)
		lock_drop(loop->lock);
}

static enum vm_event take_event(struct loop *loop, int *ret_value)
{
	enum vm_event event;

	pthread_mutex_lock(&posting);
	event = loop->event;
	*ret_value = loop->event_value;
	error_put(&loop->event_why);
	__atomic_store_n(&loop->event, VM_EVENT_NONE, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&posting);
	return event;
}

enum vm_event loop_run(struct loop *loop, int *ret_value)
{
	struct epoll_event ev;

	while (!__atomic_load_n(&loop->event, __ATOMIC_ACQUIRE)) {
		if (epoll_wait(loop->epoll_fd, &ev, 1, -1) <= 0)
			continue;
		/* A post is not behind the lock. */
		if (!ev.data.ptr)
			fd_event_take(loop->wake_fd);
		else
			dispatch_one(loop);
		error_clear();
	}
	return take_event(loop, ret_value);
}

bool loop_ending(const struct loop *loop)
{
	return __atomic_load_n(&loop->ending, __ATOMIC_ACQUIRE);
}

bool loop_posted(const struct loop *loop)
{
	return __atomic_load_n(&loop->event, __ATOMIC_ACQUIRE) != VM_EVENT_NONE;
}

void loop_forget(struct loop *loop, enum vm_event keep)
{
	pthread_mutex_lock(&posting);
	if (loop->event < keep)
		__atomic_store_n(&loop->event, VM_EVENT_NONE, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&posting);
}

static void post(struct loop *loop, enum vm_event event, int value, const struct error *why)
{
	pthread_mutex_lock(&posting);
	if (event >= VM_EVENT_SIGNAL)
		__atomic_store_n(&loop->ending, true, __ATOMIC_RELEASE);
	if (event > loop->event) {
		loop->event_value = value;
		loop->event_why = *why;
		__atomic_store_n(&loop->event, event, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&posting);
	fd_event_signal(loop->wake_fd);
}

void loop_post(struct loop *loop, enum vm_event event, int value)
{
	static const struct error none = { .status = STATUS_FAILURE };

	post(loop, event, value, &none);
}

void loop_post_why(struct loop *loop, enum vm_event event, enum exit_status status, const char *fmt,
		   ...)
{
	struct error why = { .status = status };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why.text, sizeof(why.text), fmt, ap);
	va_end(ap);
	post(loop, event, 0, &why);
}

void loop_post_error(struct loop *loop, enum vm_event event)
{
	struct error why;

	error_take(&why);
	post(loop, event, 0, &why);
}
