/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Strings for programs (RFC 8259 §7). What sysfs says is ASCII; anything else is escaped bytewise.
 */
#include <cli/json.h>

#include <stdio.h>

void json_print_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c > 0x7e)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}
