/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console is cut into lines, of which the last ones are kept, and those that a pattern or a rule finds, up
 * to a fixed number. All memory is in the struct.
 */
#include <verdict/klog.h>

#include <stdio.h>
#include <string.h>

static void note(struct klog *log, enum verdict verdict, const char *reason)
{
	struct klog_finding *f;

	if (log->n_findings == KLOG_FINDINGS)
		return;
	f = &log->findings[log->n_findings++];
	f->line = log->lines;
	f->verdict = verdict;
	f->reason = reason;
	f->noted = verdict == VERDICT_OOM || (verdict == VERDICT_WARN && !reason);
	memcpy(f->text, log->line, sizeof(f->text));
}

/* Where a boot came to, for one that comes no further. */
static void milestones(struct klog *log, const char *message)
{
	if (!log->has_kernel && !strncmp(message, "Linux version ", 14)) {
		log->has_kernel = true;
		snprintf(log->version, sizeof(log->version), "%.*s",
			 (int)strcspn(message + 14, " "), message + 14);
	}
	if (!strncmp(message, "Run /", 5) && strstr(message, " as init process"))
		log->has_init = true;
}

static void end_line(struct klog *log)
{
	const char *message, *reason;
	enum verdict verdict;

	log->line[log->line_n] = 0;
	if (log->line_n && log->line[log->line_n - 1] == '\r')
		log->line[--log->line_n] = 0;
	message = pattern_message(log->line);
	memcpy(log->tail[log->lines++ % KLOG_TAIL], log->line, sizeof(log->line));
	log->line_n = 0;
	milestones(log, message);
	if (log->n_trace && log->n_trace < KLOG_TRACE)
		memcpy(log->trace[log->n_trace++], log->line, sizeof(log->line));
	verdict = pattern_match(message);
	reason = rules_match(log->fail_on, log->line);
	if (verdict == VERDICT_N && reason)
		verdict = VERDICT_PATTERN;
	if (verdict != VERDICT_N && !rules_match(log->ignore, log->line))
		note(log, verdict, reason);
	if (!log->n_trace && log->n_findings && !log->findings[log->n_findings - 1].noted)
		memcpy(log->trace[log->n_trace++], log->line, sizeof(log->line));
}

void klog_feed(struct klog *log, const char *bytes, size_t n)
{
	log->bytes += n;
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n')
			end_line(log);
		else if (log->line_n < KLOG_LINE - 1)
			log->line[log->line_n++] = bytes[i] ? bytes[i] : ' ';
	}
}

void klog_finish(struct klog *log)
{
	if (log->line_n)
		end_line(log);
}

const struct klog_finding *klog_decisive(const struct klog *log, bool survived)
{
	for (unsigned i = 0; i < log->n_findings; i++) {
		const struct klog_finding *f = &log->findings[i];

		if (!f->noted || (f->verdict == VERDICT_OOM && !survived))
			return f;
	}
	return NULL;
}

const char *klog_tail(const struct klog *log, unsigned i)
{
	uint64_t first = log->lines > KLOG_TAIL ? log->lines - KLOG_TAIL : 0;

	return first + i < log->lines && i < KLOG_TAIL ? log->tail[(first + i) % KLOG_TAIL] : NULL;
}
