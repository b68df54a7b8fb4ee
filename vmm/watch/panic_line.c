/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See panic_line.h. Linux's panic() (kernel/panic.c) prints three lines that count, at the level that
 * `quiet` lets pass: the first with the reason, and after registers and stack either "Rebooting in N
 * seconds.." (panic=N) or the end line (panic=0). With panic=-1 it reboots without another word:
 * whoever runs the guest asks `panicked` then.
 *
 * A line is the kernel's when it begins so, after time and caller in brackets. Whoever may write to the
 * guest's console can pretend.
 *
 * Runs under the device lock, on a vcpu's thread.
 */
#include <watch/panic_line.h>

#include <string.h>

static bool begins(const char *line, const char *with)
{
	return !strncmp(line, with, strlen(with));
}

/* Behind `[    1.234567][    T1] `, and a level as `<0>`. */
static const char *message(const char *line)
{
	const char *end;

	while ((*line == '[' && (end = strchr(line, ']'))) ||
	       (*line == '<' && (end = strchr(line, '>'))))
		line = end + 1 + strspn(end + 1, " ");
	return line;
}

static bool judge(struct panic_line *p)
{
	const char *text = message(p->line);

	if (begins(text, "Kernel panic - not syncing"))
		p->panicked = true;
	return p->panicked &&
	       (begins(text, "---[ end Kernel panic") || begins(text, "Rebooting in "));
}

bool panic_line_feed(struct panic_line *p, uint8_t byte)
{
	if (byte != '\n') {
		if (byte != '\r' && p->n < sizeof(p->line) - 1)
			p->line[p->n++] = (char)byte;
		return false;
	}
	p->line[p->n] = 0;
	p->n = 0;
	return judge(p);
}
