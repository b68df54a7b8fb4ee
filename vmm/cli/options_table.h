/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the options_*.c share: options as rows of a table, the one walk over argv that every verb uses,
 * and parsers of values. Others include options.h.
 */
#pragma once

#include <cli/options.h>

struct option {
	const char *name;
	const char *arg; /* NULL: a flag */
	bool repeats;
	int (*set)(void *to, const char *value); /* `value` is NULL for a flag */
	const char *help;                        /* '\n' starts another line */
};

/* A row without a name ends a table, which has at most so many rows. */
#define OPTION_TABLE_MAX 64
#define OPTION_TABLE_FITS(table) \
	_Static_assert(ARRAY_SIZE(table) <= OPTION_TABLE_MAX, "OPTION_TABLE_MAX is too small")
extern const struct option options_run[], options_bind[], options_devices[], options_open[],
	options_probe[], options_test[], options_none[];

/*
 * All of argv but its first word, the verb: an option by its row's `set`, any other word by `word`.
 * Where `ret_rest` is not NULL, "--" ends the walk and *ret_rest is the index of what follows, argc
 * when nothing does; else "--" is a word like any other.
 */
int options_walk(int argc, char **argv, const struct option *table,
		 int (*word)(void *to, const char *word), void *to, int *ret_rest) _must_check_;

/* A refusal: STATUS_USAGE, -EINVAL. */
int options_refuse(const char *fmt, ...) _printf_(1, 2);

/* Decimal digits; *ret_end is what follows them. False on none, or when 64 bits are too few. */
bool options_number(const char *text, uint64_t *ret, const char **ret_end) _must_check_;

/* Bytes, or with K, M, G or T; all of the text. `option` is for messages. */
int options_size(const char *option, const char *text, uint64_t *ret) _must_check_;

/* --vfio-api: a way's name. */
int options_vfio_api(const char *text, int *ret) _must_check_;

/* --allow: adds to *allow. */
int options_allow(const char *text, unsigned *allow) _must_check_;

/* One more PCI address, given once. */
struct bdf_list {
	struct bdf *at;
	unsigned max, n;
};
int options_bdf(struct bdf_list *list, const char *text) _must_check_;
