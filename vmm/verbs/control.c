/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main thread from before the first machine until after the last. It holds nothing that the machine's
 * thread could wait for, and waits for nothing but its own sources: an end that was asked for is passed
 * on at once, and when it is not heard in time the process ends without it. The kernel then takes back
 * all that was given, as after kill -9; it does that when the call in which the thread stands returns,
 * and until then the process is there; that wait is in the kernel, and nothing here can shorten it.
 */
#include "control.h"

#include <base/clock.h>
#include <base/error.h>
#include <base/fd.h>
#include <core/kick.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define KICK_EVERY_NS (NS_PER_S / 20)

/* A signal is an event like any other: read by the loop, never handled asynchronously. */
static void on_signal(struct loop_source *source, uint32_t events)
{
	struct control *c = container_of(source, struct control, signals);
	struct signalfd_siginfo info;

	(void)events;
	if (read(source->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGPWR && c->button)
		c->button(c->ctx);
	else if (info.ssi_signo == SIGUSR1 && c->stats)
		c->stats(c->ctx);
	else if (info.ssi_signo != SIGPWR && info.ssi_signo != SIGUSR1)
		loop_post(&c->loop, VM_EVENT_SIGNAL, (int)info.ssi_signo);
}

/* Since an end was asked for: call the thread back from where it waits, and look at the time. */
static void on_clock(struct loop_source *source, uint32_t events)
{
	struct control *c = container_of(source, struct control, clock);
	uint64_t count;

	(void)events;
	if (read(source->fd, &count, sizeof(count)) < 0)
		return;
	kick(c->thread);
	if (clock_ns() - c->asked_ns > CONTROL_PATIENCE_MS * (NS_PER_S / 1000))
		loop_post(&c->loop, VM_EVENT_FAILED, ETIMEDOUT);
}

static int watch_signals(struct control *c)
{
	static const int ours[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU, SIGPWR, SIGUSR1 };
	/* A reader that went away and a file grown to the limit are told by the write that finds it. */
	static const int ignored[] = { SIGPIPE, SIGXFSZ };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;
	int r = 0;

	sigemptyset(&set);
	for (unsigned i = 0; i < ARRAY_SIZE(ours); i++)
		sigaddset(&set, ours[i]);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL)) /* before any thread: all inherit it */
		r = -EINVAL;
	for (unsigned i = 0; i < ARRAY_SIZE(ignored); i++)
		if (sigaction(ignored[i], &ignore, NULL) < 0)
			r = -errno;
	c->signals.handler = on_signal;
	c->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (c->signals.fd < 0)
		r = -errno;
	return r ? r : loop_add(&c->loop, &c->signals, EPOLLIN);
}

static int watch_clock(struct control *c)
{
	c->clock.handler = on_clock;
	c->clock.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return c->clock.fd < 0 ? -errno : loop_add(&c->loop, &c->clock, EPOLLIN);
}

int control_init(struct control *c, struct loop *machine)
{
	int r;

	memset(c, 0, sizeof(*c));
	c->machine = machine;
	c->signals.fd = c->clock.fd = -1;
	lock_init(&c->lock);
	r = loop_init(&c->loop, &c->lock);
	if (!r)
		r = kick_init();
	if (r)
		return r;
	r = watch_signals(c);
	if (!r)
		r = watch_clock(c);
	if (r)
		return fail(STATUS_HOST, -r, "signals: they cannot be watched: %s", strerror(-r));
	return 0;
}

void control_deinit(struct control *c)
{
	if (!c->machine)
		return;
	loop_deinit(&c->loop);
	fd_close(&c->signals.fd);
	fd_close(&c->clock.fd);
	lock_deinit(&c->lock);
}

static void *machine_main(void *arg)
{
	struct control *c = arg;

	c->work(c->ctx);
	error_take(&c->why);
	__atomic_store_n(&c->ended, true, __ATOMIC_RELEASE);
	loop_post(&c->loop, VM_EVENT_POWEROFF, 0);
	return NULL;
}

/* A wish to end, with its reason in this thread's record. */
static void pass_on(struct control *c, enum vm_event event, int value)
{
	struct itimerspec every = {
		.it_value.tv_nsec = 1,
		.it_interval.tv_nsec = KICK_EVERY_NS,
	};

	if (event > c->wish) {
		c->wish = event;
		c->wish_value = value;
		error_take(&c->wish_why);
	}
	error_put(&c->wish_why);
	if (c->wish == VM_EVENT_SIGNAL)
		loop_post(c->machine, c->wish, c->wish_value);
	else
		loop_post_error(c->machine, c->wish);
	error_clear();
	if (c->asked_ns)
		return;
	c->asked_ns = clock_ns();
	timerfd_settime(c->clock.fd, 0, &every, NULL);
}

int control_run(struct control *c, void (*work)(void *ctx), void *ctx)
{
	enum vm_event event;
	int r, value;

	c->work = work;
	c->ctx = ctx;
	r = pthread_create(&c->thread, NULL, machine_main, c);
	if (r)
		return fail(STATUS_HOST, r, "no thread: %s", strerror(r));
	pthread_setname_np(c->thread, "machine");
	for (;;) {
		event = loop_run(&c->loop, &value);
		/* An end of its own may have been lighter than what came with it. */
		if (__atomic_load_n(&c->ended, __ATOMIC_ACQUIRE))
			break;
		if (event == VM_EVENT_FAILED && value == ETIMEDOUT)
			return -ETIMEDOUT;
		pass_on(c, event, value);
	}
	pthread_join(c->thread, NULL);
	error_put(&c->why);
	return 0;
}
