/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru test`: from options to a verdict. Straight down: which kernel, what root, a VM in a process of its
 * own (test_watch.c), what is to be said of it.
 */
#include "test.h"

#include "test_report.h"
#include "verbs.h"

#include <base/clock.h>
#include <base/log.h>
#include <errno.h>
#include <initramfs/tree.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

struct test {
	struct test_options options;
	struct test_kernel kernel;
	struct test_terminal terminal;
	struct test_watch watch;
	struct test_outputs outputs;
	struct tree root;
	struct rules *fail_on, *ignore;
	struct termios saved;
	uint64_t start;
	int root_fd;
	bool child;
};

static int read_rules(struct test *t)
{
	const struct test_options *o = &t->options;
	time_t now = time(NULL);
	struct tm tm;
	unsigned today;
	int r = 0;

	gmtime_r(&now, &tm);
	today = (unsigned)((tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday);
	for (unsigned i = 0; !r && i < o->fail_on.n; i++)
		r = rules_read(o->fail_on.at[i], today, &t->fail_on);
	for (unsigned i = 0; !r && i < o->ignore.n; i++)
		r = rules_read(o->ignore.at[i], today, &t->ignore);
	t->watch.log.fail_on = t->fail_on;
	t->watch.log.ignore = t->ignore;
	return r;
}

/* A number that only this run's init knows: nothing that a test prints is taken for init's word. */
static int make_nonce(struct test *t)
{
	uint8_t bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return fail(STATUS_HOST, errno, "getrandom: %s", strerror(errno));
	for (unsigned i = 0; i < sizeof(bytes); i++)
		snprintf(t->watch.control.nonce + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

/* A shell on our terminal is a shell on a terminal of its own; COMMAND is a filter wherever it is started. */
static void find_terminal(struct test *t)
{
	struct winsize size;

	if (t->options.command || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return;
	t->terminal.is = true;
	if (!ioctl(STDIN_FILENO, TIOCGWINSZ, &size)) {
		t->terminal.rows = size.ws_row;
		t->terminal.columns = size.ws_col;
	}
}

static void make_raw(struct test *t, bool on)
{
	struct termios raw;

	if (!t->terminal.is)
		return;
	if (!on) {
		tcsetattr(STDIN_FILENO, TCSADRAIN, &t->saved);
		return;
	}
	tcgetattr(STDIN_FILENO, &t->saved);
	raw = t->saved;
	cfmakeraw(&raw);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static int prepare(struct test *t)
{
	int r = test_outputs_open(&t->options, &t->outputs);

	t->watch.log_fd = t->outputs.log;
	if (!r)
		r = read_rules(t);
	if (!r)
		r = test_kernel_find(&t->options, &t->kernel);
	if (!r)
		r = make_nonce(t);
	find_terminal(t);
	if (!r)
		r = test_root_make(&t->options, &t->kernel, t->watch.control.nonce, &t->terminal,
				   &t->root);
	if (!r)
		r = test_root_write(&t->options, &t->root, &t->root_fd);
	return r;
}

static int dry_run(const struct test *t)
{
	printf("kernel   %s\nmodules  %s\ncmdline  %s\n", t->kernel.path,
	       *t->kernel.modules ? t->kernel.modules : "none", t->kernel.cmdline);
	for (unsigned i = 0; i < t->root.n; i++) {
		const struct tree_entry *e = &t->root.at[i];

		printf("%06o  /%s%s%s\n", e->mode, e->path, S_ISLNK(e->mode) ? " -> " : "",
		       S_ISLNK(e->mode) ? e->source : "");
	}
	return STATUS_OK;
}

static int run(struct test *t)
{
	struct run_options guest = t->options.run;
	char initrd[64];
	int r;

	snprintf(initrd, sizeof(initrd), "/proc/self/fd/%d", t->root_fd);
	guest.kernel = t->kernel.path;
	guest.initrd = initrd;
	guest.cmdline = t->kernel.cmdline;
	guest.serial = SERIAL_STDIO;
	make_raw(t, true);
	r = test_watch_run(&t->watch, &guest, &t->terminal, &t->child);
	if (!t->child)
		make_raw(t, false);
	return r;
}

/* Nothing was learnt: the reason is recorded, and told in the same form as any verdict. */
static void no_verdict(struct test *t, struct decision *ret)
{
	t->watch.facts.log = &t->watch.log;
	t->watch.facts.control = &t->watch.control;
	t->watch.facts.tap = &t->watch.tap;
	*ret = (struct decision){ .verdict = VERDICT_RUNNER };
	snprintf(ret->cause, sizeof(ret->cause), "%s", error_message());
}

static int conclude(struct test *t, int r)
{
	const struct test_options *o = &t->options;
	struct decision decision;
	struct report report = { .decision = &decision,
				 .facts = &t->watch.facts,
				 .kernel = *t->kernel.path ? t->kernel.path : o->run.kernel,
				 .cmdline = t->kernel.cmdline ? t->kernel.cmdline : "",
				 .command = o->command,
				 .devices = o->vfio.at,
				 .peak_kib = t->watch.peak_kib };
	int status;

	if (r)
		no_verdict(t, &decision);
	else
		decide(&t->watch.facts, &decision);
	for (unsigned i = 0; i < MOMENT_N; i++)
		report.moments[i] = t->watch.moments[i] ? t->watch.moments[i] - t->start : 0;
	status = verdict_status(decision.verdict, decision.status);
	test_show_log(&report);
	if (t->watch.log_lost)
		log_warn("--log %s: %s; it is not whole", o->log, t->watch.log_lost);
	if ((!test_outputs_write(o, &t->outputs, &report) || t->watch.log_lost) && !status)
		status = STATUS_TEST_RUNNER;
	error_clear();
	if (decision.verdict != VERDICT_PASS)
		fail((enum exit_status)status, EIO, "%s: %s", verdict_name(decision.verdict),
		     decision.cause);
	return o->bisect ? verdict_bisect(status == STATUS_TEST_RUNNER ? VERDICT_RUNNER
								       : decision.verdict,
					  o->no_boot_skips)
			 : status;
}

static void release(struct test *t)
{
	test_outputs_close(&t->outputs);
	tree_deinit(&t->root);
	tap_deinit(&t->watch.tap);
	rules_free(t->fail_on);
	rules_free(t->ignore);
	free(t->kernel.cmdline);
	fd_close(&t->root_fd);
	free(t);
}

int verb_test(int argc, char **argv)
{
	struct test *t = calloc(1, sizeof(*t));
	int r, status;

	if (!t)
		return STATUS_TEST_RUNNER;
	t->start = clock_ns();
	t->root_fd = t->outputs.log = t->outputs.json = t->outputs.junit = t->watch.log_fd = -1;
	t->watch.options = &t->options;
	r = options_parse_test(argc, argv, &t->options);
	if (r) {
		free(t);
		return STATUS_TEST_RUNNER;
	}
	r = prepare(t);
	if (!r && t->options.dry_run) {
		status = dry_run(t);
	} else {
		if (!r)
			r = run(t);
		status = t->child ? r : conclude(t, r);
	}
	release(t);
	return status;
}
