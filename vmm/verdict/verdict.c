/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names and exit statuses of verdicts (thru-test(1), EXIT STATUS).
 */
#include <verdict/verdict.h>

#define OWN_FIRST \
	200 /* statuses that are verdicts: a command's own that lies here is told as 199 */
#define OWN_LAST 239

static const struct {
	const char *name;
	int status; /* 0: by the rule in verdict_status() */
} rows[VERDICT_N] = {
	[VERDICT_PASS] = { "pass", STATUS_OK },
	[VERDICT_FAILED] = { "command-failed", 0 },
	[VERDICT_KILLED] = { "command-killed", 0 },
	[VERDICT_PANIC] = { "panic", STATUS_TEST_PANIC },
	[VERDICT_OOPS] = { "oops", STATUS_TEST_OOPS },
	[VERDICT_BUG] = { "bug", STATUS_TEST_BUG },
	[VERDICT_WARN] = { "warn", STATUS_TEST_WARN },
	[VERDICT_KASAN] = { "kasan", STATUS_TEST_KASAN },
	[VERDICT_KCSAN] = { "kcsan", STATUS_TEST_KCSAN },
	[VERDICT_KFENCE] = { "kfence", STATUS_TEST_KFENCE },
	[VERDICT_UBSAN] = { "ubsan", STATUS_TEST_UBSAN },
	[VERDICT_LOCKDEP] = { "lockdep", STATUS_TEST_LOCKDEP },
	[VERDICT_RCU] = { "rcu-stall", STATUS_TEST_RCU },
	[VERDICT_HUNG] = { "hung-task", STATUS_TEST_HUNG },
	[VERDICT_LOCKUP] = { "lockup", STATUS_TEST_LOCKUP },
	[VERDICT_OOM] = { "oom", STATUS_TEST_OOM },
	[VERDICT_ROOT] = { "no-root", STATUS_TEST_ROOT },
	[VERDICT_PATTERN] = { "fail-on", STATUS_TEST_PATTERN },
	[VERDICT_TAP] = { "tap", STATUS_TEST_TAP },
	[VERDICT_NO_BOOT] = { "no-boot", STATUS_TEST_NO_BOOT },
	[VERDICT_BOOT_TIMEOUT] = { "boot-timeout", STATUS_TEST_BOOT_TIME },
	[VERDICT_TIMEOUT] = { "timeout", STATUS_TEST_TIME },
	[VERDICT_STALL] = { "stall", STATUS_TEST_STALL },
	[VERDICT_RESET] = { "reset", STATUS_TEST_RESET },
	[VERDICT_CRASH] = { "triple-fault", STATUS_TEST_CRASH },
	[VERDICT_STUCK] = { "stuck", STATUS_TEST_STUCK },
	[VERDICT_DEVICE_LOST] = { "device-lost", STATUS_TEST_DEVICE_LOST },
	[VERDICT_DEVICE] = { "device-not-ready", STATUS_TEST_DEVICE },
	[VERDICT_LIE] = { "lie", STATUS_TEST_LIE },
	[VERDICT_GONE] = { "gone", STATUS_TEST_GONE },
	[VERDICT_FLAKY] = { "flaky", STATUS_TEST_FLAKY },
	[VERDICT_INTERRUPTED] = { "interrupted", 0 },
	[VERDICT_RUNNER] = { "runner", STATUS_TEST_RUNNER },
};

const char *verdict_name(enum verdict verdict)
{
	return rows[verdict].name;
}

int verdict_status(enum verdict verdict, int status)
{
	switch (verdict) {
	case VERDICT_FAILED:
		return status >= OWN_FIRST && status <= OWN_LAST ? STATUS_TEST_COMMAND : status;
	case VERDICT_KILLED:
	case VERDICT_INTERRUPTED:
		return STATUS_SIGNAL + status;
	default:
		return rows[verdict].status;
	}
}

int verdict_bisect(enum verdict verdict, bool no_boot_skips)
{
	switch (verdict) {
	case VERDICT_PASS:
		return 0;
	case VERDICT_DEVICE_LOST: /* the host's doing, not the kernel's */
	case VERDICT_DEVICE:
	case VERDICT_INTERRUPTED:
	case VERDICT_RUNNER:
	case VERDICT_STUCK:
		return 125;
	case VERDICT_NO_BOOT:
	case VERDICT_BOOT_TIMEOUT:
	case VERDICT_ROOT:
		return no_boot_skips ? 125 : 1;
	default:
		return 1;
	}
}
