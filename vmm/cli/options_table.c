/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk over argv. Options are "--name value" or "--name=value". Each may be given once unless its
 * row says so: of two contradicting values neither wins silently. Pure functions of argv.
 */
#include "options_table.h"

#include <base/error.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

int options_refuse(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail(STATUS_USAGE, EINVAL, "%s", text);
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	return MIN(MIN(a, b), c);
}

/* Edits that turn one word into the other (Levenshtein); words here are short. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[33], la = (unsigned)strlen(a), lb = (unsigned)strlen(b);

	if (la > 32 || lb > 32)
		return 99;
	for (unsigned j = 0; j <= lb; j++)
		row[j] = j;
	for (unsigned i = 1; i <= la; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= lb; j++) {
			unsigned above = row[j];

			row[j] = min3(row[j] + 1, row[j - 1] + 1,
				      diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[lb];
}

const char *options_nearest(const char *word, const char *const *candidates)
{
	const char *best = NULL;
	unsigned best_distance = 4;

	for (; *candidates; candidates++) {
		unsigned d = distance(word, *candidates);

		/* "--memory" for "--mem" is more edits than a slip, and still plain. */
		if (strlen(*candidates) > 3 && !strncmp(word, *candidates, strlen(*candidates)))
			d = 1;
		if (d < best_distance && d < strlen(*candidates)) {
			best = *candidates;
			best_distance = d;
		}
	}
	return best;
}

static int fail_unknown(const char *verb, const struct option *table, const char *word)
{
	const char *names[OPTION_TABLE_MAX + 1] = { NULL }, *nearest;
	char name[40];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	for (unsigned i = 0; table[i].name && i < OPTION_TABLE_MAX; i++)
		names[i] = table[i].name;
	nearest = options_nearest(name, names);
	if (nearest)
		return options_refuse("%s: no such option; did you mean %s?", name, nearest);
	return options_refuse("%s: no such option; see thru %s --help", name, verb);
}

static const struct option *find(const struct option *table, const char *word, size_t len)
{
	for (; table->name; table++)
		if (strlen(table->name) == len && !strncmp(table->name, word, len))
			return table;
	return NULL;
}

/* The option that argv[*i] names and its value, which may be the next word: *i then is there. */
static int match(int argc, char **argv, const struct option *table, int *i,
		 const struct option **ret, const char **ret_value)
{
	const char *word = argv[*i];
	size_t len = strcspn(word, "=");
	const struct option *option = find(table, word, len);

	*ret = option;
	*ret_value = NULL;
	if (!option)
		return fail_unknown(argv[0], table, word);
	if (!option->arg && word[len])
		return options_refuse("%s: takes no value; leave out %s", option->name, word + len);
	if (!option->arg)
		return 0;
	if (word[len])
		*ret_value = word + len + 1;
	else if (*i + 1 < argc)
		*ret_value = argv[++*i];
	else
		return options_refuse("%s: its value is missing; give %s %s", option->name,
				      option->name, option->arg);
	return 0;
}

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1];
}

int options_walk(int argc, char **argv, const struct option *table,
		 int (*word)(void *to, const char *word), void *to, int *ret_rest)
{
	bool seen[OPTION_TABLE_MAX] = { false };
	const struct option *option;
	const char *value;
	int i, r = 0;

	for (i = 1; !r && i < argc; i++) {
		if (ret_rest && !strcmp(argv[i], "--")) {
			i++;
			break;
		}
		if (!is_option(argv[i])) {
			r = word(to, argv[i]);
			continue;
		}
		r = match(argc, argv, table, &i, &option, &value);
		if (!r && seen[option - table] && !option->repeats)
			r = options_refuse("%s: given twice; give it once", option->name);
		if (r)
			break;
		seen[option - table] = true;
		r = option->set(to, value);
	}
	if (ret_rest)
		*ret_rest = i;
	return r;
}
