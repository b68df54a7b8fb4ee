/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loader's own index of libraries, /etc/ld.so.cache, as glibc >= 2.2 writes it (sysdeps/generic/
 * dl-cache.h there: cache_file_new). Others have none and search their default folders.
 */
#pragma once

#include <base/types.h>

#define LDCACHE_PATH "/etc/ld.so.cache"

struct ldcache {
	char *bytes; /* NULL: there is none, or it is none that we know */
	size_t size;
	size_t start; /* of the header: an older form may lie before it */
	uint32_t n;
};

void ldcache_read(const char *path, struct ldcache *ret);
void ldcache_deinit(struct ldcache *cache);

/*
 * The path of the library `name`, the `nth` there is: files for other machines are among them, which the
 * caller tells by their headers. NULL: no more. Valid as long as the cache.
 */
const char *ldcache_find(const struct ldcache *cache, const char *name, unsigned nth);
