/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many guests and one answer: which are begun, what they were, what is told of them. Each is a process of its
 * own (test_try.c), which is `thru test` by the same code. One thread, one poll(2).
 */
#include "test_many.h"

#include "test_report.h"
#include "test_signals.h"
#include "test_try.h"

#include <base/clock.h>
#include <base/error.h>
#include <base/log.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRESS_MS 1000

struct many {
	const struct test_options *options;
	struct test_outputs outputs;
	FILE *json, *junit;
	struct test_slot *slots;
	struct test_result *results; /* shared, one for each slot */
	struct test_slot *mine;      /* in a try's process: its own */
	unsigned jobs, running;
	unsigned begun, tries;
	struct report_counts n;
	bool stopping, progress;
	int signal, signals;
	sigset_t before; /* the signals that were blocked */
	uint64_t start;
	struct test_result first; /* the first run that failed */
	unsigned first_run;
	bool kept_failed; /* what is kept is of a run that failed, not of a flaky one */
	char kept_name[64];
	size_t kept_n;
	char kept[TEST_OUTPUT_MAX];
};

bool test_many_wanted(const struct test_options *o)
{
	return o->repeat > 1 || o->retry;
}

/* --- what is told meanwhile --- */

static void tell_progress(struct many *m)
{
	const struct report_counts *n = &m->n;
	unsigned done = n->passed + n->flaky + n->failed, all = n->runs;
	uint64_t left = done ? (clock_ns() - m->start) / done * (all - done) / NS_PER_S : 0;

	if (!m->progress)
		return;
	fprintf(stderr, "\r\033[K%u of %u runs, %u at once: %u failed, %u flaky", done, all,
		m->running, n->failed, n->flaky);
	if (done && done < all)
		fprintf(stderr, "; %llu:%02llu left", (unsigned long long)left / 60,
			(unsigned long long)left % 60);
}

static void end_progress(const struct many *m)
{
	if (m->progress)
		fputs("\r\033[K", stderr);
}

/* Of the first failure everything is shown in the end; one that --retry made good gives way. */
static void keep(struct many *m, const struct test_slot *s, bool run_failed)
{
	if (m->kept_failed || (*m->kept_name && !run_failed))
		return;
	m->kept_failed = run_failed;
	snprintf(m->kept_name, sizeof(m->kept_name), "run %u, try %u", s->try.run, s->try.number);
	memcpy(m->kept, s->output, s->n);
	m->kept_n = s->n;
}

static void show_kept(const struct many *m)
{
	if (!*m->kept_name || m->options->repeat == 1)
		return;
	fprintf(stderr, "thru: the end of what %s said:\n", m->kept_name);
	fwrite(m->kept, 1, m->kept_n, stderr);
	if (m->kept_n && m->kept[m->kept_n - 1] != '\n')
		fputc('\n', stderr);
}

static void stop(struct many *m)
{
	m->stopping = true;
	for (unsigned i = 0; i < m->jobs; i++)
		if (m->slots[i].pid)
			kill(m->slots[i].pid, SIGTERM);
}

/* --- the runs --- */

/* A fault of the runner or of a device is there the next time, too: all ends with it. */
static bool ends_all(const struct many *m, enum verdict verdict)
{
	return verdict == VERDICT_RUNNER || verdict == VERDICT_DEVICE || m->options->fail_fast;
}

/* True when the run is tried again, in the same slot. */
static bool judge(struct many *m, struct test_slot *s)
{
	const struct test_result *result = s->try.result;
	bool runner = result->verdict == VERDICT_RUNNER || result->verdict == VERDICT_DEVICE;
	bool again = !runner && s->try.number <= m->options->retry && !m->stopping;

	if (result->verdict == VERDICT_PASS) {
		m->n.passed += s->try.number == 1;
		m->n.flaky += s->try.number > 1;
		return false;
	}
	if (m->stopping && (result->verdict == VERDICT_INTERRUPTED || !result->told))
		return false; /* by us: it counts as not run */
	end_progress(m);
	if (m->options->repeat > 1)
		fprintf(stderr, "thru: run %u, try %u: %s: %s\n", s->try.run, s->try.number,
			verdict_name(result->verdict), result->cause);
	keep(m, s, !again);
	if (again)
		return true;
	if (!m->n.failed++) {
		m->first = *result;
		m->first_run = s->try.run;
	}
	if (ends_all(m, result->verdict))
		stop(m);
	return false;
}

/* The signals' descriptor and the others' pipes stay the parent's: nothing of them is read in the child. */
static int begin(struct many *m, struct test_slot *s, bool *ret_child)
{
	int r = test_try_begin(s, m->options, &m->before, ret_child);

	if (*ret_child)
		m->mine = s;
	else
		m->running += !r;
	return r;
}

static int end_try(struct many *m, struct test_slot *s, int wait_status, bool *ret_child)
{
	m->running--;
	test_try_end(s, wait_status);
	test_try_report(s, m->options, m->json, m->junit, !m->tries++);
	if (!judge(m, s))
		return 0;
	s->try.number++;
	return begin(m, s, ret_child);
}

static int read_signals(struct many *m, bool *ret_child)
{
	struct signalfd_siginfo info;
	int status, r = 0;

	while (read(m->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD || m->signal)
			continue;
		m->signal = (int)info.ssi_signo;
		stop(m);
	}
	for (unsigned i = 0; !r && !*ret_child && i < m->jobs; i++)
		if (m->slots[i].pid &&
		    waitpid(m->slots[i].pid, &status, WNOHANG) == m->slots[i].pid)
			r = end_try(m, &m->slots[i], status, ret_child);
	return r;
}

static int fill(struct many *m, bool *ret_child)
{
	int r = 0;

	for (unsigned i = 0; !r && !*ret_child && i < m->jobs; i++) {
		struct test_slot *s = &m->slots[i];

		if (s->pid || m->stopping || m->begun == m->options->repeat)
			continue;
		s->try.run = ++m->begun;
		s->try.number = 1;
		r = begin(m, s, ret_child);
	}
	return r;
}

static void wait_for_one(struct many *m)
{
	struct pollfd p[1 + TEST_JOBS_MAX];

	p[0] = (struct pollfd){ .fd = m->signals, .events = POLLIN };
	for (unsigned i = 0; i < m->jobs; i++)
		p[1 + i] = (struct pollfd){ .fd = m->slots[i].out, .events = POLLIN };
	if (poll(p, 1 + m->jobs, m->progress ? PROGRESS_MS : -1) < 0)
		return;
	for (unsigned i = 0; i < m->jobs; i++)
		if (p[1 + i].revents)
			test_try_read(&m->slots[i]);
}

static int run_all(struct many *m, bool *ret_child)
{
	int r = fill(m, ret_child);

	while (!r && !*ret_child && m->running) {
		tell_progress(m);
		wait_for_one(m);
		r = read_signals(m, ret_child);
		if (!r && !*ret_child)
			r = fill(m, ret_child);
	}
	return r;
}

/* --- the whole --- */

static int prepare(struct many *m)
{
	struct test_options own = *m->options;
	int r;

	own.log = NULL; /* each try has its own */
	r = test_outputs_open(&own, &m->outputs);
	if (r)
		return r;
	r = test_signals_open(0, &m->before, &m->signals);
	if (r)
		return r;
	m->slots = calloc(m->jobs, sizeof(*m->slots));
	m->results = mmap(NULL, m->jobs * sizeof(*m->results), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!m->slots || m->results == MAP_FAILED)
		return fail(STATUS_HOST, ENOMEM,
			    "no memory for %u guests at once; give fewer in --jobs", m->jobs);
	for (unsigned i = 0; i < m->jobs; i++) {
		m->slots[i].out = m->slots[i].try.json = m->slots[i].try.junit = -1;
		m->slots[i].try.result = &m->results[i];
	}
	if (m->outputs.json >= 0 && (m->json = fdopen(m->outputs.json, "w")))
		m->outputs.json = -1;
	if (m->outputs.junit >= 0 && (m->junit = fdopen(m->outputs.junit, "w")))
		m->outputs.junit = -1;
	if (m->json)
		report_json_begin(m->json);
	if (m->junit)
		report_junit_begin(m->junit);
	return 0;
}

static void decide_all(const struct many *m, struct test_result *ret)
{
	const struct report_counts *n = &m->n;
	char counts[128];

	snprintf(counts, sizeof(counts), "%u passed, %u flaky, %u failed, %u not run", n->passed,
		 n->flaky, n->failed, n->runs - n->passed - n->flaky - n->failed);
	*ret = (struct test_result){ .verdict = n->flaky ? VERDICT_FLAKY : VERDICT_PASS };
	if (m->signal) {
		ret->verdict = VERDICT_INTERRUPTED;
		snprintf(ret->cause, sizeof(ret->cause), "ended by signal %d; %s", m->signal,
			 counts);
	} else if (n->failed) {
		*ret = m->first;
		snprintf(ret->cause, sizeof(ret->cause), "run %u of %u: %.500s; %s", m->first_run,
			 n->runs, m->first.cause, counts);
		return;
	} else {
		snprintf(ret->cause, sizeof(ret->cause), "%s", counts);
	}
	ret->status = verdict_status(ret->verdict, m->signal);
}

/* True when all that was asked for could be written. */
static bool write_end(const char *option, const char *path, FILE *file)
{
	bool ok = file && !ferror(file);

	if (!path)
		return true;
	ok = file && !fclose(file) && ok;
	if (!ok)
		log_warn("%s %s: %s; the verdict is not in it", option, path, strerror(errno));
	return ok;
}

static int conclude(struct many *m)
{
	const struct test_options *o = m->options;
	struct test_result all;
	bool ok;

	decide_all(m, &all);
	end_progress(m);
	show_kept(m);
	if (m->json)
		report_json_end(m->json, &m->n, all.verdict, all.status, all.cause);
	if (m->junit)
		report_junit_end(m->junit);
	ok = write_end("--json", o->json, m->json);
	ok = write_end("--junit", o->junit, m->junit) && ok;
	m->json = m->junit = NULL;
	if (!ok && !all.status) {
		all.verdict = VERDICT_RUNNER;
		all.status = STATUS_TEST_RUNNER;
	}
	error_clear();
	if (all.status)
		fail((enum exit_status)all.status, EIO, "%s: %s", verdict_name(all.verdict),
		     all.cause);
	else
		fprintf(stderr, "thru: %s\n", all.cause);
	return o->bisect ? verdict_bisect(all.verdict, o->no_boot_skips) : all.status;
}

static void release(struct many *m)
{
	if (m->json)
		fclose(m->json);
	if (m->junit)
		fclose(m->junit);
	test_outputs_close(&m->outputs);
	fd_close(&m->signals);
	if (m->results && m->results != MAP_FAILED)
		munmap(m->results, m->jobs * sizeof(*m->results));
	free(m->slots);
	free(m);
}

/* One that could not be begun ends all; those that run are waited for, as after a signal. */
static void wind_up(struct many *m, bool *ret_child)
{
	stop(m);
	while (m->running) {
		wait_for_one(m);
		(void)!read_signals(m, ret_child);
	}
}

int test_many(const struct test_options *options, int (*one)(void *ctx, const struct test_try *try),
	      void *ctx, bool *ret_child)
{
	struct many *m = calloc(1, sizeof(*m));
	int r;

	*ret_child = false;
	if (!m)
		return STATUS_TEST_RUNNER;
	m->options = options;
	m->n.runs = options->repeat;
	m->jobs = test_try_jobs(options);
	m->start = clock_ns();
	m->progress = options->repeat > 1 && isatty(STDERR_FILENO);
	m->signals = m->outputs.log = m->outputs.json = m->outputs.junit = -1;
	r = prepare(m);
	if (!r)
		r = run_all(m, ret_child);
	if (*ret_child)
		return r ? STATUS_TEST_RUNNER : one(ctx, &m->mine->try);
	if (r) {
		wind_up(m, ret_child);
		r = STATUS_TEST_RUNNER;
	} else {
		r = conclude(m);
	}
	release(m);
	return r;
}
