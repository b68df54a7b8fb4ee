/* SPDX-License-Identifier: BSD-2-Clause */
/* What a kernel module says of itself: its section .modinfo, strings `key=value` (include/linux/moduleinfo). */
#pragma once

#include <base/types.h>

struct modinfo {
	char *text; /* ends with a NUL of its own */
	size_t size;
};

/* -ENOEXEC, nothing recorded, when it is no module. */
int modinfo_read(int fd, struct modinfo *ret) _must_check_;

/* The value of the nth `key`, or NULL. */
const char *modinfo_value(const struct modinfo *info, const char *key, unsigned nth);
