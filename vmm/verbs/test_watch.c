/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One guest, watched from its first byte to its last. One thread, one poll(2): the console (here), the VMM's own
 * words (test_message.c), our standard streams (test_output.c, test_input.c), signals, the clock (test_clock.c).
 * Nothing here waits for the guest alone, and what a guest sends without end is bounded: by what our own
 * output takes, and for the log by TEST_LOG_MAX.
 */
#include "test.h"

#include "test_clock.h"
#include "test_input.h"
#include "test_output.h"
#include "test_signals.h"
#include "test_vm.h"

#include <base/clock.h>
#include <base/error.h>
#include <base/fd.h>
#include <base/log.h>
#include <devices/virtio_console.h>
#include <errno.h>
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

#define CHUNK 4096

struct watch {
	struct test_watch *t;
	const struct test_terminal *terminal;
	struct test_vm vm;
	struct run_account *account; /* shared with it */
	int signals;
	struct link_decoder decoder;
	struct test_output output;
	struct test_input input;
	struct test_clock clock;
	bool ended;
};

/* --- out --- */

/* Nobody waits for an output after a signal. */
static bool has_room(const struct watch *w)
{
	return w->t->facts.signal ||
	       (test_output_has_room(&w->output) && test_log_has_room(&w->t->log_file));
}

static void output(struct watch *w, unsigned i, uint8_t byte)
{
	w->t->facts.bytes[i]++;
	if (!i)
		tap_feed(&w->t->tap, (const char *)&byte, 1);
	test_output_put(&w->output, i, byte);
}

static void stop(struct watch *w)
{
	if (w->clock.stopped || w->ended)
		return;
	w->clock.stopped = clock_ns();
	kill(w->vm.pid, SIGTERM);
}

static void write_out(struct watch *w, unsigned i)
{
	test_output_write(&w->output, i);
	if (!w->output.lost)
		return;
	w->t->facts.output_lost = w->output.lost;
	stop(w);
}

static void to_log(struct watch *w, const uint8_t *bytes, size_t n)
{
	struct test_watch *t = w->t;

	klog_feed(&t->log, (const char *)bytes, n);
	for (size_t i = 0; t->options->verbose && i < n; i++)
		test_output_put(&w->output, 1, bytes[i]);
	test_log_write(&t->log_file, bytes, n);
}

/* --- in --- */

static void files(struct watch *w, const uint8_t *bytes, size_t n)
{
	w->clock.last_file = clock_ns();
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
	if (c->state >= LINK_EXITED)
		moment(w, MOMENT_END);
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
	w->clock.last_byte = clock_ns();
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
	w->clock.last_byte = clock_ns();
	if (stream == LINK_CONTROL)
		control(w, (const char *)bytes, (size_t)n);
	else if (stream == LINK_FILES)
		files(w, bytes, (size_t)n);
	for (ssize_t i = 0; (stream == LINK_STDOUT || stream == LINK_STDERR) && i < n; i++)
		output(w, stream - LINK_STDOUT, bytes[i]);
}

static void read_input(struct watch *w)
{
	if (!test_input_read(&w->input, w->terminal->is))
		return;
	w->t->facts.signal = SIGTERM;
	stop(w);
}

/* --- ends --- */

/* Key by key: of all that it finds in its port at a time Linux keeps one (include/linux/serial_core.h). */
static void ask_by_break(struct watch *w, unsigned which)
{
	w->clock.broke[which] = clock_ns();
	if (!test_input_break(&w->input, "wt"[which]) && !which)
		log_warn("the guest's console takes no more input; its kernel is not asked where "
			 "it stands");
}

/* It hangs: where it stands is asked of the kernel first, by init while init lives. */
static void ask(struct watch *w, const struct test_patience *patience)
{
	w->t->facts.waited = patience->waited;
	w->t->facts.seconds = patience->seconds;
	w->clock.asked = clock_ns();
	if (w->t->control.state != LINK_STARTED) {
		ask_by_break(w, 0);
		return;
	}
	test_input_tell(&w->input, "sysrq w\n");
	test_input_tell(&w->input, "sysrq t\n");
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
	if (w->clock.stopped && w->t->facts.vm >= STATUS_SIGNAL)
		w->t->facts.vm = -1;
}

static void tell_size(struct watch *w)
{
	struct winsize size;
	char text[48];

	if (!w->terminal->is || ioctl(STDIN_FILENO, TIOCGWINSZ, &size))
		return;
	snprintf(text, sizeof(text), "window %u %u\n", size.ws_row, size.ws_col);
	test_input_tell(&w->input, text);
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

/* Do what is due. When to look again. */
static uint64_t keep_time(struct watch *w)
{
	struct test_patience patience;
	uint64_t now = clock_ns(), next;

	/* Its process is no more, and the number may be somebody else's. Who reads us may take all day. */
	if (w->ended)
		return UINT64_MAX;
	switch (test_clock_due(&w->clock, w->t->options, w->t->control.state, has_room(w), now,
			       &next, &patience)) {
	case TEST_DUE_NOTHING:
		break;
	case TEST_DUE_QUESTION:
		ask(w, &patience);
		return now;
	case TEST_DUE_BREAK:
		ask_by_break(w, 0);
		return now;
	case TEST_DUE_ANOTHER:
		ask_by_break(w, 1);
		return now;
	case TEST_DUE_END:
		stop(w);
		break;
	case TEST_DUE_KILL:
		kill(w->vm.pid, SIGKILL);
		break;
	}
	return next;
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
	struct test_stage *out = w->output.streams;
	struct test_log *log = &w->t->log_file;
	struct pollfd p[] = {
		{ .fd = w->signals, .events = POLLIN },
		{ .fd = has_room(w) ? w->vm.console_out : -1, .events = POLLIN },
		{ .fd = w->vm.err, .events = POLLIN },
		{ .fd = test_input_wanted(&w->input) ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = out[0].n ? out[0].fd : -1, .events = POLLOUT },
		{ .fd = out[1].n ? out[1].fd : -1, .events = POLLOUT },
		{ .fd = w->vm.port_out[LINK_CONTROL], .events = POLLIN },
		{ .fd = has_room(w) ? w->vm.port_out[LINK_STDOUT] : -1, .events = POLLIN },
		{ .fd = has_room(w) ? w->vm.port_out[LINK_STDERR] : -1, .events = POLLIN },
		{ .fd = w->vm.port_out[LINK_FILES], .events = POLLIN },
		{ .fd = w->input.stage.n && !w->t->control.serial ? w->vm.port_in[LINK_STDIN] : -1,
		  .events = POLLOUT },
		{ .fd = test_log_has_room(log) ? -1 : log->fd, .events = POLLOUT },
	};
	uint64_t next = keep_time(w);

	if (poll(p, ARRAY_SIZE(p), wait_ms(next)) < 0)
		return;
	if (p[0].revents)
		read_signal(w);
	if (p[1].revents)
		read_console(w);
	if (p[2].revents && !test_message_read(&w->t->vm_message, w->vm.err))
		fd_close(&w->vm.err);
	if (p[3].revents)
		read_input(w);
	if (p[4].revents)
		write_out(w, 0);
	if (p[5].revents)
		write_out(w, 1);
	for (unsigned i = 0; i < LINK_STREAMS; i++)
		if (p[6 + i].revents)
			read_port(w, i);
	if (p[11].revents)
		test_log_flush(log);
	test_input_send(&w->input);
}

/* Up to the last byte: the VMM has ended, its pipes are empty, and what came is written. */
static bool done(const struct watch *w)
{
	return w->ended && w->vm.console_out < 0 && w->vm.err < 0 &&
	       w->vm.port_out[LINK_CONTROL] < 0 && w->vm.port_out[LINK_STDOUT] < 0 &&
	       w->vm.port_out[LINK_STDERR] < 0 && w->vm.port_out[LINK_FILES] < 0 &&
	       ((test_output_written(&w->output) && test_log_has_room(&w->t->log_file)) ||
		w->t->facts.signal);
}

/* --- life --- */

static void finish(struct watch *w)
{
	w->t->account = *w->account;
	w->t->moments[MOMENT_FIRST] = w->account->first_ns;
	munmap(w->account, sizeof(*w->account));
	klog_finish(&w->t->log);
	tap_finish(&w->t->tap);
	test_log_finish(&w->t->log_file);
	w->t->facts.vm_message = test_message_reason(&w->t->vm_message, w->t->options->verbose,
						     &w->t->facts.device);
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
	test_output_init(&w->output);
	w->clock.moments = t->moments;
	w->input.vm = &w->vm;
	w->input.link = &t->control;
	t->facts.vm = -1;
	w->account = mmap(NULL, sizeof(*w->account), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	r = w->account == MAP_FAILED
		    ? fail(STATUS_HOST, errno, "memory to watch a guest: %s", strerror(errno))
		    : test_signals_open(SIGWINCH, NULL, &w->signals);
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
