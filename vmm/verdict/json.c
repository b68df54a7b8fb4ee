/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The JSON report. Strings are ASCII with everything else escaped bytewise, so that it is valid JSON whatever a
 * guest printed.
 */
#include <verdict/report.h>

#include "report_text.h"

static void string(FILE *out, const char *text)
{
	fputc('"', out);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if (*c < 0x20 || *c > 0x7e)
			fprintf(out, "\\u%04x", *c);
		else
			fputc(*c, out);
	}
	fputc('"', out);
}

static void pair(FILE *out, const char *key, const char *value)
{
	fprintf(out, "  \"%s\": ", key);
	string(out, value);
	fputs(",\n", out);
}

static void list(FILE *out, const char *key, const char *const *words)
{
	fprintf(out, "  \"%s\": [", key);
	for (unsigned i = 0; words && words[i]; i++) {
		fputs(i ? ", " : "", out);
		string(out, words[i]);
	}
	fputs("],\n", out);
}

static void lines(FILE *out, const struct klog *log)
{
	fputs("  \"lines\": [", out);
	for (unsigned i = 0; i < log->n_findings; i++) {
		const struct klog_finding *f = &log->findings[i];

		fprintf(out,
			"%s\n    {\"line\": %llu, \"verdict\": \"%s\", \"decides\": %s, \"text\": ",
			i ? "," : "", (unsigned long long)f->line, verdict_name(f->verdict),
			f->noted ? "false" : "true");
		string(out, f->text);
		fputc('}', out);
	}
	fprintf(out, "%s],\n  \"tail\": [", log->n_findings ? "\n  " : "");
	for (unsigned i = 0; klog_tail(log, i); i++) {
		fputs(i ? ",\n    " : "\n    ", out);
		string(out, klog_tail(log, i));
	}
	fprintf(out, "%s],\n", klog_tail(log, 0) ? "\n  " : "");
}

static void command_status(FILE *out, const struct link *c)
{
	if (c->state < LINK_EXITED || c->failed)
		fputs("  \"command_status\": null,\n", out);
	else if (c->signal)
		fprintf(out, "  \"command_status\": {\"signal\": %d},\n", c->signal);
	else
		fprintf(out, "  \"command_status\": {\"code\": %d},\n", c->code);
}

static void exits(FILE *out, const struct report_exits *at)
{
	bool first = true;

	fputs("  \"exits\": {", out);
	for (; at && at->name; at++) {
		fputs(first ? "" : ", ", out);
		string(out, at->name);
		fprintf(out, ": %llu", (unsigned long long)at->n);
		first = false;
	}
	fputs("},\n", out);
}

static void collected(FILE *out, const struct collect *c)
{
	if (c && c->n)
		fprintf(out,
			"  \"collected\": {\"files\": %llu, \"bytes\": %llu, \"cut\": %llu, "
			"\"left_out\": %llu, \"lost\": %llu},\n",
			(unsigned long long)c->files, (unsigned long long)c->bytes,
			(unsigned long long)c->cut, (unsigned long long)c->left_out,
			(unsigned long long)c->lost);
}

void report_json(const struct report *r, FILE *out)
{
	const struct facts *f = r->facts;
	bool first = true;

	fprintf(out, "{\n  \"schema\": %d,\n", REPORT_SCHEMA);
	pair(out, "verdict", verdict_name(r->decision->verdict));
	fprintf(out, "  \"status\": %d,\n",
		verdict_status(r->decision->verdict, r->decision->status));
	pair(out, "cause", r->decision->cause);
	list(out, "command", (const char *const *)r->command);
	command_status(out, f->control);
	pair(out, "kernel", r->kernel);
	pair(out, "kernel_version", *f->log->version ? f->log->version : f->control->release);
	pair(out, "config_sha256", r->config_hash ? r->config_hash : "");
	pair(out, "cmdline", r->cmdline);
	list(out, "devices", r->devices);
	pair(out, "devices_by", r->devices_by ? r->devices_by : "");
	pair(out, "way",
	     f->control->state < LINK_HELLO ? "none"
	     : f->control->serial           ? "serial"
					    : "ports");
	fputs("  \"moments_ms\": {", out);
	for (unsigned i = 0; i < MOMENT_N; i++)
		if (r->moments[i] || !i) {
			fprintf(out, "%s\"%s\": %.3f", first ? "" : ", ", report_moment_name(i),
				(double)r->moments[i] / 1e6);
			first = false;
		}
	fprintf(out, "},\n  \"peak_kib\": %llu,\n  \"log_lines\": %llu,\n  \"log_bytes\": %llu,\n",
		(unsigned long long)r->peak_kib, (unsigned long long)f->log->lines,
		(unsigned long long)f->log->bytes);
	fprintf(out,
		"  \"tap\": {\"ok\": %llu, \"not_ok\": %llu, \"skip\": %llu, \"todo\": %llu, "
		"\"broken_plans\": %llu, \"bailed_out\": %s},\n",
		(unsigned long long)f->tap->counts[TAP_OK],
		(unsigned long long)f->tap->counts[TAP_NOT_OK],
		(unsigned long long)f->tap->counts[TAP_SKIP],
		(unsigned long long)f->tap->counts[TAP_TODO], (unsigned long long)f->tap->broken,
		f->tap->bailed ? "true" : "false");
	exits(out, r->exits);
	collected(out, r->collect);
	lines(out, f->log);
	list(out, "decoded", r->decoded);
	fprintf(out, "  \"version\": \"%s\"\n}\n", THRU_VERSION);
}

void report_json_begin(FILE *out)
{
	fprintf(out, "{\n\"schema\": %d,\n\"tries\": [", REPORT_SCHEMA);
}

void report_json_try(FILE *out, unsigned run, unsigned number, bool first)
{
	fprintf(out, "%s\n{\"run\": %u, \"try\": %u, \"report\": ", first ? "" : ",", run, number);
}

void report_json_end(FILE *out, const struct report_counts *n, enum verdict verdict, int status,
		     const char *cause)
{
	fputs("\n],\n", out);
	pair(out, "verdict", verdict_name(verdict));
	pair(out, "cause", cause);
	fprintf(out,
		"  \"status\": %d,\n  \"runs\": %u,\n  \"passed\": %u,\n  \"flaky\": %u,\n"
		"  \"failed\": %u,\n  \"version\": \"%s\"\n}\n",
		status, n->runs, n->passed, n->flaky, n->failed, THRU_VERSION);
}
