/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One --share. A folder's name may have colons and commas of its own: `,ro` is taken off the end, then what
 * is behind the last colon.
 */
#include "options_table.h"

#include <cli/share_option.h>
#include <string.h>

int share_option_parse(const char *text, struct share_option *ret)
{
	struct share_option o = { .read_only = false };
	size_t len = strlen(text);
	char *colon;

	if (len >= sizeof(o.path))
		return options_refuse("--share: a path is too long; give one of at most %u bytes",
				      SHARE_PATH - 1);
	strcpy(o.path, text);
	if (len >= 3 && !strcmp(o.path + len - 3, ",ro")) {
		o.read_only = true;
		o.path[len - 3] = 0;
	}
	colon = strrchr(o.path, ':');
	if (colon) {
		strcpy(o.at, colon + 1);
		*colon = 0;
	}
	if (!*o.path || (colon && !*o.at))
		return options_refuse("--share %s: a name is missing; give DIR[:NAME][,ro]", text);
	*ret = o;
	return 0;
}
