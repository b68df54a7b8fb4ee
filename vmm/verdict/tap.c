/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stack of levels by where their lines begin. A line further to the right opens a level, one further to
 * the left closes those above it; the result that follows a closed level is its parent's and gives it a name.
 */
#include <verdict/tap.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_INDENT 64 /* a `# ` before a nested line counts for more than any indentation */

static void add_case(struct tap *tap, const char *name, enum tap_result result, const char *why)
{
	struct tap_case *cases = tap->cases;

	tap->counts[result]++;
	if (tap->depth)
		tap->levels[tap->depth - 1].counts[result]++;
	if (tap->n == tap->room && tap->n < TAP_CASES_MAX) {
		cases = realloc(cases, (tap->room * 2 + 64) * sizeof(*cases));
		if (cases) {
			tap->cases = cases;
			tap->room = tap->room * 2 + 64;
		}
	}
	if (tap->n == tap->room || tap->n >= TAP_CASES_MAX) {
		tap->beyond++;
		return;
	}
	tap->cases[tap->n] =
		(struct tap_case){ .name = strdup(name),
				   .why = why && *why ? strdup(why) : NULL,
				   .result = result,
				   .indent = tap->depth ? tap->levels[tap->depth - 1].indent : 0 };
	if (tap->cases[tap->n].name)
		tap->n++;
}

static void name_nested(struct tap *tap, unsigned first, const char *name)
{
	for (unsigned i = first; i < tap->n; i++) {
		char *longer;

		if (tap->cases[i].indent <= tap->levels[tap->depth - 1].indent ||
		    strlen(tap->cases[i].name) > TAP_LINE_MAX)
			continue;
		if (asprintf(&longer, "%s / %s", name, tap->cases[i].name) < 0)
			continue;
		free(tap->cases[i].name);
		tap->cases[i].name = longer;
	}
}

/* It was prose after all: what is nested in it, by a plan of its own, stays. */
static void drop_level(struct tap *tap, const struct tap_level *level)
{
	unsigned kept = level->first;

	for (unsigned i = level->first; i < tap->n; i++) {
		if (tap->cases[i].indent != level->indent) {
			tap->cases[kept++] = tap->cases[i];
			continue;
		}
		free(tap->cases[i].name);
		free(tap->cases[i].why);
	}
	tap->n = kept;
	for (unsigned i = 0; i < ARRAY_SIZE(level->counts); i++)
		tap->counts[i] -= level->counts[i];
	tap->depth--;
}

static void close_level(struct tap *tap)
{
	struct tap_level *level = &tap->levels[tap->depth - 1];
	char why[96];

	if (level->guessed) {
		drop_level(tap, level);
		return;
	}
	if (level->planned != level->seen) {
		tap->broken++;
		if (level->planned < 0)
			snprintf(why, sizeof(why), "no plan; %ld results", level->seen);
		else
			snprintf(why, sizeof(why), "%ld tests were planned, %ld results came",
				 level->planned, level->seen);
		add_case(tap, "plan", TAP_NOT_OK, why);
	}
	tap->depth--;
}

/*
 * The level of a line that begins at `indent`. NULL: there is none, and a result does not open one (an
 * indented `ok` is prose), or it would be too deep.
 */
static struct tap_level *level_at(struct tap *tap, unsigned indent, bool opens)
{
	while (tap->depth > !opens && tap->levels[tap->depth - 1].indent > indent)
		close_level(tap);
	if (tap->depth && tap->levels[tap->depth - 1].indent == indent)
		return &tap->levels[tap->depth - 1];
	if (!opens || tap->depth == TAP_DEPTH_MAX)
		return NULL;
	tap->levels[tap->depth] =
		(struct tap_level){ .indent = indent, .planned = -1, .first = tap->n };
	return &tap->levels[tap->depth++];
}

static bool word(const char **at, const char *what)
{
	size_t len = strlen(what);

	if (strncmp(*at, what, len))
		return false;
	*at += len;
	return true;
}

/* `ok`, `not ok`: with a number or not, then a name. */
static bool is_result(const char *text, bool *ret_ok, bool *ret_numbered, const char **ret_rest)
{
	const char *at = text;
	size_t digits;

	*ret_ok = !word(&at, "not ");
	if (!word(&at, "ok") || (*at && *at != ' '))
		return false;
	at += strspn(at, " ");
	digits = strspn(at, "0123456789");
	*ret_numbered = digits && (!at[digits] || at[digits] == ' ');
	at += digits;
	at += strspn(at, " ");
	if (word(&at, "- "))
		at += strspn(at, " ");
	*ret_rest = at;
	return true;
}

static bool is_plan(const char *text, long *ret)
{
	int used = 0;

	if (sscanf(text, "1..%9ld%n", ret, &used) != 1 || *ret < 0)
		return false;
	text += used + strspn(text + used, " ");
	return !*text || *text == '#';
}

static bool is_version(const char *text)
{
	return !strncmp(text, "TAP version ", 12) || !strncmp(text, "KTAP version ", 13);
}

/* The directive behind the last ` # `, in any case: it changes what a result means. */
static enum tap_result directive(bool ok, char *name, const char **ret_why)
{
	char *hash = NULL;

	for (char *at = name; (at = strchr(at, '#')); at++)
		if (at == name || at[-1] == ' ')
			hash = at;
	*ret_why = NULL;
	if (!hash)
		return ok ? TAP_OK : TAP_NOT_OK;
	*ret_why = hash + 1 + strspn(hash + 1, " ");
	*hash = 0;
	for (char *end = hash; end > name && end[-1] == ' ';)
		*--end = 0;
	if (!strncasecmp(*ret_why, "skip", 4))
		return TAP_SKIP;
	if (!strncasecmp(*ret_why, "todo", 4) || !strncasecmp(*ret_why, "xfail", 5))
		return TAP_TODO;
	return ok ? TAP_OK : TAP_NOT_OK;
}

static void take_result(struct tap *tap, unsigned indent, bool ok, bool numbered, const char *rest)
{
	unsigned first = tap->n, depth = tap->depth;
	struct tap_level *level;
	char name[TAP_LINE_MAX];
	enum tap_result result;
	const char *why;

	/* What was nested before it is its own: from the first case of the level that it closes. */
	for (unsigned i = 0; i < depth; i++)
		if (tap->levels[i].indent > indent) {
			first = tap->levels[i].first;
			break;
		}
	level = level_at(tap, indent, numbered);
	if (!level)
		return;
	level->guessed |= level->planned < 0 && !level->versioned;
	snprintf(name, sizeof(name), "%s", rest);
	result = directive(ok, name, &why);
	level->seen++;
	if (!*name)
		snprintf(name, sizeof(name), "%ld", level->seen);
	name_nested(tap, first, name);
	tap->notes[tap->notes_n] = 0;
	add_case(tap, name, result, result == TAP_NOT_OK && tap->notes_n ? tap->notes : why);
	tap->notes_n = 0;
}

static void take_note(struct tap *tap, const char *text)
{
	size_t len = strlen(text);

	if (len + 1 >= TAP_NOTES_MAX - tap->notes_n)
		return;
	memcpy(tap->notes + tap->notes_n, text, len);
	tap->notes_n += len;
	tap->notes[tap->notes_n++] = '\n';
}

/* A version or a plan. A level that has both already, or results, has ended: another program's begins. */
static void take_head(struct tap *tap, unsigned indent, bool version, long planned)
{
	struct tap_level *level = level_at(tap, indent, true);

	if (level && !version && level->guessed && level->seen != planned) {
		close_level(tap);
		level = level_at(tap, indent, true);
	}
	if (level && (version ? level->versioned || level->seen || level->planned >= 0
			      : level->planned >= 0)) {
		close_level(tap);
		level = level_at(tap, indent, true);
	}
	if (!level)
		return;
	level->versioned |= version;
	level->guessed = false;
	if (!version)
		level->planned = planned;
}

/* `[    1.234567] `, as dmesg(1) has it: what is behind its one space is the line. */
static const char *skip_time(const char *at)
{
	size_t n = *at == '[' ? 1 + strspn(at + 1, " 0123456789.") : 0;

	return n > 2 && at[n] == ']' && at[n + 1] == ' ' && memchr(at, '.', n) ? at + n + 2 : at;
}

static void take_line(struct tap *tap)
{
	const char *at = skip_time(tap->line), *rest;
	unsigned indent = (unsigned)strspn(at, " ");
	bool ok, numbered, hash = false;
	long planned;

	at += indent;
	if (!strcmp(at, "---") || !strcmp(at, "..."))
		tap->in_yaml = *at == '-' && tap->depth;
	while (!strncmp(at, "# ", 2)) {
		unsigned more = (unsigned)strspn(at + 2, " ");

		hash = true;
		indent += HASH_INDENT + more;
		at += 2 + more;
	}
	if (is_version(at))
		take_head(tap, indent, true, 0);
	else if (is_plan(at, &planned))
		take_head(tap, indent, false, planned);
	else if (is_result(at, &ok, &numbered, &rest))
		take_result(tap, indent, ok, numbered, rest);
	else if ((tap->depth || !indent) && word(&at, "Bail out!"))
		tap->bailed = true;
	else if (tap->depth && (hash || tap->in_yaml))
		take_note(tap, at);
}

void tap_feed(struct tap *tap, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n') {
			tap->line[tap->line_n] = 0;
			if (tap->line_n && tap->line[tap->line_n - 1] == '\r')
				tap->line[tap->line_n - 1] = 0;
			tap->line_n = 0;
			take_line(tap);
		} else if (tap->line_n < TAP_LINE_MAX - 1) {
			tap->line[tap->line_n++] = bytes[i] ? bytes[i] : ' ';
		}
	}
}

void tap_finish(struct tap *tap)
{
	if (tap->line_n)
		tap_feed(tap, "\n", 1);
	while (tap->depth)
		close_level(tap);
	if (tap->bailed)
		add_case(tap, "Bail out!", TAP_NOT_OK, NULL);
}

void tap_deinit(struct tap *tap)
{
	for (unsigned i = 0; i < tap->n; i++) {
		free(tap->cases[i].name);
		free(tap->cases[i].why);
	}
	free(tap->cases);
	tap->cases = NULL;
	tap->n = tap->room = 0;
}

bool tap_failed(const struct tap *tap)
{
	return tap->counts[TAP_NOT_OK] || tap->broken || tap->bailed;
}
