/* SPDX-License-Identifier: BSD-2-Clause */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <verdict/pattern.h>
#include <verdict/report.h>

/* Lines of real logs, of kernels from 5.10 to 7.x. */
static const struct {
	enum verdict verdict;
	const char *line;
} logs[] = {
	{ VERDICT_ROOT,
	  "[    1.412345] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)" },
	{ VERDICT_ROOT,
	  "[    0.911] VFS: Unable to mount root fs on \"/dev/sda1\" or unknown-block(8,1)" },
	{ VERDICT_ROOT,
	  "[    1.2] Kernel panic - not syncing: No working init found.  Try passing init= option to kernel." },
	{ VERDICT_ROOT, "Kernel panic - not syncing: Requested init /bin/no failed (error -2)." },
	{ VERDICT_PANIC,
	  "[   10.123456][    T1] Kernel panic - not syncing: sysrq triggered crash" },
	{ VERDICT_PANIC,
	  "<0>[    5.0] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009" },
	{ VERDICT_KASAN,
	  "[   12.345678] BUG: KASAN: slab-out-of-bounds in kmalloc_oob_right+0x9a/0xb0" },
	{ VERDICT_KCSAN, "[   23.1] BUG: KCSAN: data-race in do_read / do_write" },
	{ VERDICT_KFENCE,
	  "[    9.9] BUG: KFENCE: use-after-free read in test_use_after_free_read+0xb3/0x143" },
	{ VERDICT_UBSAN, "[    3.14] UBSAN: array-index-out-of-bounds in drivers/foo.c:12:3" },
	{ VERDICT_LOCKUP,
	  "[   48.2] watchdog: BUG: soft lockup - CPU#0 stuck for 23s! [insmod:77]" },
	{ VERDICT_LOCKUP, "[   28.1] NMI watchdog: Watchdog detected hard LOCKUP on cpu 1" },
	{ VERDICT_LOCKUP, "[   28.1] watchdog: CPU1: Watchdog detected hard LOCKUP on cpu 1" },
	{ VERDICT_LOCKUP,
	  "[   62.3] BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 33s!" },
	{ VERDICT_RCU, "[   31.0] rcu: INFO: rcu_sched self-detected stall on CPU" },
	{ VERDICT_RCU, "[   31.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:" },
	{ VERDICT_RCU,
	  "[   31.0] rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 0-... } 21 jiffies" },
	{ VERDICT_RCU, "[   31.0] INFO: rcu_tasks detected stalls on tasks:" },
	{ VERDICT_HUNG, "[  246.1] INFO: task sh:87 blocked for more than 122 seconds." },
	{ VERDICT_LOCKDEP, "[    2.2] WARNING: possible circular locking dependency detected" },
	{ VERDICT_LOCKDEP, "[    2.2] WARNING: possible recursive locking detected" },
	{ VERDICT_LOCKDEP, "[    2.2] WARNING: possible irq lock inversion dependency detected" },
	{ VERDICT_LOCKDEP, "[    2.2] WARNING: inconsistent lock state" },
	{ VERDICT_LOCKDEP,
	  "[    2.2] WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected" },
	{ VERDICT_LOCKDEP, "[    2.2] WARNING: bad unlock balance detected!" },
	{ VERDICT_LOCKDEP, "[    2.2] WARNING: suspicious RCU usage" },
	{ VERDICT_LOCKDEP, "[    2.2] [ BUG: Invalid wait context ]" },
	{ VERDICT_BUG, "[    1.0] kernel BUG at lib/list_debug.c:56!" },
	{ VERDICT_BUG, "[    1.0] BUG: scheduling while atomic: swapper/0/1/0x00000002" },
	{ VERDICT_BUG,
	  "[    1.0] BUG: sleeping function called from invalid context at kernel/locking/mutex.c:580" },
	{ VERDICT_BUG, "[    1.0] BUG: Bad page state in process sh  pfn:12345" },
	{ VERDICT_WARN, "[    1.0] WARNING: CPU: 0 PID: 1 at kernel/foo.c:12 bar+0x3/0x10" },
	{ VERDICT_WARN, "[    1.0] WARNING: kernel/foo.c:12 at bar+0x3/0x10, CPU#0: swapper/0/1" },
	{ VERDICT_OOPS,
	  "[    1.0] BUG: kernel NULL pointer dereference, address: 0000000000000000" },
	{ VERDICT_OOPS,
	  "[    1.0] BUG: unable to handle page fault for address: ffffb8a1c0000000" },
	{ VERDICT_OOPS,
	  "[    1.0] Oops: general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP" },
	{ VERDICT_OOPS, "[    1.0] Oops: Oops: 0002 [#1] SMP NOPTI" },
	{ VERDICT_OOPS,
	  "[    1.0] general protection fault, probably for non-canonical address 0x0: 0000 [#1] SMP" },
	{ VERDICT_OOPS,
	  "[    1.0] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000" },
	{ VERDICT_OOPS, "[    1.0] Internal error: Oops: 0000000096000044 [#1] SMP" },
	{ VERDICT_OOPS, "[    1.0] invalid opcode: 0000 [#1] PREEMPT SMP NOPTI" },
	{ VERDICT_OOPS, "[    1.0] divide error: 0000 [#1] SMP" },
	{ VERDICT_OOM,
	  "[    7.7] Out of memory: Killed process 88 (hog) total-vm:1024kB, anon-rss:0kB" },
	{ VERDICT_OOM,
	  "[    7.7] Memory cgroup out of memory: Killed process 99 (x) total-vm:1kB" },
	{ VERDICT_KASAN,
	  "[    6.1] Internal error: Oops - KASAN: 00000000f2000900 [#1] PREEMPT SMP" },
	{ VERDICT_UBSAN,
	  "[    6.1] Internal error: UBSAN: array index out of bounds: 00000000f2005512 [#1] PREEMPT SMP" },
	{ VERDICT_LOCKUP, "[   48.2] BUG: soft lockup - CPU#1 stuck for 22s! [swapper/1:0]" },
	{ VERDICT_LOCKUP, "[   28.1] watchdog: Watchdog detected hard LOCKUP on cpu 3" },
	{ VERDICT_RCU,
	  "[   31.0] INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 1-... } 22 jiffies s: 77 root: 0x2/." },
	{ VERDICT_RCU,
	  "[   31.0] rcu: INFO: rcu_sched detected stall, but suppressed full report due to a stuck CSD-lock." },
	{ VERDICT_HUNG,
	  "[  246.1] INFO: task dd:91 blocked in I/O wait for more than 122 seconds." },
	{ VERDICT_LOCKDEP, "[    2.2] WARNING: bad contention detected!" },
	{ VERDICT_LOCKDEP, "[    2.2] WARNING: Nested lock was not taken" },
	{ VERDICT_LOCKDEP, "[    2.2] WARNING: held lock freed!" },
	{ VERDICT_LOCKDEP, "[    2.2] WARNING: lock held when returning to user space!" },
	{ VERDICT_LOCKDEP, "[    2.2] WARNING: sh/87 still has locks held!" },
	{ VERDICT_LOCKDEP, "[    2.2] WARNING: chain_key collision" },
	{ VERDICT_LOCKDEP, "[    2.2] INFO: trying to register non-static key." },
	{ VERDICT_OOPS, "[    1.0] stack segment: 0000 [#1] SMP NOPTI" },
	{ VERDICT_OOPS, "[    1.0] int3: 0000 [#1] SMP NOPTI" },
	{ VERDICT_OOPS, "[    1.0] traps: PANIC: double fault, error_code: 0x0" },
	{ VERDICT_OOPS, "[    1.0] PANIC: double fault, error_code: 0x0" },
	{ VERDICT_OOPS,
	  "[    1.0] Internal error: Oops - Undefined instruction: 0000000002000000 [#1] PREEMPT SMP" },
	{ VERDICT_OOM,
	  "[    7.7] Out of memory (oom_kill_allocating_task): Killed process 88 (hog) total-vm:1024kB" },
	/* and what is none */
	{ VERDICT_N, "[    0.0] Command line: panic=-1 oops=panic" },
	{ VERDICT_N,
	  "[    0.0] rcu: RCU calculated value of scheduler-enlistment delay is 10 jiffies." },
	{ VERDICT_N, "[    5.0] test: expecting Kernel panic - not syncing next" },
	{ VERDICT_N, "[    5.0] foo: BUG: KASAN: quoted" },
	{ VERDICT_N, "[    0.1] Debug: no BUG here" },
	{ VERDICT_N, "[    0.1] WARNING: this is a test" },
	{ VERDICT_N, "[    0.1] kasan: KernelAddressSanitizer initialized" },
	{ VERDICT_N, "" },
};

static void patterns(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(logs); i++) {
		if (pattern_match(pattern_message(logs[i].line)) != logs[i].verdict)
			fprintf(stderr, "%s\n", logs[i].line);
		CHECK_EQ(pattern_match(pattern_message(logs[i].line)), logs[i].verdict);
	}
}

/* No row that another one hides, and none without a line that a kernel prints. */
static void every_row(void)
{
	for (int row = 0; row < (int)pattern_rows(); row++) {
		bool seen = false;

		for (unsigned i = 0; i < ARRAY_SIZE(logs); i++)
			seen |= pattern_row(pattern_message(logs[i].line)) == row;
		if (!seen)
			fprintf(stderr, "row %d decides none of the lines\n", row);
		CHECK(seen);
	}
}

static char path[] = "/tmp/thru-verdict-XXXXXX";

static const char *put(const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	close(fd);
	return path;
}

static void rules(void)
{
	struct rules *rules = NULL;

	CHECK_EQ(rules_read(put("# comment\n\nfoo[0-9]+ # known, see the list, expires 2026-12-31\n"
				"a # b # two hashes, expires 2027-01-01\n"),
			    20261127, &rules),
		 0);
	CHECK(strstr(rules_match(rules, "xx foo12 yy"), "known"));
	CHECK(!rules_match(rules, "foo"));
	CHECK(rules_match(rules, "say a # b"));
	CHECK(!rules_match(NULL, "foo1"));
	CHECK_EQ(rules_read(put("foo # old, expires 2026-11-26\n"), 20261127, &rules), -EINVAL);
	CHECK_ERROR(":1: its rule expired (old, expires 2026-11-26)");
	CHECK_EQ(rules_read(put("foo # today, expires 2026-11-27\n"), 20261127, &rules), 0);
	CHECK_EQ(rules_read(put("\nfoo\n"), 20261127, &rules), -EINVAL);
	CHECK_ERROR(":2: not a rule");
	CHECK_EQ(rules_read(put("foo # no date\n"), 20261127, &rules), -EINVAL);
	CHECK_ERROR("not a rule");
	CHECK_EQ(rules_read(put("foo # x, expires 2026-13-01\n"), 20261127, &rules), -EINVAL);
	CHECK_ERROR("not a rule");
	CHECK_EQ(rules_read(put("(foo # x, expires 2027-01-01\n"), 20261127, &rules), -EINVAL);
	CHECK_ERROR("not a regular expression");
	CHECK_EQ(rules_read("/absent", 20261127, &rules), -ENOENT);
	CHECK_ERROR("/absent: No such file");
	rules_free(rules);
}

static struct klog klog;

static void log_is(const char *text)
{
	const struct rules *fail_on = klog.fail_on, *ignore = klog.ignore;

	klog = (struct klog){ .fail_on = fail_on, .ignore = ignore };
	klog_feed(&klog, text, strlen(text));
	klog_finish(&klog);
}

static void log_lines(void)
{
	struct rules *fail_on = NULL, *ignore = NULL;

	klog = (struct klog){ 0 };
	log_is("[ 0.0] Linux version 6.12.0-x (me@here)\r\n[ 1.0] Run /init as init process\n"
	       "[ 2.0] WARNING: CPU: 0 PID: 1 at a.c:1 b+0/1\n"
	       "[ 2.0] BUG: KASAN: x in y\n[ 3.0] Kernel panic - not syncing: z");
	CHECK(klog.has_kernel && klog.has_init && !strcmp(klog.version, "6.12.0-x"));
	CHECK_EQ(klog.lines, 5);
	CHECK_EQ(klog.n_findings, 3);
	CHECK(klog.findings[0].noted);
	CHECK_EQ(klog_decisive(&klog, false)->verdict, VERDICT_KASAN);
	CHECK_EQ(klog_decisive(&klog, false)->line, 4);
	CHECK(!strcmp(klog_tail(&klog, 4), "[ 3.0] Kernel panic - not syncing: z"));
	CHECK(!klog_tail(&klog, 5));
	log_is("[ 1.0] Out of memory: Killed process 1 (x) y\n");
	CHECK(!klog_decisive(&klog, true));
	CHECK_EQ(klog_decisive(&klog, false)->verdict, VERDICT_OOM);

	CHECK_EQ(rules_read(put("KASAN # known, expires 2030-01-01\n"), 20261127, &ignore), 0);
	CHECK_EQ(rules_read(put("WARNING: # none is fine, expires 2030-01-01\n"
				"link is down # a cable, expires 2030-01-01\n"),
			    20261127, &fail_on),
		 0);
	klog = (struct klog){ .fail_on = fail_on, .ignore = ignore };
	log_is("[ 2.0] BUG: KASAN: x in y\n");
	CHECK(!klog_decisive(&klog, false));
	log_is("[ 2.0] WARNING: CPU: 0 PID: 1 at a.c:1 b+0/1\n");
	CHECK_EQ(klog_decisive(&klog, true)->verdict, VERDICT_WARN);
	log_is("eth0: link is down\n");
	CHECK_EQ(klog_decisive(&klog, true)->verdict, VERDICT_PATTERN);
	CHECK(strstr(klog_decisive(&klog, true)->reason, "a cable"));
	rules_free(fail_on);
	rules_free(ignore);
	klog = (struct klog){ 0 };
}

/* At full speed, with no end of line, with any bytes. */
static void log_flood(void)
{
	char bytes[4096];

	klog = (struct klog){ 0 };
	for (unsigned i = 0; i < 2000; i++) {
		for (unsigned k = 0; k < sizeof(bytes); k++)
			bytes[k] = (char)(i * 31 + k * 7 + (k >> 3) * i);
		klog_feed(&klog, bytes, sizeof(bytes));
	}
	memset(bytes, 'x', sizeof(bytes));
	for (unsigned i = 0; i < 1000; i++)
		klog_feed(&klog, bytes, sizeof(bytes));
	klog_finish(&klog);
	CHECK_EQ(klog.bytes, 3000 * sizeof(bytes));
	for (unsigned i = 0; i < KLOG_TAIL; i++)
		CHECK(strlen(klog_tail(&klog, i)) < KLOG_LINE);
	for (unsigned i = 0; i < 100; i++)
		klog_feed(&klog, "BUG: x\n", 7);
	CHECK_EQ(klog.n_findings, KLOG_FINDINGS);
	klog = (struct klog){ 0 };
}

static void serial_coding(void)
{
	struct link_decoder d = { 0 };
	uint8_t pair[2], byte;

	for (unsigned stream = 0; stream < LINK_STREAMS; stream++)
		for (unsigned v = 0; v < 256; v++) {
			link_encode(stream, (uint8_t)v, pair);
			CHECK_EQ(link_decode(&d, pair[0], &byte), -2);
			CHECK_EQ(link_decode(&d, 'k', &byte), -1); /* the kernel in between */
			CHECK_EQ(byte, 'k');
			link_encode((stream + 1) % LINK_STREAMS, 0,
				    pair + 0); /* and another stream */
			CHECK_EQ(link_decode(&d, pair[0], &byte), -2);
			CHECK_EQ(link_decode(&d, pair[1], &byte), (stream + 1) % LINK_STREAMS);
			link_encode(stream, (uint8_t)v, pair);
			CHECK_EQ(link_decode(&d, pair[1], &byte), stream);
			CHECK_EQ(byte, v);
			CHECK_EQ(link_decode(&d, pair[1], &byte), -1); /* half of nothing */
		}
	CHECK_EQ(link_decode(&d, 0xff, &byte), -2); /* half of a byte of a file */
}

static struct link heard(const char *text)
{
	static struct link c;

	c = (struct link){ .nonce = "n1", .sent = 10 };
	link_feed(&c, text, strlen(text));
	return c;
}

#define HELLO "thru n1 hello 1 serial 6.12\n"
#define START "thru n1 start\n"
#define EXIT0 "thru n1 exit 0 0 5 6\n"
#define END   "thru n1 end off\n"

static void control_lines(void)
{
	static const char *const lies[] = {
		EXIT0,
		START,
		END,
		HELLO HELLO,
		HELLO EXIT0,
		HELLO START EXIT0 EXIT0,
		HELLO START EXIT0 START,
		HELLO START END,
		HELLO START EXIT0 END END,
		HELLO START EXIT0 END "thru n1 exit 0 0 0 0\n",
		"thru n2 hello 1 serial 6.12\n",
		"hello 1 serial 6.12\n",
		"thru n1 hello 2 serial 6.12\n",
		"thru n1 hello 1 pigeon 6.12\n",
		"thru n1 hello 1 serial 6.12 x\n",
		HELLO "thru n1 fail 0\n",
		HELLO START "thru n1 fail 2\n",
		HELLO START "thru n1 exit 256 0 0 0\n",
		HELLO START "thru n1 exit 0 128 0 0\n",
		HELLO START "thru n1 exit 1 9 0 0\n",
		HELLO START "thru n1 exit 0 0\n",
		HELLO START "thru n1 exit -0 0 0 0 0\n",
		HELLO "thru n1 ack 11\n",
		HELLO "thru n1 dance\n",
		"\n",
	};
	struct link c = heard(HELLO START "thru n1 ack 10\n" EXIT0 END);
	char endless[600];

	CHECK(!c.lie && c.state == LINK_ENDED && !c.by_reset && c.serial);
	CHECK(c.totals[0] == 5 && c.totals[1] == 6 && c.acknowledged == 10);
	CHECK(!strcmp(c.release, "6.12"));
	c = heard(HELLO "thru n1 fail 2\nthru n1 end reset\n");
	CHECK(!c.lie && c.failed == 2 && c.by_reset);
	for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
		if (!heard(lies[i]).lie)
			fprintf(stderr, "believed: %s", lies[i]);
		CHECK(heard(lies[i]).lie);
	}
	memset(endless, 'x', sizeof(endless));
	endless[sizeof(endless) - 1] = 0;
	CHECK(heard(endless).lie);
}

static struct tap tap;

static void tap_is(const char *text)
{
	tap_deinit(&tap);
	tap = (struct tap){ 0 };
	tap_feed(&tap, text, strlen(text));
	tap_finish(&tap);
}

static bool has_case(const char *name, enum tap_result result, const char *why)
{
	for (unsigned i = 0; i < tap.n; i++)
		if (!strcmp(tap.cases[i].name, name) && tap.cases[i].result == result &&
		    (!why || (tap.cases[i].why && strstr(tap.cases[i].why, why))))
			return true;
	for (unsigned i = 0; i < tap.n; i++)
		fprintf(stderr, "  %d %s (%s)\n", tap.cases[i].result, tap.cases[i].name,
			tap.cases[i].why ? tap.cases[i].why : "");
	return false;
}

static void tap_results(void)
{
	tap_is("noise\nTAP version 13\n1..4\nok 1 - a\n# why it failed\nnot ok 2 b\n"
	       "ok 3 c # SKIP no such device\nnot ok 4 d # TODO not yet\n");
	CHECK(has_case("a", TAP_OK, NULL) && has_case("b", TAP_NOT_OK, "why it failed"));
	CHECK(has_case("c", TAP_SKIP, "no such device") && has_case("d", TAP_TODO, NULL));
	CHECK(tap_failed(&tap) && tap.counts[TAP_NOT_OK] == 1 && !tap.broken);
	tap_is("TAP version 13\n1..2\nok 1 a\nnot ok 2 b # SKIP x\n");
	CHECK(!tap_failed(&tap));
	tap_is("ok 1 is nobody's business\nnot ok either\n");
	CHECK(!tap_failed(&tap) && !tap.n);
	tap_is("1..1\r\nok 1\r\n");
	CHECK(!tap_failed(&tap) && has_case("1", TAP_OK, NULL));
	tap_is("TAP version 14\nok 1 a\nok 2 b\n1..2\n"); /* the plan at the end */
	CHECK(!tap_failed(&tap) && tap.counts[TAP_OK] == 2);
	tap_is("Bail out! no database\n"); /* before there was anything */
	CHECK(tap_failed(&tap));
}

/* As Perl's Test::More, bats, node and others print it: no version, and the plan last or not at all. */
static void tap_without_version(void)
{
	tap_is("ok 1 - a\nnot ok 2 - b\n#   Failed test 'b'\nok 3 # skip no such\n1..3\n");
	CHECK(tap.n == 3 && has_case("b", TAP_NOT_OK, NULL) && has_case("3", TAP_SKIP, "no such"));
	CHECK(!tap.broken);
	tap_is("# Subtest: s\n    ok 1 - a\n    ok 2 - b\n    1..2\nok 1 - s\n1..1\n");
	CHECK(!tap_failed(&tap) && tap.n == 3 && has_case("s / a", TAP_OK, NULL));
	tap_is("ok 1 - before\n# Subtest: s\n    not ok 1 - a\n    1..1\nnot ok 2 - s\n1..2\n");
	CHECK(tap.n == 3 && has_case("s / a", TAP_NOT_OK, NULL) &&
	      has_case("before", TAP_OK, NULL));
	CHECK(tap.counts[TAP_NOT_OK] == 2 && !tap.broken);
	/* Prose, and what is not: a plan that does not fit what was before begins its own. */
	tap_is("ok 1 file copied\n1..2\nok 1 a\nok 2 b\n");
	CHECK(!tap_failed(&tap) && tap.n == 2 && tap.counts[TAP_OK] == 2);
	tap_is("ok 1 a\nTAP version 13\n1..1\nok 1 b\n");
	CHECK(!tap_failed(&tap) && tap.n == 1 && tap.counts[TAP_OK] == 1);
	tap_is("1..5 are the valid ones\nnot ok 7 of 9\n");
	CHECK(!tap_failed(&tap) && !tap.n);
	tap_is("TAP version 13\n1..1\n  ok 1 of 2 files\nok 1 a\n");
	CHECK(!tap_failed(&tap) && tap.n == 1);
	/* KUnit, from dmesg(1) */
	tap_is("[    0.100000] KTAP version 1\n[    0.100000] 1..1\n[    0.1]     KTAP version 1\n"
	       "[    0.1]     # Subtest: list\n[    0.1]     1..1\n[ 0.2] other words\n"
	       "[    0.1]     not ok 1 add\n[    0.200000] not ok 1 list\n");
	CHECK(has_case("list / add", TAP_NOT_OK, NULL) && tap.n == 2 && !tap.broken);
}

static void tap_plans(void)
{
	tap_is("TAP version 13\n1..3\nok 1 a\nok 2 b\n");
	CHECK(tap_failed(&tap) && has_case("plan", TAP_NOT_OK, "3 tests were planned, 2 results"));
	tap_is("TAP version 13\n1..1\nok 1 a\nok 2 b\n");
	CHECK(tap_failed(&tap));
	tap_is("TAP version 13\nok 1 a\n");
	CHECK(tap_failed(&tap) && has_case("plan", TAP_NOT_OK, "no plan"));
	tap_is("TAP version 13\n1..0 # SKIP nothing here\n");
	CHECK(!tap_failed(&tap));
	tap_is("TAP version 13\n1..1\nok 1 a\nBail out! no disk\n");
	CHECK(tap_failed(&tap) && has_case("Bail out!", TAP_NOT_OK, NULL));
	tap_is("TAP version 13\n1..1\nok 1 a\nTAP version 13\n1..1\nok 1 b\n"); /* two programs */
	CHECK(!tap_failed(&tap) && tap.counts[TAP_OK] == 2);
	tap_is("TAP version 13\n1..2\nok 1 a\nTAP version 13\n1..1\nok 1 b\n"); /* the first stopped */
	CHECK(tap_failed(&tap));
}

static void tap_nested(void)
{
	tap_is("KTAP version 1\n1..1\n  KTAP version 1\n  # Subtest: suite\n  1..2\n  # why\n"
	       "  not ok 1 inner\n  ok 2 other\nnot ok 1 suite\n");
	CHECK(has_case("suite / inner", TAP_NOT_OK, "why") &&
	      has_case("suite / other", TAP_OK, NULL));
	CHECK(has_case("suite", TAP_NOT_OK, NULL) && !tap.broken);
	/* kselftest's runner */
	tap_is("TAP version 13\n1..2\n# timeout set to 45\n# selftests: timers: nanosleep\n"
	       "# TAP version 13\n# 1..2\n# ok 1 CLOCK_REALTIME\n# not ok 2 CLOCK_TAI\n"
	       "# # Totals: pass:1 fail:1\nnot ok 1 selftests: timers: nanosleep # exit=1\n"
	       "# timeout set to 45\nok 2 selftests: timers: plain\n");
	CHECK(has_case("selftests: timers: nanosleep / CLOCK_TAI", TAP_NOT_OK, NULL));
	CHECK(has_case("selftests: timers: nanosleep", TAP_NOT_OK, NULL));
	CHECK(has_case("selftests: timers: plain", TAP_OK, NULL) && !tap.broken);
	tap_is("TAP version 13\n1..1\n    TAP version 13\n    1..2\n    ok 1 a\nok 1 outer\n");
	CHECK(tap_failed(&tap) && has_case("outer / plan", TAP_NOT_OK, "2 tests were planned"));
	tap_is("TAP version 13\n1..1\n    ok, prose\n  ---\n  at: line 3\n  ...\nok 1 a\n");
	CHECK(!tap_failed(&tap) && tap.n == 1);
}

static void tap_rubbish(void)
{
	char bytes[512];
	unsigned seed = 1;
	static const char *const pieces[] = {
		"ok 1 ",     "not ok ",        "1..3", "\n",   "# ",    "  ",     "TAP version 13",
		"Bail out!", "1..99999999999", "\0",   "\xff", "---\n", " # SKIP"
	};

	tap_deinit(&tap);
	tap = (struct tap){ 0 };
	for (unsigned i = 0; i < 20000; i++) {
		seed = seed * 1103515245 + 12345;
		const char *piece = pieces[(seed >> 16) % ARRAY_SIZE(pieces)];

		tap_feed(&tap, piece, *piece ? strlen(piece) : 1);
		for (unsigned k = 0; k < sizeof(bytes); k++)
			bytes[k] = (char)((seed = seed * 1103515245 + 12345) >> 16);
		if (i % 16 == 0)
			tap_feed(&tap, bytes, sizeof(bytes));
	}
	tap_finish(&tap);
	CHECK(tap.n <= TAP_CASES_MAX);
	tap_is("TAP version 13\n1..2\n"); /* deep, and deeper than there are levels */
	for (unsigned i = 1; i < 100; i++) {
		char line[200];

		snprintf(line, sizeof(line), "%*sTAP version 13\n%*s1..1\n", (int)i, "", (int)i,
			 "");
		tap_feed(&tap, line, strlen(line));
	}
	tap_finish(&tap);
	CHECK(tap_failed(&tap));
}

static struct facts facts;
static struct link control;

static struct decision decision;

static enum verdict verdict_of(void)
{
	facts.log = &klog;
	facts.control = &control;
	facts.tap = &tap;
	facts.vm_message = "why";
	decide(&facts, &decision);
	if (!*decision.cause)
		return VERDICT_N;
	return decision.verdict;
}

/* A run that is a pass, to be spoilt in one thing at a time. */
static void good_run(void)
{
	klog = (struct klog){ 0 };
	log_is("[ 0.0] Linux version 6.12\n");
	tap_is("");
	control = heard(HELLO START EXIT0 END);
	facts = (struct facts){ .vm = STATUS_OK, .bytes = { 5, 6 } };
}

static void decisions(void)
{
	good_run();
	CHECK_EQ(verdict_of(), VERDICT_PASS);
	good_run();
	control = heard(HELLO START "thru n1 exit 3 0 5 6\n" END);
	CHECK_EQ(verdict_of(), VERDICT_FAILED);
	good_run();
	control = heard(HELLO START "thru n1 exit 0 9 5 6\n" END);
	CHECK_EQ(verdict_of(), VERDICT_KILLED);
	log_is("[ 1.0] Out of memory: Killed process 1 (x) y\n");
	CHECK_EQ(verdict_of(), VERDICT_OOM);
	good_run();
	log_is("[ 1.0] Out of memory: Killed process 1 (x) y\n"); /* it survived */
	CHECK_EQ(verdict_of(), VERDICT_PASS);
	log_is("[ 1.0] BUG: KASAN: x\n");
	CHECK_EQ(verdict_of(), VERDICT_KASAN);
	good_run();
	tap_is("TAP version 13\n1..1\nnot ok 1 x\n");
	CHECK_EQ(verdict_of(), VERDICT_TAP);
	good_run();
	control = heard(HELLO START);
	CHECK_EQ(verdict_of(), VERDICT_GONE);
	facts.vm = STATUS_GUEST_REBOOT;
	CHECK_EQ(verdict_of(), VERDICT_RESET);
	facts.vm = STATUS_GUEST_PANIC;
	CHECK_EQ(verdict_of(), VERDICT_PANIC);
	facts.vm = STATUS_GUEST_CRASH;
	CHECK_EQ(verdict_of(), VERDICT_CRASH);
	facts.vm = STATUS_GUEST_STUCK;
	CHECK_EQ(verdict_of(), VERDICT_STUCK);
	facts.vm = STATUS_DEVICE_LOST;
	CHECK_EQ(verdict_of(), VERDICT_DEVICE_LOST);
	facts.vm = STATUS_HOST;
	CHECK_EQ(verdict_of(), VERDICT_RUNNER);
	facts.device = true;
	CHECK_EQ(verdict_of(), VERDICT_DEVICE);
	facts.signal = 2;
	CHECK_EQ(verdict_of(), VERDICT_INTERRUPTED);
	good_run();
	control = heard("");
	CHECK_EQ(verdict_of(), VERDICT_NO_BOOT);
	facts.vm = -1;
	facts.waited = WAITED_BOOT;
	CHECK_EQ(verdict_of(), VERDICT_BOOT_TIMEOUT);
	facts.waited = WAITED_STALL;
	CHECK_EQ(verdict_of(), VERDICT_STALL);
	control = heard(HELLO START);
	facts.waited = WAITED_COMMAND;
	CHECK_EQ(verdict_of(), VERDICT_TIMEOUT);
	control = heard(HELLO "thru n1 fail 2\n" END);
	facts.waited = WAITED_NOT;
	CHECK_EQ(verdict_of(), VERDICT_RUNNER);
	control = heard(HELLO "thru n1 fail 19 overlay\n" END);
	CHECK_EQ(verdict_of(), VERDICT_RUNNER);
	CHECK(strstr(decision.cause, "--root: the guest's kernel has no overlayfs"));
	control = heard(HELLO "thru n1 fail 19 share\n" END);
	CHECK_EQ(verdict_of(), VERDICT_RUNNER);
	CHECK(strstr(decision.cause, "--share: the guest's kernel has no virtiofs"));
	control = heard(HELLO "thru n1 fail 22 root\n" END);
	CHECK_EQ(verdict_of(), VERDICT_RUNNER);
	CHECK(strstr(decision.cause, "--root: cannot be mounted in the guest: Invalid argument"));
	good_run();
	control = heard(HELLO START EXIT0 "thru n1 end reset\n");
	facts.vm = STATUS_GUEST_REBOOT;
	CHECK_EQ(verdict_of(), VERDICT_PASS); /* a machine that cannot be switched off */
	good_run();
	facts.output_lost = "standard output";
	control = heard(HELLO START); /* a closed pipe: we ended the guest, not the guest itself */
	facts.vm = -1;
	CHECK_EQ(verdict_of(), VERDICT_RUNNER);
	good_run();
	facts.output_lost = "standard output";
	CHECK_EQ(verdict_of(), VERDICT_RUNNER);
}

/* What a hostile guest may claim; none of it is a pass. */
static void no_pass_by_words(void)
{
	static const char *const stories[] = { EXIT0 END,
					       HELLO EXIT0 END,
					       HELLO START EXIT0,
					       HELLO START,
					       HELLO,
					       "",
					       HELLO START EXIT0 END "thru n1 start\n",
					       "rubbish",
					       HELLO START "thru n1 exit 0 0 9 9\n" END };

	for (unsigned i = 0; i < ARRAY_SIZE(stories); i++) {
		good_run();
		control = heard(stories[i]);
		CHECK(verdict_of() != VERDICT_PASS);
	}
	for (int vm = -1; vm < 20; vm++) {
		good_run();
		facts.vm = vm;
		CHECK(vm == STATUS_OK || verdict_of() != VERDICT_PASS);
	}
	good_run();
	facts.bytes[0] = 4;
	CHECK_EQ(verdict_of(), VERDICT_LIE);
	good_run();
	facts.vm = STATUS_GUEST_REBOOT; /* it said off */
	CHECK_EQ(verdict_of(), VERDICT_RESET);
}

/* No two verdicts have one number, and none has a command's. */
static void statuses(void)
{
	bool used[256] = { false };

	for (int v = 0; v < VERDICT_N; v++) {
		int status = verdict_status(v, 0);

		CHECK(verdict_name(v));
		if (v == VERDICT_PASS || v == VERDICT_FAILED || v == VERDICT_KILLED ||
		    v == VERDICT_INTERRUPTED)
			continue;
		CHECK(status >= 200 && status < 240 && !used[status]);
		used[status] = true;
	}
	for (int code = 1; code < 256; code++) {
		int status = verdict_status(VERDICT_FAILED, code);

		CHECK(status > 0 && (status < 200 || status > 239));
		CHECK(status == code || status == 199);
	}
	CHECK_EQ(verdict_status(VERDICT_KILLED, 9), 137);
	CHECK_EQ(verdict_bisect(VERDICT_PASS, true), 0);
	CHECK_EQ(verdict_bisect(VERDICT_PANIC, true), 1);
	CHECK_EQ(verdict_bisect(VERDICT_FAILED, true), 1);
	CHECK_EQ(verdict_bisect(VERDICT_FLAKY, true), 1);
	CHECK_EQ(verdict_bisect(VERDICT_RUNNER, false), 125);
	CHECK_EQ(verdict_bisect(VERDICT_NO_BOOT, false), 1);
	CHECK_EQ(verdict_bisect(VERDICT_NO_BOOT, true), 125);
}

/* Every '<' is a tag's, and tags close in order: enough of XML for what is written here. */
static bool well_formed(const char *xml)
{
	const char *open[32];
	unsigned depth = 0;

	for (const char *c = strstr(xml, "?>"); (c = strchr(c, '<')); c++) {
		const char *end = strchr(c, '>');

		if (!end)
			return false;
		if (c[1] == '/') {
			if (!depth || strncmp(open[--depth], c + 2, (size_t)(end - c - 2)))
				return false;
		} else if (end[-1] != '/') {
			open[depth++] = c + 1;
		}
	}
	for (const unsigned char *c = (const unsigned char *)xml; *c; c++)
		if ((*c < 0x20 && *c != '\n' && *c != '\t') || *c > 0x7e)
			return false;
	return !depth;
}

static void reports(void)
{
	const char *command[] = { "a<b", "\"\\\x01\xff", NULL },
		   *devices[] = { "0000:01:00.0", NULL };
	struct decision d;
	struct report r = { .decision = &d,
			    .facts = &facts,
			    .kernel = "/k",
			    .cmdline = "c",
			    .command = (char *const *)(uintptr_t)command,
			    .devices = devices };
	char *text;
	size_t size;
	FILE *out;

	good_run();
	log_is("[ 1.0] BUG: KASAN: <&\"\x02\xfe>\n");
	tap_is("TAP version 13\n1..3\nnot ok 1 <x>&\"\x1b\nok 2 b # SKIP <y>\nok 3 c\n");
	facts.log = &klog;
	facts.control = &control;
	facts.tap = &tap;
	facts.vm_message = "";
	decide(&facts, &d);
	out = open_memstream(&text, &size);
	report_junit(&r, out);
	fclose(out);
	CHECK(well_formed(text));
	CHECK(strstr(text, "tests=\"4\" failures=\"2\" errors=\"0\" skipped=\"1\""));
	CHECK(strstr(text, "<failure type=\"kasan\""));
	free(text);
	out = open_memstream(&text, &size);
	report_json(&r, out);
	fclose(out);
	CHECK(strstr(text, "\"verdict\": \"kasan\"") && strstr(text, "\"status\": 205"));
	CHECK(strstr(text, "[\"a<b\", \"\\\"\\\\\\u0001\\u00ff\"]"));
	CHECK(strstr(text, "{\"line\": 1, \"verdict\": \"kasan\", \"decides\": true"));
	free(text);
	tap_deinit(&tap);
}

/*
 * A whole report, as Linux 7.3.4 (guest-images/kernel) printed it when its list of executable formats was
 * overwritten through /dev/mem: the first line decides, and what follows is kept to be decoded.
 */
static void real_oops(void)
{
	static const char text[] =
		"[   10.181267] BUG: kernel NULL pointer dereference, address: 0000000000000028\n"
		"[   10.209665] #PF: supervisor read access in kernel mode\n"
		"[   10.210902] #PF: error_code(0x0000) - not-present page\n"
		"[   10.214256] PGD bd8067 P4D beb067 PUD bda067 PMD 0 \n"
		"[   10.216783] Oops: Oops: 0000 [#1] SMP\n"
		"[   10.222181] CPU: 0 UID: 0 PID: 59 Comm: sh Not tainted 7.3.4-thru #1 PREEMPTLAZY  \n"
		"[   10.224763] RIP: 0010:bprm_execve+0x27a/0x490\n"
		"[   10.250154] Call Trace:\n"
		"[   10.252087]  <TASK>\n"
		"[   10.252709]  do_execveat_common+0x12e/0x170\n"
		"[   10.253259]  __x64_sys_execve+0x30/0x50\n"
		"[   10.253532]  do_syscall_64+0x59/0x300\n"
		"[   10.258570]  entry_SYSCALL_64_after_hwframe+0x4b/0x53\n"
		"[   10.272331]  </TASK>\n"
		"[   10.278076] ---[ end trace 0000000000000000 ]---\n"
		"[   10.280074] note: sh[59] exited with irqs disabled\n";
	const struct klog_finding *f;

	klog = (struct klog){ 0 };
	log_is("[    0.000000] Linux version 7.3.4-thru\n[    8.990000] Run /init as init process\n");
	CHECK_EQ(klog.n_trace, 0);
	klog_feed(&klog, text, sizeof(text) - 1);
	f = klog_decisive(&klog, false);
	CHECK(f && f->verdict == VERDICT_OOPS && f->line == 3);
	CHECK_EQ(klog.n_findings, 2);
	CHECK_EQ(klog.n_trace, 16);
	CHECK(strstr(klog.trace[0], "NULL pointer") && strstr(klog.trace[7], "Call Trace:"));
	for (unsigned i = 0; i < 2 * KLOG_TRACE; i++)
		klog_feed(&klog, "x\n", 2);
	CHECK_EQ(klog.n_trace, KLOG_TRACE);
}

static const struct test tests[] = {
	TEST(patterns),  TEST(every_row),           TEST(rules),         TEST(log_lines),
	TEST(log_flood), TEST(serial_coding),       TEST(control_lines), TEST(tap_results),
	TEST(tap_plans), TEST(tap_without_version), TEST(tap_nested),    TEST(tap_rubbish),
	TEST(decisions), TEST(no_pass_by_words),    TEST(statuses),      TEST(reports),
	TEST(real_oops),
};

int main(void)
{
	int fd = mkstemp(path), r;

	if (fd < 0)
		return 1;
	close(fd);
	r = test_main(tests, ARRAY_SIZE(tests));
	tap_deinit(&tap);
	unlink(path);
	return r;
}
