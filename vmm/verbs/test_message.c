/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of a VMM that is a process of its own. It can be as long-winded as it likes: the end is kept.
 */
#include "test_message.h"

#include <errno.h>
#include <host/sysfs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool test_message_read(struct test_message *m, int fd)
{
	char text[512];
	ssize_t n = read(fd, text, sizeof(text));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	/* What is said last counts: keep the end. */
	if (m->n + (size_t)n >= sizeof(m->text)) {
		memmove(m->text, m->text + sizeof(text), sizeof(m->text) - sizeof(text));
		m->n = m->n > sizeof(text) ? m->n - sizeof(text) : 0;
	}
	memcpy(m->text + m->n, text, (size_t)n);
	m->n += (size_t)n;
	m->text[m->n] = 0;
	return true;
}

const char *test_message_reason(struct test_message *m, bool show, bool *ret_device)
{
	char *text = m->text, *last, word[64];
	struct bdf bdf;

	for (size_t n = strlen(text); n && text[n - 1] == '\n';)
		text[--n] = 0;
	last = strrchr(text, '\n');
	if (last) {
		if (show)
			fprintf(stderr, "%.*s\n", (int)(last - text), text);
		text = last + 1;
	}
	if (!strncmp(text, "thru: ", 6))
		text += 6;
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(text, " "), text);
	if (*word && word[strlen(word) - 1] == ':')
		word[strlen(word) - 1] = 0;
	*ret_device = bdf_parse(word, &bdf);
	return text;
}
