/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rule files of the operator: a line for each, which is read before there is a guest, so that a mistake in
 * one is refused while nothing has been started.
 */
#include <verdict/pattern.h>

#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MAX 1000
#define LINE_ROOM 1024

struct rule {
	regex_t regex;
	char *reason;
	struct rule *next;
};

struct rules {
	struct rule *first, **last;
	unsigned n;
};

static int refuse(const char *path, unsigned number, const char *why)
{
	return fail(STATUS_USAGE, EINVAL, "%s:%u: %s", path, number, why);
}

/* The last `#` that a reason follows: a regex may hold others. */
static char *reason_of(char *line)
{
	char *found = NULL;

	for (char *at = line; (at = strstr(at, " # ")); at++)
		found = at;
	return found;
}

static bool date_of(const char *reason, unsigned *ret)
{
	const char *at = strstr(reason, ", expires ");
	unsigned year, month, day;
	int used = 0;

	if (!at || sscanf(at, ", expires %4u-%2u-%2u%n", &year, &month, &day, &used) != 3 ||
	    at[used] || used != 20 || month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	*ret = year * 10000 + month * 100 + day;
	return true;
}

static int add(struct rules *rules, const char *path, unsigned number, char *line, unsigned today)
{
	char *reason = reason_of(line), text[256], why[128];
	struct rule *rule;
	unsigned date;
	int r;

	if (!reason || !date_of(reason, &date))
		return refuse(path, number, "not a rule; write REGEX # REASON, expires YYYY-MM-DD");
	if (date < today) {
		snprintf(text, sizeof(text),
			 "its rule expired (%.80s); see whether it is still needed, and "
			 "give it a new date or remove it",
			 reason + 3);
		return refuse(path, number, text);
	}
	*reason = 0;
	for (char *end = reason; end > line && end[-1] == ' ';)
		*--end = 0;
	rule = rules->n < RULES_MAX && *line ? calloc(1, sizeof(*rule)) : NULL;
	if (!rule)
		return refuse(path, number, "no rule, or one too many of them");
	r = regcomp(&rule->regex, line, REG_EXTENDED | REG_NOSUB);
	if (r) {
		regerror(r, &rule->regex, why, sizeof(why));
		free(rule);
		snprintf(text, sizeof(text), "not a regular expression (%s); see regex(7)", why);
		return refuse(path, number, text);
	}
	rule->reason = strdup(reason + 3);
	*rules->last = rule;
	rules->last = &rule->next;
	rules->n++;
	return rule->reason ? 0 : refuse(path, number, strerror(ENOMEM));
}

int rules_read(const char *path, unsigned today, struct rules **rules)
{
	FILE *file = fopen(path, "re");
	char line[LINE_ROOM];
	unsigned number = 0;
	int r = 0;

	if (!file)
		return fail(STATUS_USAGE, errno, "%s: %s; give a file of rules", path,
			    strerror(errno));
	if (!*rules && (*rules = calloc(1, sizeof(**rules))))
		(*rules)->last = &(*rules)->first;
	if (!*rules)
		r = fail(STATUS_HOST, ENOMEM, "%s: %s", path, strerror(ENOMEM));
	while (!r && fgets(line, sizeof(line), file)) {
		size_t len = strcspn(line, "\n");

		number++;
		if (!line[len] && len + 1 == sizeof(line))
			r = refuse(path, number, "longer than 1,022 bytes; make it shorter");
		line[len] = 0;
		if (!r && *line && *line != '#')
			r = add(*rules, path, number, line, today);
	}
	if (!r && ferror(file))
		r = fail(STATUS_USAGE, EIO, "%s: cannot be read; give a file of rules", path);
	fclose(file);
	return r;
}

void rules_free(struct rules *rules)
{
	struct rule *next;

	for (struct rule *rule = rules ? rules->first : NULL; rule; rule = next) {
		next = rule->next;
		regfree(&rule->regex);
		free(rule->reason);
		free(rule);
	}
	free(rules);
}

const char *rules_match(const struct rules *rules, const char *line)
{
	for (const struct rule *rule = rules ? rules->first : NULL; rule; rule = rule->next)
		if (!regexec(&rule->regex, line, 0, NULL, 0))
			return rule->reason;
	return NULL;
}
