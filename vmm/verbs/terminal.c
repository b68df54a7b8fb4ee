/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Terminal modes are the process's, not a struct's: what was saved lives in statics, since signal
 * handlers and atexit() must reach it. Settings change only while thru is in the foreground: a
 * background job that changed them would break the shell's terminal.
 *
 * Main thread; the pump has its own.
 */
#include "terminal.h"

#include <base/error.h>
#include <base/clock.h>
#include <base/fd.h>
#include <base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define ESCAPE 0x01 /* Ctrl-A */

static struct termios saved, raw;
static volatile sig_atomic_t have_saved, is_raw;

static bool in_foreground(void)
{
	return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static void make_raw(void)
{
	if (!have_saved || !in_foreground())
		return;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0)
		is_raw = 1;
}

void terminal_restore(void)
{
	int saved_errno = errno;

	if (is_raw && in_foreground())
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	is_raw = 0;
	errno = saved_errno;
}

/* A fault of our own: SA_RESETHAND gives the signal its default action when it is sent again. */
static void on_fatal(int number)
{
	terminal_restore();
	raise(number);
}

static void on_stop(int number)
{
	int saved_errno = errno;

	terminal_restore();
	raise(SIGSTOP);
	errno = saved_errno;
}

static void on_continue(int number)
{
	int saved_errno = errno;

	make_raw();
	errno = saved_errno;
}

static void watch(int number, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	sigaction(number, &action, NULL);
}

static void watch_signals(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT };

	for (unsigned i = 0; i < ARRAY_SIZE(fatal); i++)
		watch(fatal[i], on_fatal, (int)SA_RESETHAND | SA_NODEFER);
	watch(SIGTSTP, on_stop, SA_RESTART);
	watch(SIGCONT, on_continue, SA_RESTART);
}

/* A description of our own of what this leads to, so that whoever shares the other sees nothing of it. */
static int open_again(int fd, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* The guest's share of what was typed. A guest that does not read loses keys, and never control. */
static void pass_keys(struct terminal *t, const uint8_t *bytes, size_t len)
{
	static struct ratelimit rl;
	ssize_t n = len ? write(t->guest_fd, bytes, len) : 0;

	if (n == (ssize_t)len)
		return;
	t->dropped += len - (size_t)MAX(n, 0);
	log_guest(&rl, "console input: %llu bytes were lost so far: the guest does not read them",
		  (unsigned long long)t->dropped);
}

static void on_keys(struct loop_source *source, uint32_t events)
{
	struct terminal *t = container_of(source, struct terminal, keys);
	uint8_t bytes[256];
	ssize_t n = read(source->fd, bytes, sizeof(bytes));

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		pass_keys(t, bytes, terminal_filter(t, bytes, (size_t)n));
		return;
	}
	/* It hung up: so does the console. */
	loop_remove(t->loop, &t->keys);
	t->watched = false;
	fd_close(&t->guest_fd);
}

static int watch_keys(struct terminal *t)
{
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return fail(STATUS_HOST, errno, "console input: no pipe: %s", strerror(errno));
	t->in_fd = ends[0];
	t->guest_fd = ends[1];
	t->keys.handler = on_keys;
	t->keys.fd = open_again(STDIN_FILENO, O_RDONLY);
	t->own_keys = t->keys.fd >= 0;
	if (!t->own_keys) /* another user's terminal: it is read only when there is something */
		t->keys.fd = STDIN_FILENO;
	r = loop_add(t->loop, &t->keys, EPOLLIN);
	if (r)
		return fail(STATUS_HOST, -r, "console input: it cannot be watched: %s",
			    strerror(-r));
	t->watched = true;
	return 0;
}

/* Input: bytes as typed. Output keeps its newline translation, for our own lines too. */
static int init_input(struct terminal *t)
{
	struct stat st;
	int again = -1;

	if (isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &saved)) {
		raw = saved;
		raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR |
					   ICRNL | IXON);
		raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
		raw.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
		raw.c_cflag |= CS8;
		raw.c_cc[VMIN] = 1;
		raw.c_cc[VTIME] = 0;
		have_saved = 1;
		atexit(terminal_restore);
		watch_signals();
		make_raw();
		return watch_keys(t);
	}
	/* Somebody may read the same pipe, and be faster after we were told that there is something. */
	if (!fstat(STDIN_FILENO, &st) && S_ISFIFO(st.st_mode))
		again = open_again(STDIN_FILENO, O_RDONLY);
	t->in_fd = again >= 0 ? again : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	return 0;
}

/*
 * Between a pipe of our own and what cannot be opened again (a socket, another user's terminal): it waits
 * there for ever if it must. When the other side fails, the pipe has no reader any more.
 */
static void *pump_main(void *arg)
{
	int from = (int)(intptr_t)arg;
	char bytes[4096];
	ssize_t n;

	while ((n = read(from, bytes, sizeof(bytes))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0 && fd_write_all(STDOUT_FILENO, bytes, (size_t)n))
			break;
	close(from);
	return NULL;
}

static int start_pump(struct terminal *t)
{
	sigset_t all, before;
	pthread_t thread;
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail(STATUS_HOST, errno, "standard output: no pipe: %s", strerror(errno));
	t->out_fd = ends[1];
	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* host/seal.h */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = fcntl(t->out_fd, F_SETFL, O_NONBLOCK) < 0 ? errno : 0;
	if (!r)
		r = pthread_create(&thread, NULL, pump_main, (void *)(intptr_t)ends[0]);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r) {
		close(ends[0]);
		return fail(STATUS_HOST, r, "standard output: no thread: %s", strerror(r));
	}
	pthread_setname_np(thread, "console");
	t->pump = thread;
	t->pumped = true;
	return 0;
}

/* What the pump has is written when the guest ends, by a reader that reads. */
static void stop_pump(struct terminal *t, unsigned ms)
{
	struct timespec until;

	fd_close(&t->out_fd);
	until = clock_after(ms);
	if (pthread_timedjoin_np(t->pump, NULL, &until))
		pthread_detach(t->pump);
	t->pumped = false;
}

static int init_output(struct terminal *t)
{
	struct stat st;

	if (fstat(STDOUT_FILENO, &st) < 0)
		return fail(STATUS_OUTPUT, errno,
			    "standard output: %s; open it, or use --serial file:PATH",
			    strerror(errno));
	if (!S_ISREG(st.st_mode)) {
		t->out_fd = open_again(STDOUT_FILENO, O_WRONLY);
		return t->out_fd >= 0 ? 0 : start_pump(t);
	}
	t->out_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	return t->out_fd >= 0 ? 0
			      : fail(STATUS_OUTPUT, errno, "standard output: %s", strerror(errno));
}

int terminal_init(struct terminal *t, struct loop *loop, void (*power_button)(void *ctx), void *ctx)
{
	int r;

	*t = (struct terminal){
		.loop = loop,
		.power_button = power_button,
		.ctx = ctx,
		.ready = true,
		.keys.fd = -1,
		.guest_fd = -1,
		.in_fd = -1,
		.out_fd = -1,
	};
	r = init_output(t);
	return r ? r : init_input(t);
}

void terminal_deinit(struct terminal *t, unsigned ms)
{
	if (!t->ready)
		return;
	terminal_restore();
	have_saved = 0; /* SIGCONT must not make it raw again */
	if (t->watched)
		loop_remove(t->loop, &t->keys);
	if (t->own_keys)
		fd_close(&t->keys.fd);
	if (t->pumped)
		stop_pump(t, ms);
	fd_close(&t->guest_fd);
	fd_close(&t->in_fd);
	fd_close(&t->out_fd);
	t->ready = t->watched = false;
}

static void print_help(void)
{
	static const char help[] = "\r\nthru: Ctrl-A x  end the guest now\r\n"
				   "      Ctrl-A p  press its power button\r\n"
				   "      Ctrl-A a  send Ctrl-A to it\r\n"
				   "      Ctrl-A h  this help\r\n";

	log_text(help, sizeof(help) - 1);
}

/* The key after Ctrl-A; one without a meaning is swallowed. */
static void escape_key(struct terminal *t, uint8_t key)
{
	switch (key) {
	case 'x':
		loop_post(t->loop, VM_EVENT_SIGNAL, SIGTERM);
		break;
	case 'p':
		if (t->power_button)
			t->power_button(t->ctx);
		break;
	case 'h':
	case '?':
		print_help();
		break;
	}
}

size_t terminal_filter(struct terminal *t, uint8_t *bytes, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t key = bytes[i];

		if (!t->escaped && key == ESCAPE) {
			t->escaped = true;
			continue;
		}
		if (!t->escaped)
			bytes[n++] = key;
		else if (key == 'a' || key == ESCAPE)
			bytes[n++] = ESCAPE;
		else
			escape_key(t, key);
		t->escaped = false;
	}
	return n;
}
