/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What there is to say of a run, whatever it was: a verdict, and two reports that are text of their form.
 */
#pragma once

#include "fuzz.h"

#include <verdict/decide.h>
#include <verdict/report.h>

static inline bool report_is_text(const char *s)
{
	for (const unsigned char *c = (const unsigned char *)s; *c; c++)
		if ((*c < 0x20 && *c != '\n' && *c != '\t') || *c > 0x7e)
			return false;
	return true;
}

/* Outside of strings as many of each bracket, and no string that stays open. */
static inline bool report_is_json(const char *s)
{
	int depth = 0;
	bool in_string = false;

	for (; *s && depth >= 0; s++) {
		if (in_string && *s == '\\' && s[1])
			s++;
		else if (*s == '"')
			in_string = !in_string;
		else if (!in_string)
			depth += (*s == '{' || *s == '[') - (*s == '}' || *s == ']');
	}
	return !depth && !in_string;
}

static inline bool report_is_xml(const char *s)
{
	bool in_tag = false;

	for (; *s; s++) {
		if ((*s == '<' && in_tag) || (*s == '>' && !in_tag))
			return false;
		in_tag = *s == '<' || (in_tag && *s != '>');
		if (*s == '&' && strncmp(s, "&lt;", 4) && strncmp(s, "&gt;", 4) &&
		    strncmp(s, "&amp;", 5) && strncmp(s, "&quot;", 6) && strncmp(s, "&#", 2) &&
		    strncmp(s, "&apos;", 6))
			return false;
	}
	return !in_tag;
}

static inline void report_all(const struct facts *facts)
{
	struct decision decision;
	struct report report = {
		.decision = &decision, .facts = facts, .kernel = "k", .cmdline = "c"
	};
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	decide(facts, &decision);
	MUST(decision.verdict < VERDICT_N);
	MUST(!strchr(decision.cause, '\n'));
	report_junit(&report, out);
	fclose(out);
	MUST(report_is_text(text) && report_is_xml(text));
	free(text);
	out = open_memstream(&text, &size);
	report_json(&report, out);
	fclose(out);
	MUST(report_is_text(text) && report_is_json(text));
	free(text);
}
