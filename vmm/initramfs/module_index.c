/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entries sorted, and a node for each place where they part; a node comes after those below it, for it says
 * where they are. What is the same up to there is the node's prefix.
 */
#include "module_index.h"

#include <base/error.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC       0xb007f457u
#define VERSION     0x00020001u /* 2.1 */
#define ROOT_AT     8
#define HAS_PREFIX  0x80000000u /* these are in what leads to a node: its place has 28 bits */
#define HAS_VALUES  0x40000000u
#define HAS_BELOW   0x20000000u
#define CHARACTERS  128
#define KEY_MAX     1024 /* and so the nodes above each other */
#define ENTRIES_MAX 1000000

int module_index_no_memory(void)
{
	return fail(STATUS_HOST, ENOMEM, "initramfs: no memory for its modules");
}

int module_index_put(struct module_index *index, const char *key, const char *value)
{
	struct module_index_entry *at;

	if (strlen(key) > KEY_MAX)
		return 0;
	for (const char *c = key; *c; c++)
		if (*c & 0x80)
			return 0;
	if (index->n == index->room) {
		unsigned room = index->room ? 2 * index->room : 64;

		at = room > ENTRIES_MAX ? NULL : realloc(index->at, room * sizeof(*at));
		if (!at)
			return module_index_no_memory();
		index->at = at;
		index->room = room;
	}
	at = &index->at[index->n];
	at->key = strdup(key);
	at->value = at->key ? strdup(value) : NULL;
	if (!at->value) {
		free(at->key);
		return module_index_no_memory();
	}
	index->n++;
	return 0;
}

static void number(FILE *out, uint32_t value)
{
	value = htobe32(value);
	fwrite(&value, 1, sizeof(value), out);
}

/* How far all of them are the same: sorted, so the first and the last tell. */
static size_t same(const struct module_index_entry *e, unsigned n, size_t from)
{
	size_t len = from;

	while (e[0].key[len] && e[0].key[len] == e[n - 1].key[len])
		len++;
	return len - from;
}

static uint32_t node(FILE *out, const struct module_index_entry *e, unsigned n, size_t at)
{
	size_t prefix = n ? same(e, n, at) : 0, here = at + prefix;
	uint32_t below[CHARACTERS] = { 0 }, flags = prefix ? HAS_PREFIX : 0, place;
	unsigned own = 0, first = CHARACTERS, last = 0;

	while (own < n && !e[own].key[here])
		own++;
	for (unsigned i = own, end; i < n; i = end) {
		unsigned char c = (unsigned char)e[i].key[here];

		for (end = i + 1; end < n && (unsigned char)e[end].key[here] == c; end++)
			;
		below[c] = node(out, e + i, end - i, here + 1);
		first = MIN(first, c);
		last = c;
	}
	place = (uint32_t)ftello(out);
	if (prefix)
		fprintf(out, "%.*s%c", (int)prefix, e[0].key + at, 0);
	if (own < n) {
		flags |= HAS_BELOW;
		fprintf(out, "%c%c", (int)first, (int)last);
		for (unsigned c = first; c <= last; c++)
			number(out, below[c]);
	}
	if (own) {
		flags |= HAS_VALUES;
		number(out, own);
		for (unsigned i = 0; i < own; i++) {
			number(out, i); /* its place among them */
			fprintf(out, "%s%c", e[i].value, 0);
		}
	}
	return place | flags;
}

static int by_key(const void *a, const void *b)
{
	const struct module_index_entry *x = a, *y = b;
	int r = strcmp(x->key, y->key);

	return r ? r : strcmp(x->value, y->value);
}

int module_index_write(struct module_index *index, char **ret, size_t *ret_size)
{
	FILE *out = open_memstream(ret, ret_size);
	uint32_t root;

	if (!out)
		return module_index_no_memory();
	if (index->n)
		qsort(index->at, index->n, sizeof(*index->at), by_key);
	number(out, MAGIC);
	number(out, VERSION);
	number(out, 0);
	root = node(out, index->at, index->n, 0);
	if (fclose(out)) {
		free(*ret);
		return module_index_no_memory();
	}
	root = htobe32(root);
	memcpy(*ret + ROOT_AT, &root, sizeof(root));
	return 0;
}

void module_index_free(struct module_index *index)
{
	for (unsigned i = 0; i < index->n; i++) {
		free(index->at[i].key);
		free(index->at[i].value);
	}
	free(index->at);
	*index = (struct module_index){ 0 };
}
