/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One suite for a try: the run itself is its first case, then each test of the command's TAP. XML 1.0 has no way to
 * write most control characters (§2.2), so they become '?', as do bytes that are not ASCII.
 */
#include <verdict/report.h>

#include "report_text.h"

static const char *const moments[] = { "exec",        "vm",   "first_instruction",
				       "console",     "init", "command_start",
				       "command_end", "off" };

const char *report_moment_name(enum report_moment moment)
{
	return moments[moment];
}

static void text(FILE *out, const char *s)
{
	for (const unsigned char *c = (const unsigned char *)s; *c; c++) {
		if (*c == '<')
			fputs("&lt;", out);
		else if (*c == '>')
			fputs("&gt;", out);
		else if (*c == '&')
			fputs("&amp;", out);
		else if (*c == '"')
			fputs("&quot;", out);
		else if ((*c < 0x20 && *c != '\n' && *c != '\t') || *c > 0x7e)
			fputc('?', out);
		else
			fputc(*c, out);
	}
}

static void attribute(FILE *out, const char *name, const char *value)
{
	fprintf(out, " %s=\"", name);
	text(out, value);
	fputc('"', out);
}

static bool is_error(enum verdict verdict)
{
	return verdict == VERDICT_RUNNER || verdict == VERDICT_DEVICE ||
	       verdict == VERDICT_INTERRUPTED;
}

static void run(FILE *out, const struct report *r)
{
	const struct klog *log = r->facts->log;
	enum verdict verdict = r->decision->verdict;
	const char *kind = is_error(verdict) ? "error" : "failure";

	fprintf(out, "    <testcase classname=\"thru\" name=\"run\" time=\"%.3f\"",
		(double)r->moments[MOMENT_OFF] / 1e9);
	if (verdict == VERDICT_PASS) {
		fputs("/>\n", out);
		return;
	}
	fprintf(out, ">\n      <%s type=\"%s\"", kind, verdict_name(verdict));
	attribute(out, "message", r->decision->cause);
	fputs(">", out);
	for (unsigned i = 0; klog_tail(log, i); i++) {
		text(out, klog_tail(log, i));
		fputc('\n', out);
	}
	fprintf(out, "</%s>\n    </testcase>\n", kind);
}

static void one(FILE *out, const struct tap_case *c)
{
	fputs("    <testcase classname=\"tap\"", out);
	attribute(out, "name", c->name);
	switch (c->result) {
	case TAP_OK:
		fputs("/>\n", out);
		return;
	case TAP_NOT_OK:
		fputs(">\n      <failure message=\"not ok\">", out);
		text(out, c->why ? c->why : "");
		fputs("</failure>\n    </testcase>\n", out);
		return;
	default:
		fputs(">\n      <skipped", out);
		attribute(out, "message", c->why ? c->why : "");
		fputs("/>\n    </testcase>\n", out);
	}
}

void report_junit_begin(FILE *out)
{
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", out);
}

void report_junit_end(FILE *out)
{
	fputs("</testsuites>\n", out);
}

void report_junit(const struct report *r, FILE *out)
{
	const struct tap *tap = r->facts->tap;
	enum verdict verdict = r->decision->verdict;
	bool error = is_error(verdict);
	unsigned long long failed = tap->counts[TAP_NOT_OK] + (verdict != VERDICT_PASS && !error);
	unsigned long long skipped = tap->counts[TAP_SKIP] + tap->counts[TAP_TODO];

	if (!r->run)
		report_junit_begin(out);
	fputs("  <testsuite name=\"", out);
	text(out, r->command ? r->command[0] : "shell");
	if (r->run)
		fprintf(out, ", run %u, try %u", r->run, r->number);
	fprintf(out,
		"\" tests=\"%llu\" failures=\"%llu\" errors=\"%d\" skipped=\"%llu\" time=\"%.3f\">\n",
		1 + skipped + tap->counts[TAP_OK] + tap->counts[TAP_NOT_OK], failed, error, skipped,
		(double)r->moments[MOMENT_OFF] / 1e9);
	run(out, r);
	for (unsigned i = 0; i < tap->n; i++)
		one(out, &tap->cases[i]);
	fputs("  </testsuite>\n", out);
	if (!r->run)
		report_junit_end(out);
}
