/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru test`: from options to a verdict. Straight down: which kernel, what root, a VM in a process of its
 * own (test_watch.c), what is to be said of it.
 */
#include "test.h"

#include "test_many.h"
#include "test_report.h"
#include "test_shared.h"
#include "test_tools.h"
#include "verbs.h"

#include <base/clock.h>
#include <base/log.h>
#include <errno.h>
#include <initramfs/tree.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <watch/stats.h>

struct test {
	struct test_options options;
	struct test_kernel kernel;
	struct test_terminal terminal;
	struct test_watch watch;
	struct test_outputs outputs;
	struct tree root;
	struct rules *fail_on, *ignore;
	struct termios saved;
	const struct test_try *try; /* NULL: the only one */
	uint64_t start;
	int root_fd;
	bool child;
	char config_hash[65];
	struct test_decoded decoded;
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

/* Of several guests each has a folder of its own in HOSTDIR, with the numbers of its log. */
static int open_collect(struct test *t)
{
	const struct option_list *list = &t->options.collect;
	char path[PATH_MAX];
	int r = 0;

	for (unsigned i = 0; !r && i < list->n; i++) {
		const char *dir = strchr(list->at[i], ':') + 1;
		struct collect parent;

		if (!t->try) {
			r = collect_add(&t->watch.collect, dir);
			continue;
		}
		collect_init(&parent);
		r = collect_add(&parent, dir);
		collect_deinit(&parent);
		snprintf(path, sizeof(path), t->try->number > 1 ? "%s/%u.%u" : "%s/%u", dir,
			 t->try->run, t->try->number);
		if (!r)
			r = collect_add(&t->watch.collect, path);
	}
	return r;
}

static int prepare(struct test *t)
{
	int r = test_outputs_open(&t->options, &t->outputs);

	t->watch.log_file.fd = t->outputs.log;
	if (!r)
		r = read_rules(t);
	if (!r)
		r = test_shared_find(&t->options);
	if (!r)
		r = test_kernel_find(&t->options, &t->kernel);
	if (!r)
		r = make_nonce(t);
	if (!r)
		r = open_collect(t);
	if (!r && *t->kernel.tree && t->outputs.json >= 0)
		test_config_hash(t->kernel.tree, t->config_hash);
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

/* To the process that counts the tries. */
static void tell(struct test_result *result, const struct decision *decision, int status)
{
	result->verdict = decision->verdict;
	result->status = status;
	memcpy(result->cause, decision->cause, sizeof(result->cause));
	result->told = true;
}

/* Those without a name here are counted together. */
static void name_exits(const struct run_account *account, struct report_exits *ret)
{
	struct report_exits other = { .name = "other" };

	for (unsigned i = 0; i < VCPU_EXITS; i++) {
		const char *name = stats_exit_name(i);

		if (name && account->exits[i])
			*ret++ = (struct report_exits){ name, account->exits[i] };
		else
			other.n += account->exits[i];
	}
	if (other.n)
		*ret++ = other;
	ret->name = NULL;
}

static int conclude(struct test *t, int r)
{
	const struct test_options *o = &t->options;
	struct report_exits exits[VCPU_EXITS + 1];
	struct decision decision;
	struct report report = { .decision = &decision,
				 .facts = &t->watch.facts,
				 .kernel = *t->kernel.path ? t->kernel.path : o->run.kernel,
				 .cmdline = t->kernel.cmdline ? t->kernel.cmdline : "",
				 .command = o->command,
				 .devices = o->vfio.at,
				 .devices_by = t->watch.account.way,
				 .exits = exits,
				 .config_hash = t->config_hash,
				 .decoded = t->decoded.lines,
				 .collect = &t->watch.collect,
				 .peak_kib = t->watch.peak_kib };
	int status;

	if (t->try) {
		report.run = t->try->run;
		report.number = t->try->number;
	}
	if (!test_tell_collected(o, &t->watch.collect, &t->watch.control))
		t->watch.facts.output_lost = "what --collect names";
	if (r)
		no_verdict(t, &decision);
	else
		decide(&t->watch.facts, &decision);
	if (decision.finding && *t->kernel.tree)
		test_decode(t->kernel.tree, &t->watch.log, &t->decoded);
	name_exits(&t->watch.account, exits);
	for (unsigned i = 0; i < MOMENT_N; i++)
		report.moments[i] = t->watch.moments[i] ? t->watch.moments[i] - t->start : 0;
	status = verdict_status(decision.verdict, decision.status);
	test_show_log(&report);
	if (t->watch.log_file.lost)
		log_warn("--log %s: %s; it is not whole", o->log, t->watch.log_file.lost);
	if ((!test_outputs_write(o, &t->outputs, &report) || t->watch.log_file.lost) && !status)
		status = STATUS_TEST_RUNNER;
	error_clear();
	if (t->try)
		tell(t->try->result, &decision, status);
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
	collect_deinit(&t->watch.collect);
	rules_free(t->fail_on);
	rules_free(t->ignore);
	free(t->kernel.cmdline);
	fd_close(&t->root_fd);
	free(t);
}

/* From its preparation to its verdict; in the VM's process to the VM's end. */
static int whole(struct test *t)
{
	int r;

	t->start = clock_ns();
	r = prepare(t);
	if (!r && t->options.dry_run)
		return dry_run(t);
	if (!r)
		r = run(t);
	return t->child ? r : conclude(t, r);
}

static int one_try(void *ctx, const struct test_try *try)
{
	struct test *t = ctx;
	int status;

	t->try = try;
	t->outputs.json = try->json;
	t->outputs.junit = try->junit;
	t->options.log = *try->log ? try->log : NULL;
	status = whole(t);
	release(t);
	return status;
}

int verb_test(int argc, char **argv)
{
	struct test *t = calloc(1, sizeof(*t));
	bool child = false;
	int r, status;

	if (!t) {
		fail(STATUS_HOST, ENOMEM, "no memory for a test; free some");
		return STATUS_TEST_RUNNER;
	}
	t->root_fd = t->outputs.log = t->outputs.json = t->outputs.junit = -1;
	t->watch.log_file.fd = -1;
	/* What cannot be written is told, and is no end: a reader that has gone, and a limit on files (main.c). */
	signal(SIGPIPE, SIG_IGN);
	t->watch.options = &t->options;
	collect_init(&t->watch.collect);
	r = options_parse_test(argc, argv, &t->options);
	if (r) {
		free(t);
		return STATUS_TEST_RUNNER;
	}
	if (test_many_wanted(&t->options) && !t->options.dry_run) {
		status = test_many(&t->options, one_try, t, &child);
		if (child)
			return status;
	} else {
		status = whole(t);
	}
	release(t);
	return status;
}
