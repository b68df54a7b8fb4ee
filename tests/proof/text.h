/* SPDX-License-Identifier: BSD-2-Clause */
/* What of string.h CBMC has no body for. */
#pragma once

#include <proof.h>
#include <string.h>

static bool text_has(const char *set, char c)
{
	for (; *set; set++)
		if (*set == c)
			return true;
	return false;
}

size_t strspn(const char *s, const char *accept)
{
	size_t n = 0;

	while (s[n] && text_has(accept, s[n]))
		n++;
	return n;
}

size_t strcspn(const char *s, const char *reject)
{
	size_t n = 0;

	while (s[n] && !text_has(reject, s[n]))
		n++;
	return n;
}

void *memchr(const void *s, int c, size_t n)
{
	const char *at = s;

	for (; n; n--, at++)
		if (*at == (char)c)
			return (void *)at;
	return NULL;
}
