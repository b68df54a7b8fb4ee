/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One guest, watched from its first byte to its last. One thread, one poll(2): the console, the VMM's own
 * words, our standard streams, signals, the clock. Nothing here waits for the guest alone, and what a
 * guest sends without end is bounded: by what our own output takes, and for the log by LOG_MAX.
 */
#include "test.h"

#include "run.h"
#include "test_vm.h"

#include <base/clock.h>
#include <base/error.h>
#include <base/fd.h>
#include <base/log.h>
#include <devices/virtio_console.h>
#include <errno.h>
#include <fcntl.h>
#include <host/sysfs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define STAGE    (1u << 16)
#define CHUNK    4096 /* PIPE_BUF: what a pipe takes at once when poll() says that it takes any */
#define LOG_MAX  MIB(64)
#define GRACE_S  5    /* for the guest's power-off, and for the VMM's end when it is told to */
#define INIT_MS  1000 /* ... for init to answer to that */
#define SYSRQ_MS 3000 /* for what a guest that hangs prints when asked where it stands */

struct stream {
	int fd;   /* ours */
	size_t n; /* staged */
	uint8_t bytes[STAGE];
};

struct watch {
	struct test_watch *t;
	const struct test_terminal *terminal;
	struct test_vm vm;
	struct run_account *account; /* shared with it */
	int signals;
	struct link_decoder decoder;
	struct stream out[2], input;
	bool input_end, input_told, lost, ended, stopping, asked, broke;
	uint64_t input_total;
	uint64_t last_byte, last_file, asked_at, stopped_at, exited_at;
	uint64_t log_cut;
	size_t message_n;
	char key[2];
};

/* --- out --- */

/* Nobody waits for an output that is lost, or for its reader after a signal. */
static bool has_room(const struct watch *w)
{
	if (w->lost || w->t->facts.signal)
		return true;
	return w->out[0].n <= STAGE / 2 && w->out[1].n <= STAGE / 2;
}

static void output(struct watch *w, unsigned i, uint8_t byte)
{
	w->t->facts.bytes[i]++;
	if (!i)
		tap_feed(&w->t->tap, (const char *)&byte, 1);
	if (!w->lost && w->out[i].n < STAGE)
		w->out[i].bytes[w->out[i].n++] = byte;
}

static void stop(struct watch *w);

static void write_out(struct watch *w, struct stream *s)
{
	ssize_t n = write(s->fd, s->bytes, MIN(s->n, CHUNK));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		w->t->facts.output_lost = s == &w->out[0] ? "standard output" : "standard error";
		w->lost = true;
		w->out[0].n = w->out[1].n = 0;
		stop(w);
		return;
	}
	s->n -= (size_t)n;
	memmove(s->bytes, s->bytes + n, s->n);
}

/* The log may not stop the run: a verdict is worth more. */
static void to_log(struct watch *w, const uint8_t *bytes, size_t n)
{
	struct test_watch *t = w->t;

	klog_feed(&t->log, (const char *)bytes, n);
	if (t->options->verbose && fd_write_all(STDERR_FILENO, bytes, n))
		t->facts.output_lost = "standard error";
	if (t->log_fd < 0 || t->log_lost)
		return;
	if (t->log.bytes > LOG_MAX)
		w->log_cut += n;
	else if (fd_write_all(t->log_fd, bytes, n))
		t->log_lost = strerror(errno);
}

/* --- in --- */

static void files(struct watch *w, const uint8_t *bytes, size_t n)
{
	w->last_file = clock_ns();
	if (w->t->collect.n)
		collect_feed(&w->t->collect, bytes, n);
}

static void moment(struct watch *w, enum report_moment which)
{
	if (!w->t->moments[which])
		w->t->moments[which] = clock_ns();
}

static void control(struct watch *w, const char *bytes, size_t n)
{
	struct link *c = &w->t->control;

	link_feed(c, bytes, n);
	if (c->state >= LINK_HELLO)
		moment(w, MOMENT_INIT);
	if (c->state >= LINK_STARTED && !c->failed)
		moment(w, MOMENT_START);
	if (c->state >= LINK_EXITED) {
		moment(w, MOMENT_END);
		if (!w->exited_at)
			w->exited_at = clock_ns();
	}
}

/* Where init found the ports, the serial port has the kernel's console and nothing else. */
static void console(struct watch *w, const uint8_t *bytes, size_t n)
{
	const struct link *c = &w->t->control;
	uint8_t log[CHUNK], byte;
	size_t n_log = 0;

	if (c->state >= LINK_HELLO && !c->serial) {
		to_log(w, bytes, n);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		int stream = link_decode(&w->decoder, bytes[i], &byte);

		if (stream == LINK_CONTROL)
			control(w, (const char *)&byte, 1);
		else if (stream == LINK_FILES)
			files(w, &byte, 1);
		else if (stream > 0)
			output(w, (unsigned)stream - LINK_STDOUT, byte);
		else if (stream == -1)
			log[n_log++] = byte;
	}
	if (n_log)
		to_log(w, log, n_log);
}

static void read_console(struct watch *w)
{
	uint8_t bytes[CHUNK];
	ssize_t n = read(w->vm.console_out, bytes, sizeof(bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fd_close(&w->vm.console_out);
		return;
	}
	moment(w, MOMENT_CONSOLE);
	w->last_byte = clock_ns();
	console(w, bytes, (size_t)n);
}

static void read_port(struct watch *w, unsigned stream)
{
	uint8_t bytes[CHUNK];
	ssize_t n = read(w->vm.port_out[stream], bytes, sizeof(bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fd_close(&w->vm.port_out[stream]);
		return;
	}
	w->last_byte = clock_ns();
	if (stream == LINK_CONTROL)
		control(w, (const char *)bytes, (size_t)n);
	else if (stream == LINK_FILES)
		files(w, bytes, (size_t)n);
	for (ssize_t i = 0; (stream == LINK_STDOUT || stream == LINK_STDERR) && i < n; i++)
		output(w, stream - LINK_STDOUT, bytes[i]);
}

static void read_message(struct watch *w)
{
	struct test_watch *t = w->t;
	char text[512];
	ssize_t n = read(w->vm.err, text, sizeof(text));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fd_close(&w->vm.err);
		return;
	}
	/* What is said last counts: keep the end. */
	if (w->message_n + (size_t)n >= sizeof(t->vm_message)) {
		memmove(t->vm_message, t->vm_message + sizeof(text),
			sizeof(t->vm_message) - sizeof(text));
		w->message_n = w->message_n > sizeof(text) ? w->message_n - sizeof(text) : 0;
	}
	memcpy(t->vm_message + w->message_n, text, (size_t)n);
	w->message_n += (size_t)n;
	t->vm_message[w->message_n] = 0;
}

/* --- towards the guest --- */

/* How much more the guest takes now: a serial line has its window, a port its pipe, which says so itself. */
static size_t window(const struct watch *w)
{
	const struct link *c = &w->t->control;

	return c->serial ? LINK_WINDOW - (size_t)(c->sent - c->acknowledged) : CHUNK;
}

/* How many of the bytes went. None of these descriptors blocks. */
static size_t send_stream(struct watch *w, unsigned stream, const uint8_t *bytes, size_t n)
{
	struct link *c = &w->t->control;
	uint8_t coded[2 * LINK_WINDOW];
	ssize_t done;

	if (!c->serial) {
		done = write(w->vm.port_in[stream], bytes, n);
		return done > 0 ? (size_t)done : 0;
	}
	for (size_t i = 0; i < n; i++)
		link_encode(stream, bytes[i], coded + 2 * i);
	c->sent += n;
	if (write(w->vm.console_in, coded, 2 * n) != (ssize_t)(2 * n) && errno == EAGAIN)
		c->lie = "an acknowledgement of what it did not read";
	return n;
}

static bool send_control(struct watch *w, const char *text)
{
	size_t n = strlen(text);

	return w->t->control.state == LINK_STARTED && window(w) >= n &&
	       send_stream(w, LINK_CONTROL, (const uint8_t *)text, n) == n;
}

static void send_input(struct watch *w)
{
	size_t n = MIN(w->input.n, window(w));
	char text[32];

	if (w->t->control.state != LINK_STARTED)
		return;
	if (n) {
		n = send_stream(w, LINK_STDIN, w->input.bytes, n);
		w->input_total += n;
		w->input.n -= n;
		memmove(w->input.bytes, w->input.bytes + n, w->input.n);
	}
	snprintf(text, sizeof(text), "eof %llu\n", (unsigned long long)w->input_total);
	if (w->input_end && !w->input.n && !w->input_told)
		w->input_told = send_control(w, text);
}

/* At a terminal every key is the guest's but Ctrl-A x, as in thru run. */
static size_t keys(struct watch *w, uint8_t *bytes, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		bool escaped = w->key[0];

		w->key[0] = !escaped && bytes[i] == 1;
		if (escaped && bytes[i] == 'x') {
			w->t->facts.signal = SIGTERM;
			stop(w);
		} else if (!w->key[0]) {
			bytes[kept++] = bytes[i];
		}
	}
	return kept;
}

static void read_input(struct watch *w)
{
	uint8_t *at = w->input.bytes + w->input.n;
	ssize_t n = read(STDIN_FILENO, at, MIN(CHUNK, STAGE - w->input.n));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		w->input_end = true;
		return;
	}
	w->input.n += w->terminal->is ? keys(w, at, (size_t)n) : (size_t)n;
}

/* --- ends --- */

static void stop(struct watch *w)
{
	if (w->stopping || w->ended)
		return;
	w->stopping = true;
	w->stopped_at = clock_ns();
	kill(w->vm.pid, SIGTERM);
}

/*
 * The kernel answers to a break and a letter on its console (Documentation/admin-guide/sysrq.rst): SysRq w,
 * then t. The break is a byte that is part of no stream (serial.h, breaks).
 */
static void ask_by_break(struct watch *w)
{
	w->broke = true;
	if (write(w->vm.console_in, "\xffw\xfft", 4) != 4)
		log_warn(
			"the guest's console takes no more input; its kernel is not asked where it "
			"stands");
}

/* It hangs: where it stands is asked of the kernel first, by init while init lives. */
static void give_up(struct watch *w, enum waited waited, unsigned seconds)
{
	if (w->asked || w->stopping)
		return;
	w->t->facts.waited = waited;
	w->t->facts.seconds = seconds;
	w->asked = true;
	w->asked_at = clock_ns();
	if (w->t->control.state != LINK_STARTED) {
		ask_by_break(w);
		return;
	}
	send_control(w, "sysrq w\n");
	send_control(w, "sysrq t\n");
}

static void reap(struct watch *w)
{
	struct rusage usage;
	int status;

	if (wait4(w->vm.pid, &status, WNOHANG, &usage) != w->vm.pid)
		return;
	w->ended = true;
	w->t->peak_kib = (uint64_t)usage.ru_maxrss;
	moment(w, MOMENT_OFF);
	w->t->facts.vm = WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_SIGNAL + WTERMSIG(status);
	/* What we did to it ourselves is not its own end. */
	if (w->stopping && w->t->facts.vm >= STATUS_SIGNAL)
		w->t->facts.vm = -1;
}

static void tell_size(struct watch *w)
{
	struct winsize size;
	char text[48];

	if (!w->terminal->is || ioctl(STDIN_FILENO, TIOCGWINSZ, &size))
		return;
	snprintf(text, sizeof(text), "window %u %u\n", size.ws_row, size.ws_col);
	send_control(w, text);
}

static void read_signal(struct watch *w)
{
	struct signalfd_siginfo info;

	if (read(w->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD) {
		reap(w);
	} else if (info.ssi_signo == SIGWINCH) {
		tell_size(w);
	} else {
		if (!w->t->facts.signal)
			w->t->facts.signal = (int)info.ssi_signo;
		stop(w);
	}
}

/* --- time --- */

static uint64_t after(uint64_t start, unsigned seconds)
{
	return start + seconds * NS_PER_S;
}

/* As long as files come the guest may take its time, but for no longer than its command may. */
static uint64_t off_due(const struct watch *w, unsigned seconds)
{
	uint64_t due = after(MAX(w->exited_at, w->last_file), seconds);
	unsigned timeout = w->t->options->timeout;

	return timeout ? MIN(due, after(w->exited_at, MAX(timeout, seconds))) : due;
}

/* What is due, and when the next is: ns, UINT64_MAX for never. */
static uint64_t clock_work(struct watch *w)
{
	const struct test_options *o = w->t->options;
	enum link_state state = w->t->control.state;
	uint64_t now = clock_ns(), next = UINT64_MAX, due = UINT64_MAX;
	unsigned seconds = 0;
	enum waited waited = WAITED_NOT;

	if (w->stopping) {
		if (now >= after(w->stopped_at, GRACE_S))
			kill(w->vm.pid, SIGKILL);
		return after(w->stopped_at, GRACE_S);
	}
	if (w->asked) {
		if (!w->broke && w->last_byte < w->asked_at &&
		    now >= w->asked_at + INIT_MS * 1000000ull)
			ask_by_break(w);
		if (!w->broke)
			next = w->asked_at + INIT_MS * 1000000ull;
		if (now >= w->asked_at + SYSRQ_MS * 1000000ull)
			stop(w);
		return next > now ? MIN(next, w->asked_at + SYSRQ_MS * 1000000ull)
				  : w->asked_at + SYSRQ_MS * 1000000ull;
	}
	if (state < LINK_STARTED && o->boot_timeout)
		due = after(w->t->moments[MOMENT_VM], seconds = o->boot_timeout),
		waited = WAITED_BOOT;
	else if (state == LINK_STARTED && o->timeout)
		due = after(w->t->moments[MOMENT_START], seconds = o->timeout),
		waited = WAITED_COMMAND;
	else if (state >= LINK_EXITED)
		due = off_due(w, seconds = MAX(GRACE_S, o->boot_timeout / 4)), waited = WAITED_OFF;
	if (now >= due)
		give_up(w, waited, seconds);
	next = due;
	if (o->stall && state == LINK_STARTED) {
		uint64_t quiet = after(MAX(w->last_byte, w->t->moments[MOMENT_START]), o->stall);

		if (now >= quiet && has_room(w))
			give_up(w, WAITED_STALL, o->stall);
		next = MIN(next, quiet);
	}
	return w->asked ? now : next;
}

/* --- the loop --- */

static int wait_ms(uint64_t next)
{
	uint64_t now = clock_ns();

	if (next == UINT64_MAX)
		return -1;
	return next <= now ? 0 : (int)MIN((next - now) / 1000000 + 1, 1000000);
}

static void turn(struct watch *w)
{
	bool wants_input = !w->input_end && w->input.n < STAGE / 2 &&
			   w->t->control.state == LINK_STARTED;
	struct pollfd p[] = {
		{ .fd = w->signals, .events = POLLIN },
		{ .fd = has_room(w) ? w->vm.console_out : -1, .events = POLLIN },
		{ .fd = w->vm.err, .events = POLLIN },
		{ .fd = wants_input ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = w->out[0].n ? w->out[0].fd : -1, .events = POLLOUT },
		{ .fd = w->out[1].n ? w->out[1].fd : -1, .events = POLLOUT },
		{ .fd = w->vm.port_out[LINK_CONTROL], .events = POLLIN },
		{ .fd = has_room(w) ? w->vm.port_out[LINK_STDOUT] : -1, .events = POLLIN },
		{ .fd = has_room(w) ? w->vm.port_out[LINK_STDERR] : -1, .events = POLLIN },
		{ .fd = w->vm.port_out[LINK_FILES], .events = POLLIN },
		{ .fd = w->input.n && !w->t->control.serial ? w->vm.port_in[LINK_STDIN] : -1,
		  .events = POLLOUT },
	};
	uint64_t next = clock_work(w);

	if (poll(p, ARRAY_SIZE(p), w->ended ? 0 : wait_ms(next)) < 0)
		return;
	if (p[0].revents)
		read_signal(w);
	if (p[1].revents)
		read_console(w);
	if (p[2].revents)
		read_message(w);
	if (p[3].revents)
		read_input(w);
	if (p[4].revents)
		write_out(w, &w->out[0]);
	if (p[5].revents)
		write_out(w, &w->out[1]);
	for (unsigned i = 0; i < LINK_STREAMS; i++)
		if (p[6 + i].revents)
			read_port(w, i);
	send_input(w);
}

/* Up to the last byte: the VMM has ended, its pipes are empty, and what came is written. */
static bool done(const struct watch *w)
{
	return w->ended && w->vm.console_out < 0 && w->vm.err < 0 &&
	       w->vm.port_out[LINK_CONTROL] < 0 && w->vm.port_out[LINK_STDOUT] < 0 &&
	       w->vm.port_out[LINK_STDERR] < 0 && w->vm.port_out[LINK_FILES] < 0 &&
	       (w->lost || (!w->out[0].n && !w->out[1].n) || w->t->facts.signal);
}

/* --- life --- */

static int watch_signals(struct watch *w)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return w->signals < 0 ? fail(STATUS_FAILURE, errno, "signalfd: %s", strerror(errno)) : 0;
}

/* The last line that the VMM said is why it ended; others were warnings. */
static void split_message(struct watch *w)
{
	char *text = w->t->vm_message, *last;
	struct bdf bdf;
	char word[64];

	for (size_t n = strlen(text); n && text[n - 1] == '\n';)
		text[--n] = 0;
	last = strrchr(text, '\n');
	if (last) {
		if (w->t->options->verbose)
			fprintf(stderr, "%.*s\n", (int)(last - text), text);
		memmove(text, last + 1, strlen(last + 1) + 1);
	}
	if (!strncmp(text, "thru: ", 6))
		memmove(text, text + 6, strlen(text + 6) + 1);
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(text, " "), text);
	if (*word && word[strlen(word) - 1] == ':')
		word[strlen(word) - 1] = 0;
	w->t->facts.device = bdf_parse(word, &bdf);
	w->t->facts.vm_message = text;
}

static void finish(struct watch *w)
{
	static const char cut[] = "\nthru: the log was cut here: %llu bytes more came\n";

	w->t->account = *w->account;
	w->t->moments[MOMENT_FIRST] = w->account->first_ns;
	munmap(w->account, sizeof(*w->account));
	klog_finish(&w->t->log);
	tap_finish(&w->t->tap);
	if (w->log_cut && w->t->log_fd >= 0 && !w->t->log_lost)
		dprintf(w->t->log_fd, cut, (unsigned long long)w->log_cut);
	split_message(w);
	w->t->facts.log = &w->t->log;
	w->t->facts.control = &w->t->control;
	w->t->facts.tap = &w->t->tap;
	fd_close(&w->vm.console_in);
	fd_close(&w->vm.port_in[LINK_CONTROL]);
	fd_close(&w->vm.port_in[LINK_STDIN]);
	fd_close(&w->signals);
}

int test_watch_run(struct test_watch *t, const struct run_options *guest,
		   const struct test_terminal *terminal, bool *ret_child)
{
	struct watch *w = calloc(1, sizeof(*w));
	struct virtio_console_port ports[TEST_PORTS];
	struct run_account *account;
	int r;

	*ret_child = false;
	if (!w)
		return fail(STATUS_HOST, ENOMEM, "no memory to watch a guest");
	w->t = t;
	w->terminal = terminal;
	w->vm.console_in = w->vm.console_out = w->vm.err = w->signals = -1;
	w->out[0].fd = STDOUT_FILENO;
	w->out[1].fd = STDERR_FILENO;
	t->facts.vm = -1;
	w->account = mmap(NULL, sizeof(*w->account), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	r = w->account == MAP_FAILED ? fail(STATUS_HOST, ENOMEM, "no memory to watch a guest")
				     : watch_signals(w);
	moment(w, MOMENT_VM);
	if (!r)
		r = test_vm_start(&w->vm, ports, ret_child);
	if (!r && *ret_child) {
		account = w->account;
		free(w);
		return run_guest(guest, ports, t->collect.n ? TEST_PORTS : TEST_PORTS - 1, account);
	}
	while (!r && !done(w))
		turn(w);
	if (!r)
		finish(w);
	free(w);
	return r;
}
