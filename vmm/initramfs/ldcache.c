/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache is a header, entries of fixed size and strings behind them, all by offset. It is read whole, once;
 * offsets are checked when they are used, and a cache that makes no sense counts as none.
 */
#include "ldcache.h"

#include <base/bytes.h>
#include <base/fd.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAGIC      "glibc-ld.so.cache1.1"
#define MAGIC_LEN  20
#define HEADER     48
#define ENTRY      24
#define SIZE_MAX_  (64u << 20)
#define ENTRY_NAME 4
#define ENTRY_PATH 8
#define ENTRY_HW   16

void ldcache_read(const char *path, struct ldcache *ret)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *start;

	*ret = (struct ldcache){ 0 };
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < HEADER || st.st_size > SIZE_MAX_)
		return;
	ret->size = (size_t)st.st_size;
	ret->bytes = malloc(ret->size);
	start = ret->bytes && !fd_read_at(fd, ret->bytes, ret->size, 0)
			? memmem(ret->bytes, ret->size, MAGIC, MAGIC_LEN)
			: NULL;
	if (start && ret->size - (size_t)(start - ret->bytes) >= HEADER) {
		ret->start = (size_t)(start - ret->bytes);
		ret->n = load_le32(start + MAGIC_LEN);
		if (ret->n <= (ret->size - ret->start - HEADER) / ENTRY)
			return;
	}
	ldcache_deinit(ret);
}

void ldcache_deinit(struct ldcache *cache)
{
	free(cache->bytes);
	*cache = (struct ldcache){ 0 };
}

/* A string inside the file, with its end, which is not looked for beyond what a path can be. */
static const char *string_at(const struct ldcache *cache, uint32_t offset)
{
	size_t at = cache->start + offset;

	if (at >= cache->size || !memchr(cache->bytes + at, 0, MIN(cache->size - at, PATH_MAX)))
		return NULL;
	return cache->bytes + at;
}

const char *ldcache_find(const struct ldcache *cache, const char *name, unsigned nth)
{
	for (uint32_t i = 0; i < cache->n; i++) {
		const char *entry = cache->bytes + cache->start + HEADER + (size_t)i * ENTRY;
		const char *key = string_at(cache, load_le32(entry + ENTRY_NAME));

		/* With a word for the hardware it is for better processors: the guest's may be none. */
		if (!key || strcmp(key, name) || load_le32(entry + ENTRY_HW) ||
		    load_le32(entry + ENTRY_HW + 4) || nth--)
			continue;
		return string_at(cache, load_le32(entry + ENTRY_PATH));
	}
	return NULL;
}
