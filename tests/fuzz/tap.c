/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KTAP and TAP, as the command of a guest writes it, in pieces of any size; and the reports of what it says.
 * The first byte is the size of a piece.
 *
 * Fuzzes: vmm/verdict/tap.c vmm/verdict/junit.c vmm/verdict/json.c vmm/verdict/decide.c
 */
#include "fuzz.h"
#include "report.h"

static void fuzz(struct input *in)
{
	static struct klog log;
	struct link link = { .state = LINK_ENDED };
	struct tap tap = { .n = 0 };
	struct facts facts = { .log = &log, .control = &link, .tap = &tap, .vm_message = "" };
	size_t piece = 1u + take8(in), n;

	while (in->n) {
		const uint8_t *at = take(in, piece, &n);

		tap_feed(&tap, (const char *)at, n);
		MUST(tap.depth <= TAP_DEPTH_MAX && tap.line_n < TAP_LINE_MAX);
		MUST(tap.notes_n <= TAP_NOTES_MAX);
	}
	tap_finish(&tap);
	MUST(!tap.depth);
	MUST(tap.n + tap.beyond == tap.counts[TAP_OK] + tap.counts[TAP_NOT_OK] +
					   tap.counts[TAP_SKIP] + tap.counts[TAP_TODO]);
	MUST(!tap.counts[TAP_NOT_OK] || tap_failed(&tap));
	report_all(&facts);
	tap_deinit(&tap);
}
