/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of a kernel's log that decide a run: a table of what Linux itself prints, and the operator's own
 * rules. Pure, but for the reading of rule files.
 */
#pragma once

#include <verdict/verdict.h>

/*
 * The message in a line of the console: behind "<6>", "[   12.345678]" and the caller's "[ T1]". What a
 * pattern is compared with begins there, so that words in the middle of something else decide nothing.
 */
const char *pattern_message(const char *line);

/* What the table says of a message; VERDICT_N: nothing. */
enum verdict pattern_match(const char *message);

/* Which of its rows says so, or -1; how many there are. No row is there without a line that it was made for. */
int pattern_row(const char *message);
unsigned pattern_rows(void);

/* Rules: lines `REGEX # REASON, expires YYYY-MM-DD`, regex(7) extended, looked for anywhere in a line. */
struct rules;

/*
 * Read a file; more than one may be read into the same *rules (NULL at first). `today` is YYYYMMDD. A line
 * that cannot be read, or is past its date, is refused by its number, with STATUS_USAGE.
 */
int rules_read(const char *path, unsigned today, struct rules **rules) _must_check_;
void rules_free(struct rules *rules);

/* The reason of the first rule that matches, or NULL. */
const char *rules_match(const struct rules *rules, const char *line);
