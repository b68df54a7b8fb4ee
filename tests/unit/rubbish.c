/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes that nobody would send, to whatever reads bytes of a guest of `thru test`: its tests' output, its
 * kernel's log, init's words, records of files. They are made of words that mean something there, cut, doubled
 * and broken. What must hold is told beside each; the rest is for the sanitizers.
 */
#include "rubbish.h"

#include <errno.h>
#include <stdarg.h>
#include <verdict/collect.h>
#include <verdict/decide.h>
#include <verdict/report.h>

#define INPUT_MAX 4096
#define ROUNDS    3000u

/* Some of the words, with bytes between them; then some bytes changed. */
static size_t make(const char *const *words, unsigned n_words, uint8_t *ret)
{
	size_t n = 0;

	for (unsigned i = any(60); i; i--) {
		const char *word = words[any(n_words)];
		size_t len = strlen(word);

		if (!any(8))
			len = any((unsigned)len + 1);
		if (n + len + 2 > INPUT_MAX)
			break;
		memcpy(ret + n, word, len);
		n += len;
		if (!any(3))
			ret[n++] = (uint8_t) "\n\n \r\0\xff#1"[any(8)];
	}
	for (unsigned i = any(4); n && i; i--)
		ret[any((unsigned)n)] = (uint8_t)any(256);
	return n;
}

/* In pieces of any size, as a pipe gives them. */
static size_t piece(size_t left)
{
	size_t n = any(4) ? left : 1 + any(300);

	return MIN(left, n);
}

static bool is_text(const char *s)
{
	for (const unsigned char *c = (const unsigned char *)s; *c; c++)
		if ((*c < 0x20 && *c != '\n' && *c != '\t') || *c > 0x7e)
			return false;
	return true;
}

/* Whatever there is to report, it is text that fits its form: as many of each bracket, and no odd byte. */
static bool reports_well(const struct facts *facts)
{
	struct decision decision;
	struct report report = {
		.decision = &decision, .facts = facts, .kernel = "k", .cmdline = "c"
	};
	unsigned open = 0, close = 0, quotes = 0;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool ok;

	decide(facts, &decision);
	report_junit(&report, out);
	fclose(out);
	ok = is_text(text);
	for (const char *c = text; *c; c++) {
		open += *c == '<';
		close += *c == '>';
	}
	ok = ok && open == close;
	free(text);
	out = open_memstream(&text, &size);
	report_json(&report, out);
	fclose(out);
	ok = ok && is_text(text);
	for (const char *c = text; *c; c++) {
		if (*c == '\\' && c[1])
			c++;
		else
			quotes += *c == '"';
	}
	free(text);
	return ok && !(quotes & 1);
}

static void tap(void)
{
	static const char *const words[] = {
		"ok ",
		"not ok ",
		"1..",
		"1..3\n",
		"KTAP version 1\n",
		"TAP version 14\n",
		"    ",
		"  ",
		"# ",
		"# SKIP",
		" - ",
		"Bail out!",
		"---\n",
		"...\n",
		"1",
		"2",
		"999999999",
		"# TODO",
		"# Subtest: a\n",
		"not ",
		"\n",
		"a name",
	};
	uint8_t input[INPUT_MAX];
	static struct klog log;
	struct link link = { .state = LINK_ENDED };

	for (unsigned round = 0; round < ROUNDS * times; round++) {
		struct tap t = { .n = 0 };
		struct facts facts = { .log = &log, .control = &link, .tap = &t, .vm_message = "" };
		size_t n = make(words, ARRAY_SIZE(words), input);

		for (size_t at = 0, len; at < n; at += len) {
			len = piece(n - at);
			tap_feed(&t, (const char *)input + at, len);
			CHECK(t.depth <= TAP_DEPTH_MAX && t.line_n < TAP_LINE_MAX);
		}
		tap_finish(&t);
		CHECK_EQ(t.depth, 0);
		CHECK_EQ(t.n + t.beyond, t.counts[TAP_OK] + t.counts[TAP_NOT_OK] +
						 t.counts[TAP_SKIP] + t.counts[TAP_TODO]);
		CHECK(!t.counts[TAP_NOT_OK] || tap_failed(&t));
		CHECK(reports_well(&facts));
		tap_deinit(&t);
	}
}

static void kernel_log(void)
{
	static const char *const words[] = {
		"[    1.234567] ",
		"<4>",
		"[ T12]",
		"[ C0]",
		"BUG: ",
		"KASAN: ",
		"WARNING: ",
		"CPU: 0 PID: 1 at ",
		"Oops: ",
		"rcu: INFO: ",
		"detected stall",
		"watchdog: ",
		"Kernel panic - not syncing",
		"INFO: task sh blocked for more than ",
		"Run /init as init process",
		"Linux version 6.1",
		"Linux version ",
		"-safe -> ",
		"lock order detected",
		"\n",
		"\r\n",
		"[",
		"]",
		"\xc0\x80",
		"general protection fault",
		"a",
		"                    ",
	};
	uint8_t input[INPUT_MAX];
	static struct klog log;
	struct link link = { .state = LINK_SILENT };
	struct tap t = { .n = 0 };
	struct facts facts = { .log = &log,
			       .control = &link,
			       .tap = &t,
			       .vm = STATUS_GUEST_REBOOT,
			       .vm_message = "" };

	for (unsigned round = 0; round < ROUNDS * times; round++) {
		size_t n = make(words, ARRAY_SIZE(words), input);
		uint64_t ends = 0;

		memset(&log, 0, sizeof(log));
		for (size_t at = 0, len; at < n; at += len) {
			len = piece(n - at);
			klog_feed(&log, (const char *)input + at, len);
		}
		klog_finish(&log);
		for (size_t i = 0; i < n; i++)
			ends += input[i] == '\n';
		CHECK(log.lines == ends || log.lines == ends + 1);
		CHECK(log.bytes == n && log.n_findings <= KLOG_FINDINGS);
		for (unsigned i = 0; i < log.n_findings; i++)
			CHECK(log.findings[i].line <= log.lines &&
			      log.findings[i].verdict < VERDICT_N);
		CHECK(reports_well(&facts));
	}
}

/* No bytes at all are a pass, or a number of init's that it did not give. */
static void words_of_init(void)
{
	static const char *const words[] = {
		"thru ",
		"NONCE ",
		"hello 1 ports 6.1\n",
		"hello 1 serial 6.1\n",
		"start\n",
		"fail 2\n",
		"exit 0 0 0 0\n",
		"exit 0 9 1 1\n",
		"exit ",
		"end off\n",
		"end reset\n",
		"ack 10\n",
		"0 ",
		"99999999999999999999 ",
		"-1 ",
		"\n",
		"thru WRONG start\n",
	};
	uint8_t input[INPUT_MAX], byte;
	static struct klog log;
	struct tap t = { .n = 0 };

	for (unsigned round = 0; round < ROUNDS * times; round++) {
		struct link link = { .nonce = "nonce" };
		struct link_decoder decoder = { .has_high = { false } };
		struct facts facts = { .log = &log, .control = &link, .tap = &t, .vm_message = "" };
		size_t n = make(words, ARRAY_SIZE(words), input);
		struct decision decision;

		for (size_t at = 0, len; at < n; at += len) {
			len = piece(n - at);
			for (size_t i = at; i < at + len; i++) {
				int stream = link_decode(&decoder, input[i], &byte);

				CHECK(stream >= -2 && stream < LINK_STREAMS);
			}
			link_feed(&link, (const char *)input + at, len);
		}
		decide(&facts, &decision);
		CHECK(decision.verdict != VERDICT_PASS);
		CHECK(link.state <= LINK_ENDED && link.n < sizeof(link.line));
		CHECK(reports_well(&facts));
	}
}

static const struct test tests[] = { TEST(tap), TEST(kernel_log), TEST(words_of_init) };

int main(void)
{
	rubbish_init();
	return test_main(tests, ARRAY_SIZE(tests));
}
