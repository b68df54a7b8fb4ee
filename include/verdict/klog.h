/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's console as it comes: cut into lines, counted, judged by pattern.h. What is kept is bounded,
 * whatever a guest prints. Pure.
 */
#pragma once

#include <verdict/pattern.h>

#define KLOG_LINE     512 /* longer lines are judged, and kept, by their beginning */
#define KLOG_FINDINGS 32
#define KLOG_TAIL     32
#define KLOG_TRACE    64 /* from the first finding that decides */

struct klog_finding {
	uint64_t line; /* counted from 1, as in the log file */
	enum verdict verdict;
	bool noted; /* told, but it decides nothing: a WARNING, an OOM that the command survived */
	char text[KLOG_LINE];
	const char *reason; /* of the operator's rule, or NULL */
};

struct klog {
	const struct rules *fail_on, *ignore; /* NULL: none */
	uint64_t lines, bytes;
	char line[KLOG_LINE];
	size_t line_n;
	struct klog_finding findings[KLOG_FINDINGS];
	unsigned n_findings;
	char tail[KLOG_TAIL][KLOG_LINE];
	char trace[KLOG_TRACE][KLOG_LINE];
	unsigned n_trace;
	bool has_kernel;  /* it said its version */
	bool has_init;    /* it said that it starts init */
	char version[96]; /* "6.12.0-thru", "" when not seen */
};

void klog_feed(struct klog *log, const char *bytes, size_t n);

/* The last line, if it has no end. */
void klog_finish(struct klog *log);

/* The first finding that decides, or NULL. `survived`: the command ended with 0 in spite of an OOM. */
const struct klog_finding *klog_decisive(const struct klog *log, bool survived);

/* The last lines, oldest first: the ith of up to KLOG_TAIL, NULL behind the end. */
const char *klog_tail(const struct klog *log, unsigned i);
