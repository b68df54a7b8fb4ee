/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Terminal modes are the process's, not a struct's: what was saved lives in statics, since signal
 * handlers and atexit() must reach it. Settings change only while thru is in the foreground: a
 * background job that changed them would break the shell's terminal.
 */
#include "terminal.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define ESCAPE 0x01 /* Ctrl-A */

static struct termios saved, raw;
static volatile sig_atomic_t have_saved, is_raw;
static int saved_flags = -1; /* of standard output, when O_NONBLOCK had to be set on it */

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
	if (saved_flags >= 0)
		fcntl(STDOUT_FILENO, F_SETFL, saved_flags);
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

/* Input: bytes as typed. Output keeps its newline translation, for our own lines too. */
static void init_input(struct terminal *t)
{
	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved) < 0)
		return;
	raw = saved;
	raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL |
				   IXON);
	raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	raw.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
	raw.c_cflag |= CS8;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	have_saved = 1;
	atexit(terminal_restore);
	watch_signals();
	make_raw();
	t->raw = true;
}

static int init_output(struct terminal *t)
{
	struct stat st;
	int flags;

	if (fstat(STDOUT_FILENO, &st) < 0)
		return fail(STATUS_OUTPUT, errno,
			    "standard output: %s; open it, or use --serial file:PATH",
			    strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISSOCK(st.st_mode))
		t->out_fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (t->out_fd >= 0)
		return 0;
	t->out_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (t->out_fd < 0)
		return fail(STATUS_OUTPUT, errno, "standard output: %s", strerror(errno));
	/* A socket, or another user's terminal: shared after all, so put back at the end. */
	flags = fcntl(STDOUT_FILENO, F_GETFL);
	if (!S_ISREG(st.st_mode) && flags >= 0 && !(flags & O_NONBLOCK)) {
		saved_flags = flags;
		fcntl(STDOUT_FILENO, F_SETFL, flags | O_NONBLOCK);
		atexit(terminal_restore);
	}
	return 0;
}

int terminal_init(struct terminal *t, struct loop *loop, void (*power_button)(void *ctx), void *ctx)
{
	int r;

	*t = (struct terminal){
		.loop = loop, .power_button = power_button, .ctx = ctx, .ready = true, .out_fd = -1
	};
	r = init_output(t);
	if (!r)
		init_input(t);
	return r;
}

void terminal_deinit(struct terminal *t)
{
	if (!t->ready)
		return;
	terminal_restore();
	have_saved = 0; /* SIGCONT must not make it raw again */
	fd_close(&t->out_fd);
	t->ready = t->raw = false;
}

static void print_help(void)
{
	fputs("\r\nthru: Ctrl-A x  end the guest now\r\n"
	      "      Ctrl-A p  press its power button\r\n"
	      "      Ctrl-A a  send Ctrl-A to it\r\n"
	      "      Ctrl-A h  this help\r\n",
	      stderr);
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

size_t terminal_filter(void *ctx, uint8_t *bytes, size_t len)
{
	struct terminal *t = ctx;
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
