/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A list of words and what they stand for, as kmod's programs read it (modules.dep.bin and others of
 * /lib/modules/RELEASE). The form is kmod's own (its shared/ or libkmod/libkmod-index.h): a trie, all numbers big-endian.
 */
#pragma once

#include <base/types.h>

struct module_index {
	struct module_index_entry {
		char *key, *value;
	} * at;
	unsigned n, room;
};

/* Records that there is none for it, or for what is to be in it. */
int module_index_no_memory(void);

/* Both are copied. Words that are not plain ASCII are left out: the form has no place for them. */
int module_index_put(struct module_index *index, const char *key, const char *value) _must_check_;

/* The file, to free(). */
int module_index_write(struct module_index *index, char **ret, size_t *ret_size) _must_check_;

void module_index_free(struct module_index *index);
