/* SPDX-License-Identifier: BSD-2-Clause */
/* All modules of a folder by name (include/initramfs/modules.h says what folders there are). */
#pragma once

#include <base/types.h>

#define MODULE_PACKERS 3

extern const struct module_packer {
	const char *suffix, *program;
} module_packers[MODULE_PACKERS];

struct module_file {
	char *path; /* relative to the folder, as its list says */
	bool added;
};

struct module_list {
	const char *folder; /* the caller's */
	struct module_file *at;
	unsigned n, room;
};

/* 0 or -errno with the reason recorded; to be freed in any case. */
int module_list_read(const char *folder, struct module_list *ret) _must_check_;
void module_list_free(struct module_list *list);
