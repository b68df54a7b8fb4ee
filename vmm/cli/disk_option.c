/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One --disk. A path may have commas of its own, so keys are taken off from the end, as long as the last
 * word is one.
 */
#include "options_table.h"

#include <cli/disk_option.h>
#include <errno.h>
#include <string.h>

static int set_serial(struct disk_option *o, const char *text, const char *value)
{
	if (!*value || strlen(value) > DISK_SERIAL)
		return options_refuse("--disk %s: serial=%s: give 1 to %u bytes", text, value,
				      DISK_SERIAL);
	for (const char *c = value; *c; c++)
		if (*c < ' ' || *c > '~')
			return options_refuse("--disk %s: serial= has a character that does not "
					      "print; give others",
					      text);
	strcpy(o->serial, value);
	return 0;
}

/* 1: it was a key; 0: it is part of the path; -EINVAL. */
static int take(struct disk_option *o, const char *text, const char *word)
{
	int r = 0;

	if (!strcmp(word, "ro"))
		o->read_only = true;
	else if (!strcmp(word, "discard=on") || !strcmp(word, "discard=off"))
		o->discard = word[9] == 'n';
	else if (!strncmp(word, "discard=", 8))
		r = options_refuse("--disk %s: %s: not known; give discard=on or off", text, word);
	else if (!strncmp(word, "serial=", 7))
		r = set_serial(o, text, word + 7);
	else
		return 0;
	return r ? r : 1;
}

int disk_option_parse(const char *text, struct disk_option *ret)
{
	struct disk_option o = { 0 };
	char *comma;
	int r = 1;

	if (strlen(text) >= sizeof(o.path))
		return options_refuse("--disk: a path is too long; give one of at most %u bytes",
				      DISK_PATH - 1);
	strcpy(o.path, text);
	while (r > 0 && (comma = strrchr(o.path, ','))) {
		r = take(&o, text, comma + 1);
		if (r > 0)
			*comma = 0;
	}
	if (r < 0)
		return r;
	if (!*o.path)
		return options_refuse("--disk %s: the file's name is missing; give "
				      "FILE[,ro][,serial=TEXT][,discard=on]",
				      text);
	*ret = o;
	return 0;
}
