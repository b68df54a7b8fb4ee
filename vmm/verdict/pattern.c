/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words are the kernel's own, of 5.10 to 7.x. In a pattern `*` stands for anything, and what follows
 * the last part too; the beginning is fixed. The first row that matches counts: the special before the
 * general.
 */
#include <verdict/pattern.h>

#include <string.h>

static const struct {
	enum verdict verdict;
	const char *pattern;
} rows[] = {
	/* init/do_mounts.c, init/main.c */
	{ VERDICT_ROOT, "Kernel panic - not syncing: VFS: Unable to mount root fs" },
	{ VERDICT_ROOT, "VFS: Unable to mount root fs" },
	{ VERDICT_ROOT, "Kernel panic - not syncing: No working init found" },
	{ VERDICT_ROOT, "Kernel panic - not syncing: Requested init" },
	/* kernel/panic.c */
	{ VERDICT_PANIC, "Kernel panic - not syncing" },
	/* mm/kasan/report.c, kernel/kcsan/report.c, mm/kfence/report.c, lib/ubsan.c */
	{ VERDICT_KASAN, "BUG: KASAN: " },
	{ VERDICT_KASAN, "Internal error: Oops - KASAN" },
	{ VERDICT_KCSAN, "BUG: KCSAN: " },
	{ VERDICT_KFENCE, "BUG: KFENCE: " },
	{ VERDICT_UBSAN, "UBSAN: " },
	{ VERDICT_UBSAN, "Internal error: UBSAN: " },
	/* kernel/watchdog.c, kernel/watchdog_perf.c */
	{ VERDICT_LOCKUP, "watchdog: BUG: soft lockup - CPU#" },
	{ VERDICT_LOCKUP, "BUG: soft lockup - CPU#" },
	{ VERDICT_LOCKUP, "watchdog: *Watchdog detected hard LOCKUP on cpu" },
	{ VERDICT_LOCKUP, "NMI watchdog: Watchdog detected hard LOCKUP on cpu" },
	{ VERDICT_LOCKUP, "BUG: workqueue lockup - pool" },
	/* kernel/rcu/tree_stall.h, kernel/rcu/tasks.h */
	{ VERDICT_RCU, "rcu: INFO: *detected stall" },
	{ VERDICT_RCU, "rcu: INFO: *detected expedited stall" },
	{ VERDICT_RCU, "INFO: rcu*detected stall" },
	{ VERDICT_RCU, "INFO: rcu*detected expedited stall" },
	/* kernel/hung_task.c */
	{ VERDICT_HUNG, "INFO: task *blocked for more than " },
	{ VERDICT_HUNG, "INFO: task *blocked in I/O wait for more than " },
	/* kernel/locking/lockdep.c, lib/debug_locks: the first row is print_circular_bug() */
	{ VERDICT_LOCKDEP, "WARNING: possible circular locking dependency detected" },
	{ VERDICT_LOCKDEP, "WARNING: possible recursive locking detected" },
	{ VERDICT_LOCKDEP, "WARNING: possible irq lock inversion dependency detected" },
	{ VERDICT_LOCKDEP, "WARNING: inconsistent lock state" },
	{ VERDICT_LOCKDEP, "WARNING: *-safe -> *-unsafe lock order detected" },
	{ VERDICT_LOCKDEP, "WARNING: bad unlock balance detected" },
	{ VERDICT_LOCKDEP, "WARNING: bad contention detected" },
	{ VERDICT_LOCKDEP, "WARNING: Nested lock was not taken" },
	{ VERDICT_LOCKDEP, "WARNING: held lock freed" },
	{ VERDICT_LOCKDEP, "WARNING: lock held when returning to user space" },
	{ VERDICT_LOCKDEP, "WARNING: *still has locks held" },
	{ VERDICT_LOCKDEP, "WARNING: suspicious RCU usage" },
	{ VERDICT_LOCKDEP, "WARNING: chain_key collision" },
	{ VERDICT_LOCKDEP, "INFO: trying to register non-static key" },
	{ VERDICT_LOCKDEP, "[ BUG: Invalid wait context ]" },
	/* lib/bug.c, kernel/panic.c: before 6.19, and since */
	{ VERDICT_BUG, "kernel BUG at " },
	{ VERDICT_WARN, "WARNING: CPU: * PID: * at " },
	{ VERDICT_WARN, "WARNING: *at *CPU#" },
	/* arch/x86/mm/fault.c, arch/x86/kernel/traps.c and dumpstack.c; arch/arm64/mm/fault.c and traps.c */
	{ VERDICT_OOPS, "BUG: kernel NULL pointer dereference" },
	{ VERDICT_OOPS, "BUG: unable to handle " },
	{ VERDICT_OOPS, "Oops: " },
	{ VERDICT_OOPS, "Internal error: " },
	{ VERDICT_OOPS, "Unable to handle kernel " },
	{ VERDICT_OOPS, "general protection fault" },
	{ VERDICT_OOPS, "invalid opcode: " },
	{ VERDICT_OOPS, "divide error: " },
	{ VERDICT_OOPS, "stack segment: " },
	{ VERDICT_OOPS, "int3: " },
	{ VERDICT_OOPS, "traps: PANIC: double fault" },
	{ VERDICT_OOPS, "PANIC: double fault" },
	/* mm/oom_kill.c */
	{ VERDICT_OOM, "Out of memory: Killed process" },
	{ VERDICT_OOM, "Out of memory (oom_kill_allocating_task): Killed process" },
	{ VERDICT_OOM, "Memory cgroup out of memory: Killed process" },
	/* kernel/sched/core.c, mm/page_alloc.c, ...: whatever else calls itself so */
	{ VERDICT_BUG, "BUG: " },
};

static const char *skip_spaces(const char *s)
{
	while (*s == ' ')
		s++;
	return s;
}

/* A bracket with nothing but these in it, as printk puts it before a message. */
static const char *skip_bracket(const char *s, const char *only)
{
	size_t n;

	if (*s != '[')
		return s;
	n = strspn(s + 1, only);
	return n && s[1 + n] == ']' ? skip_spaces(s + n + 2) : s;
}

const char *pattern_message(const char *line)
{
	if (line[0] == '<' && line[1] >= '0' && line[1] <= '9' && line[2] == '>')
		line += 3;
	line = skip_bracket(line, " 0123456789.");
	return skip_bracket(line, " TC0123456789");
}

static bool matches(const char *pattern, const char *message)
{
	bool anchored = true;

	while (*pattern) {
		size_t len = strcspn(pattern, "*");
		const char *at = anchored ? message : NULL;
		char part[96];

		if (len >= sizeof(part))
			return false;
		memcpy(part, pattern, len);
		part[len] = 0;
		if (anchored && strncmp(message, part, len))
			return false;
		if (!anchored)
			at = strstr(message, part);
		if (!at)
			return false;
		message = at + len;
		pattern += len;
		anchored = *pattern != '*';
		pattern += *pattern == '*';
	}
	return true;
}

int pattern_row(const char *message)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		if (matches(rows[i].pattern, message))
			return (int)i;
	return -1;
}

unsigned pattern_rows(void)
{
	return ARRAY_SIZE(rows);
}

enum verdict pattern_match(const char *message)
{
	int row = pattern_row(message);

	return row < 0 ? VERDICT_N : rows[row].verdict;
}
