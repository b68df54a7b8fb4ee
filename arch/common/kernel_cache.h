/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernels unpacked once, in a folder of files; see kernel_cache.c. */
#pragma once

#include <base/types.h>
#include <sys/stat.h>

#define KERNEL_CACHE_MAX MIB(512) /* of all entries */

/*
 * What the file that `source` tells of holds, from an entry that is whole and this user's own: a descriptor to
 * read it from, which the caller closes, and its size there; the rest of that file is not the kernel's. -1: there is
 * none. An entry that is not as it was written is removed.
 */
int kernel_cache_find(int folder, const struct stat *source, uint64_t *ret_size);

/*
 * Keep these bytes for the next time, if there is room. Nothing is told of what goes wrong: it is only a cache.
 * `source` is what fstat() said before the file was read, `fd` that file, which must still be so.
 */
void kernel_cache_store(int folder, const struct stat *source, int fd, const uint8_t *bytes,
			uint64_t size);
