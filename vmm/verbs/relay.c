/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A command that `thru open` starts as another user gets a terminal of its own, and what is typed and
 * printed is carried to and from the operator's. Whoever has the operator's terminal itself could type
 * on it for root's shell (TIOCSTI, TIOCLINUX), make itself its foreground and read passwords, and write
 * to it when the command has long ended. A filter for the two requests would stop the first only, and a
 * new session without a terminal takes Ctrl-C and job control away; so it is a pty (pty(7)), and when
 * its other end closes, the command's processes have no terminal at all.
 *
 * Without a terminal among the descriptors the process still has one, as /dev/tty: that is given up
 * (TIOCNOTTY), and the process group stays, so that Ctrl-C still ends the command.
 *
 * The process that carries keeps root's id, for the user must not be able to trace it, and of all
 * capabilities CAP_KILL, for signals to the command. Main thread only.
 */
#include "relay.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

struct pipe {
	char bytes[4096];
	size_t n, at; /* bytes[at .. n) wait to be written */
};

static const int passed_on[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

static struct termios before;
static bool is_raw;

static int terminal_among(int first, int last)
{
	for (int fd = first; fd <= last; fd++)
		if (isatty(fd))
			return fd;
	return -1;
}

/* For the leader of a session its end would be a SIGHUP to itself. */
static int leave_terminal(void)
{
	_cleanup_fd_ int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	sighandler_t hup;
	int r;

	if (fd < 0)
		return 0; /* it has none */
	hup = signal(SIGHUP, SIG_IGN);
	r = ioctl(fd, TIOCNOTTY) ? -errno : 0;
	signal(SIGHUP, hup);
	return r ? fail(STATUS_HOST, -r, "terminal: cannot leave it: %s; start with setsid",
			strerror(-r))
		 : 0;
}

static void signals_carried(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGWINCH);
	sigaddset(set, SIGCONT);
	for (unsigned i = 0; i < ARRAY_SIZE(passed_on); i++)
		sigaddset(set, passed_on[i]);
}

/* With a file of our own behind it, so that nobody who shares the terminal's sees O_NONBLOCK. */
static int reopen(int fd, int flags)
{
	char path[32];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	return again >= 0 ? again : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* The command's end, like the operator's in size and settings. */
static int open_pty(struct relay *r, int model, uid_t uid, int *ret_tty)
{
	struct winsize size;

	r->ptmx = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (r->ptmx < 0 || grantpt(r->ptmx) || unlockpt(r->ptmx))
		return -errno;
	*ret_tty = ioctl(r->ptmx, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*ret_tty < 0 || fchown(*ret_tty, uid, (gid_t)-1) || tcgetattr(model, &before) ||
	    tcsetattr(*ret_tty, TCSANOW, &before))
		return -errno;
	if (!ioctl(model, TIOCGWINSZ, &size))
		ioctl(*ret_tty, TIOCSWINSZ, &size);
	return fcntl(r->ptmx, F_SETFL, O_NONBLOCK) ? -errno : 0;
}

/* The keys of its own terminal count there, whatever the shell that started us in the background ignores. */
static void hear_keys(void)
{
	static const int keys[] = { SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU };

	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		signal(keys[i], SIG_DFL);
}

static int take_pty(int tty)
{
	hear_keys();
	if (setsid() < 0 || ioctl(tty, TIOCSCTTY, 0))
		return fail(STATUS_HOST, errno, "terminal: %s", strerror(errno));
	for (int fd = 0; fd <= 2; fd++)
		if (isatty(fd) && dup2(tty, fd) < 0)
			return fail(STATUS_HOST, errno, "terminal: %s", strerror(errno));
	return 0;
}

int relay_start(struct relay *r, uid_t uid)
{
	int model = terminal_among(0, 2), error;
	_cleanup_fd_ int tty = -1;
	sigset_t carried, old;

	*r = (struct relay){ .ptmx = -1, .in = -1, .out = -1, .signals = -1 };
	if (model < 0)
		return leave_terminal();
	error = open_pty(r, model, uid, &tty);
	if (error)
		return fail(STATUS_HOST, -error,
			    "terminal: a new one for the command: %s; is "
			    "/dev/pts mounted?",
			    strerror(-error));
	fflush(stdout);
	signals_carried(&carried);
	sigprocmask(SIG_BLOCK, &carried, &old);
	r->command = fork();
	if (r->command < 0)
		return fail(STATUS_HOST, errno, "fork: %s; end some processes", strerror(errno));
	if (!r->command) {
		sigprocmask(SIG_SETMASK, &old, NULL);
		return take_pty(tty);
	}
	/* Both ways in any case: keys for /dev/tty and for signals, words that go there. */
	r->in = reopen(model, O_RDONLY);
	r->out = reopen(terminal_among(1, 2) >= 0 ? terminal_among(1, 2) : model, O_WRONLY);
	r->signals = signalfd(-1, &carried, SFD_CLOEXEC | SFD_NONBLOCK);
	return 1;
}

/* A job in the background would be stopped, or break its shell's terminal; one that is no job may. */
static bool in_foreground(const struct relay *r)
{
	pid_t group = tcgetpgrp(r->in);

	return group < 0 || group == getpgrp();
}

static void set_raw(const struct relay *r, bool on)
{
	struct termios raw = before;

	if (on == is_raw || !in_foreground(r))
		return;
	cfmakeraw(&raw);
	is_raw = !tcsetattr(r->in, TCSADRAIN, on ? &raw : &before) ? on : is_raw;
}

static void copy_size(const struct relay *r)
{
	struct winsize size;

	if (!ioctl(r->in, TIOCGWINSZ, &size))
		ioctl(r->ptmx, TIOCSWINSZ, &size);
}

/* Ctrl-Z stops the command on its terminal; then the operator gets his shell back, as without us. */
static void stop_too(const struct relay *r)
{
	set_raw(r, false);
	raise(SIGSTOP);
	set_raw(r, true);
	copy_size(r);
	kill(-r->command, SIGCONT);
}

/* False when the command has ended: *ret_status is its exit status. */
static bool child_lives(const struct relay *r, int *ret_status)
{
	int status;

	while (waitpid(r->command, &status, WNOHANG | WUNTRACED) > 0) {
		if (WIFSTOPPED(status)) {
			stop_too(r);
			continue;
		}
		*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		return false;
	}
	return true;
}

static bool take_signals(struct relay *r, int *ret_status)
{
	struct signalfd_siginfo info;
	bool lives = true;

	while (read(r->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			lives = lives && child_lives(r, ret_status);
		else if (info.ssi_signo == SIGWINCH)
			copy_size(r);
		else if (info.ssi_signo == SIGCONT)
			set_raw(r, true);
		else if (lives)
			kill(r->command, (int)info.ssi_signo);
	}
	return lives;
}

/* Take what `from` has, when there is room. False at its end. */
static bool fill(struct pipe *p, int from)
{
	ssize_t n;

	if (p->at < p->n)
		return true;
	n = read(from, p->bytes, sizeof(p->bytes));
	p->at = 0;
	p->n = n > 0 ? (size_t)n : 0;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool drain(struct pipe *p, int to)
{
	ssize_t n = p->at < p->n ? write(to, p->bytes + p->at, p->n - p->at) : 0;

	p->at += n > 0 ? (size_t)n : 0;
	return n >= 0 || errno == EAGAIN || errno == EINTR;
}

static bool is_empty(const struct pipe *p)
{
	return p->at == p->n;
}

/* What is left of the command's output, as far as the operator's terminal takes it. */
static void last_words(struct relay *r, struct pipe *out)
{
	struct pollfd fd = { .fd = r->out, .events = POLLOUT };

	while (fill(out, r->ptmx) && !is_empty(out) && poll(&fd, 1, 1000) > 0)
		if (!drain(out, r->out))
			return;
}

/* Nothing of this process's is needed any more but to end the command. */
static void drop_but_kill(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct kill_only[2] = { { 0 }, { 0 } };

	kill_only[0].effective = kill_only[0].permitted = BIT(CAP_KILL);
	if (syscall(SYS_capset, &header, kill_only) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return; /* it stays what the operator is */
}

int relay_run(struct relay *r)
{
	struct pipe in = { .n = 0 }, out = { .n = 0 };
	int status = STATUS_FAILURE;
	bool ended = false;

	drop_but_kill();
	set_raw(r, true);
	for (bool lives = true; lives;) {
		bool read_in = is_empty(&in) && !ended && in_foreground(r);
		struct pollfd fds[] = {
			{ .fd = r->signals, .events = POLLIN },
			{ .fd = read_in ? r->in : -1, .events = POLLIN },
			{ .fd = r->ptmx,
			  .events = (short)((is_empty(&out) ? POLLIN : 0) |
					    (is_empty(&in) ? 0 : POLLOUT)) },
			{ .fd = is_empty(&out) ? -1 : r->out, .events = POLLOUT },
		};

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			break;
		if (fds[0].revents)
			lives = take_signals(r, &status);
		if (fds[1].revents && !fill(&in, r->in))
			ended = true; /* hung up */
		if (fds[2].revents & POLLOUT)
			drain(&in, r->ptmx);
		if (fds[2].revents & POLLIN)
			fill(&out, r->ptmx);
		/* Nobody has the command's terminal open; its end is a signal. */
		else if (lives && fds[2].revents & POLLHUP)
			poll(fds, 1, -1);
		if (fds[3].revents && !drain(&out, r->out))
			out.at = out.n;
	}
	last_words(r, &out);
	set_raw(r, false);
	return status;
}
