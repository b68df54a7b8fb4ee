/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel's log, and the operator's rules of what fails in it and what does not. Bytes: the size of a piece, then
 * the file of --fail-on up to a line of "--", the file of --ignore up to another, and the log.
 *
 * Left out: repetitions in a rule ("{3}"); what they cost is the C library's, which takes hours for some of them.
 *
 * Fuzzes: vmm/verdict/klog.c vmm/verdict/pattern.c vmm/verdict/rules.c vmm/verdict/decide.c
 */
#include "fuzz.h"
#include "report.h"

#define TODAY 20260101

static struct rules *take_rules(struct input *in)
{
	struct rules *rules = NULL;
	int fd = fuzz_file(NULL, 0), r;
	FILE *file = fdopen(fd, "w");
	char line[1100], path[64];

	if (!file)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	while (in->n && strcmp(take_line(in, line, sizeof(line)), "--")) {
		for (char *c = line; *c; c++)
			*c = *c == '{' ? '(' : *c;
		fprintf(file, "%s\n", line);
	}
	fflush(file);
	r = rules_read(path, TODAY, &rules);
	fclose(file);
	MUST(fuzz_told(r));
	if (!r)
		return rules;
	rules_free(rules);
	return NULL;
}

static void fuzz(struct input *in)
{
	static struct klog log;
	size_t piece = 1u + take8(in), n;
	struct rules *fail_on = take_rules(in), *ignore = take_rules(in);
	struct link link = { .state = LINK_SILENT };
	struct tap tap = { .n = 0 };
	struct facts facts = { .log = &log,
			       .control = &link,
			       .tap = &tap,
			       .vm = STATUS_GUEST_REBOOT,
			       .vm_message = "" };
	uint64_t ends = 0, all = in->n;

	memset(&log, 0, sizeof(log));
	log.fail_on = fail_on;
	log.ignore = ignore;
	for (size_t i = 0; i < in->n; i++)
		ends += in->at[i] == '\n';
	while (in->n) {
		const uint8_t *at = take(in, piece, &n);

		klog_feed(&log, (const char *)at, n);
	}
	klog_finish(&log);
	MUST(log.lines == ends || log.lines == ends + 1);
	MUST(log.bytes == all && log.n_findings <= KLOG_FINDINGS && log.n_trace <= KLOG_TRACE);
	for (unsigned i = 0; i < log.n_findings; i++)
		MUST(log.findings[i].line <= log.lines && log.findings[i].verdict < VERDICT_N);
	for (unsigned i = 0; i < KLOG_TAIL && klog_tail(&log, i); i++)
		MUST(strlen(klog_tail(&log, i)) < KLOG_LINE);
	report_all(&facts);
	rules_free(fail_on);
	rules_free(ignore);
}
