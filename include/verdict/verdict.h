/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `thru test` can say of a guest. Pure.
 */
#pragma once

#include <base/error.h>
#include <base/types.h>

/*
 * Exit statuses, beside those of base/error.h (thru-test(1), EXIT STATUS). The command may end with any
 * number; one of its own that lies from 200 to 239 is told as 199, so that none of these is ever a command's.
 * They are never reused.
 */
enum test_status {
	STATUS_TEST_COMMAND = 199,   /* the command's own status was one of 200 to 239 */
	STATUS_TEST_PANIC = 201,     /* the kernel panicked */
	STATUS_TEST_OOPS = 202,      /* an oops: a fault in the kernel */
	STATUS_TEST_BUG = 203,       /* a BUG of the kernel's own checks */
	STATUS_TEST_WARN = 204,      /* a WARNING that --fail-on names */
	STATUS_TEST_KASAN = 205,     /* KASAN: memory that is not the kernel's to use */
	STATUS_TEST_KCSAN = 206,     /* KCSAN: a data race */
	STATUS_TEST_KFENCE = 207,    /* KFENCE: memory that is not the kernel's to use */
	STATUS_TEST_UBSAN = 208,     /* UBSAN: undefined behaviour */
	STATUS_TEST_LOCKDEP = 209,   /* lockdep: locks in a wrong order or context */
	STATUS_TEST_RCU = 210,       /* an RCU stall */
	STATUS_TEST_HUNG = 211,      /* a hung task */
	STATUS_TEST_LOCKUP = 212,    /* a soft or hard lockup */
	STATUS_TEST_OOM = 213,       /* out of memory, and the command did not survive it */
	STATUS_TEST_ROOT = 214,      /* unable to mount root, or no init in it */
	STATUS_TEST_PATTERN = 215,   /* the kernel's log has a line that --fail-on names */
	STATUS_TEST_TAP = 216,       /* KTAP or TAP: a test failed, or the plan was not finished */
	STATUS_TEST_NO_BOOT = 217,   /* the guest ended before the command started */
	STATUS_TEST_BOOT_TIME = 218, /* the command had not started after --boot-timeout */
	STATUS_TEST_TIME = 219,      /* the command had not ended after --timeout */
	STATUS_TEST_STALL = 220,     /* no output for as long as --stall says */
	STATUS_TEST_RESET = 221,     /* the guest was reset */
	STATUS_TEST_CRASH = 222,     /* triple fault: a processor of the guest gave up */
	STATUS_TEST_STUCK = 223,     /* KVM cannot run the guest on */
	STATUS_TEST_DEVICE_LOST = 224, /* a passed device vanished, or the host took it back */
	STATUS_TEST_DEVICE = 225,      /* a device is not ready to be passed */
	STATUS_TEST_LIE = 226,         /* what came from the guest's init contradicts itself */
	STATUS_TEST_GONE = 227,        /* the guest switched itself off before the command ended */
	STATUS_TEST_FLAKY = 228,       /* a try failed, and a later one of the same run passed */
	STATUS_TEST_RUNNER = 230,      /* the runner's fault: nothing was learnt of the kernel */
};

enum verdict {
	VERDICT_PASS,
	VERDICT_FAILED, /* the command: `status` is its own */
	VERDICT_KILLED, /* the command: `status` is the signal */
	VERDICT_PANIC,
	VERDICT_OOPS,
	VERDICT_BUG,
	VERDICT_WARN,
	VERDICT_KASAN,
	VERDICT_KCSAN,
	VERDICT_KFENCE,
	VERDICT_UBSAN,
	VERDICT_LOCKDEP,
	VERDICT_RCU,
	VERDICT_HUNG,
	VERDICT_LOCKUP,
	VERDICT_OOM,
	VERDICT_ROOT,
	VERDICT_PATTERN,
	VERDICT_TAP,
	VERDICT_NO_BOOT,
	VERDICT_BOOT_TIMEOUT,
	VERDICT_TIMEOUT,
	VERDICT_STALL,
	VERDICT_RESET,
	VERDICT_CRASH,
	VERDICT_STUCK,
	VERDICT_DEVICE_LOST,
	VERDICT_DEVICE,
	VERDICT_LIE,
	VERDICT_GONE,
	VERDICT_FLAKY,
	VERDICT_INTERRUPTED, /* thru itself: `status` is the signal */
	VERDICT_RUNNER,
	VERDICT_N,
};

/* As the JSON has it: "command-failed", "rcu-stall". */
const char *verdict_name(enum verdict verdict);

/* What thru exits with. `status`: the command's, or a signal's number. */
int verdict_status(enum verdict verdict, int status);

/*
 * For `git bisect run`: 0, 1, or 125 when nothing was learnt of the kernel. `no_boot_skips`: a kernel that
 * does not come up is neither good nor bad.
 */
int verdict_bisect(enum verdict verdict, bool no_boot_skips);
