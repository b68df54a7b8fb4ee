/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is written of a run: files that are opened before it, so that one that cannot be is refused while
 * nothing is lost, and lines on standard error.
 */
#include "test_report.h"

#include <base/error.h>
#include <base/fd.h>
#include <base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int open_one(const char *option, const char *path, mode_t mode, int *ret_fd)
{
	if (!path || *ret_fd >= 0)
		return 0;
	*ret_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, mode);
	return *ret_fd >= 0
		       ? 0
		       : fail(STATUS_OUTPUT, errno, "%s %s: %s; choose a path that can be written",
			      option, path, strerror(errno));
}

int test_outputs_open(const struct test_options *o, struct test_outputs *ret)
{
	/* Whoever may read a report need not read all that is on a console. */
	int r = !o->log || ret->log >= 0 ? 0 : fd_open_output(o->log, &ret->log);

	if (r)
		return fail(STATUS_OUTPUT, -r, "--log %s: %s; choose a path that can be written",
			    o->log, strerror(-r));

	if (!r)
		r = open_one("--json", o->json, 0644, &ret->json);
	return r ? r : open_one("--junit", o->junit, 0644, &ret->junit);
}

/* True when it is all there. */
static bool write_one(const char *option, const char *path, int *fd, const struct report *report,
		      void (*form)(const struct report *report, FILE *out))
{
	FILE *out;
	bool ok;

	if (*fd < 0)
		return true;
	out = fdopen(*fd, "w");
	if (out) {
		*fd = -1;
		form(report, out);
		ok = !ferror(out);
		ok = !fclose(out) && ok;
	} else {
		ok = false;
	}
	if (!ok)
		log_warn("%s %s: %s; the verdict is not in it", option, path, strerror(errno));
	return ok;
}

bool test_outputs_write(const struct test_options *o, struct test_outputs *outputs,
			const struct report *report)
{
	bool ok = write_one("--json", o->json, &outputs->json, report, report_json);

	ok = write_one("--junit", o->junit, &outputs->junit, report, report_junit) && ok;
	return ok;
}

void test_outputs_close(struct test_outputs *outputs)
{
	fd_close(&outputs->log);
	fd_close(&outputs->json);
	fd_close(&outputs->junit);
}

bool test_tell_collected(const struct test_options *o, const struct collect *c,
			 const struct link *control)
{
	if (!c->n || control->state < LINK_EXITED)
		return true;
	for (unsigned i = 0; i < c->n; i++)
		if (c->missing[i])
			log_warn("--collect %s: in the guest: %s", o->collect.at[i],
				 strerror(c->missing[i]));
	if (c->broken)
		log_warn("--collect: from the guest came %s; what followed was left out",
			 c->broken);
	else if (c->state != COLLECT_ENDED)
		log_warn("--collect: the guest ended before all its files had come");
	if (c->left_out)
		log_warn("--collect: %llu were left out that are no regular files, cannot be read, "
			 "or are more than %u",
			 (unsigned long long)c->left_out, COLLECT_FILES_MAX);
	if (c->cut)
		log_warn("--collect: cut: there were %llu bytes more than 1 GiB",
			 (unsigned long long)c->cut);
	if (c->lost)
		log_warn("--collect: %s; %llu files are not whole", strerror(c->error),
			 (unsigned long long)c->lost);
	return !c->lost;
}

/* The part of the console that decided, or where it stopped. */
void test_show_log(const struct report *report)
{
	const struct klog *log = report->facts->log;

	switch (report->decision->verdict) {
	case VERDICT_PASS:
	case VERDICT_FAILED:
	case VERDICT_KILLED:
	case VERDICT_TAP:
	case VERDICT_INTERRUPTED:
	case VERDICT_RUNNER:
	case VERDICT_DEVICE:
		return;
	default:
		break;
	}
	for (unsigned i = 0; report->decoded && report->decoded[i]; i++)
		fprintf(stderr, "  %s\n", report->decoded[i]);
	for (unsigned i = 0; i < log->n_findings; i++)
		fprintf(stderr, "thru: line %llu: %s\n", (unsigned long long)log->findings[i].line,
			log->findings[i].text);
	if (klog_tail(log, 0))
		fputs("thru: the end of the kernel's console:\n", stderr);
	for (unsigned i = 0; klog_tail(log, i); i++)
		fprintf(stderr, "  | %s\n", klog_tail(log, i));
}
