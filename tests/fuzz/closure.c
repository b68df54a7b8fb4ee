/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program of the operator's with all that it names: its interpreter, its libraries, the loader's index of them, and
 * what a module says of itself. Bytes: lengths of three files (16 bits each), then what is in them. The files are in
 * a folder of their own; what they name elsewhere is not there, as the tree has no root but that folder's.
 *
 * Fuzzes: vmm/initramfs/closure.c vmm/initramfs/needs.c vmm/initramfs/ldcache.c vmm/initramfs/modinfo.c vmm/initramfs/cpio.c vmm/initramfs/tree.c vmm/initramfs/host.c
 */
#include "jail.h"

#include <initramfs/closure.h>
#include <initramfs/cpio.h>
#include <sys/stat.h>

#include "vmm/initramfs/ldcache.h"
#include "vmm/initramfs/modinfo.h"
#include "vmm/initramfs/needs.h"

static const char *put(const char *name, const uint8_t *bytes, size_t n)
{
	static char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fuzz_folder(), name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
		abort();
	close(fd);
	return path;
}

static void archive(const struct tree *tree)
{
	int fd = memfd_create("archive", MFD_CLOEXEC), r = cpio_write(tree, fd);
	char end[] = "TRAILER!!!";
	off_t size = lseek(fd, 0, SEEK_END);

	MUST(fuzz_told(r));
	MUST(r || (size > 124 && !(size & 3) && pread(fd, end, 10, size - 14) == 10 &&
		   !memcmp(end, "TRAILER!!!", 10)));
	close(fd);
}

static void read_index(const char *path)
{
	struct ldcache cache;
	unsigned n = 0;

	ldcache_read(path, &cache);
	for (const char *found; n < 64 && (found = ldcache_find(&cache, "liba", n)); n++)
		MUST(found >= cache.bytes && found + strlen(found) < cache.bytes + cache.size);
	MUST(n <= cache.n);
	ldcache_deinit(&cache);
}

static void read_module(const uint8_t *bytes, size_t n)
{
	struct modinfo info;
	int fd = fuzz_file(bytes, n);

	if (!modinfo_read(fd, &info)) {
		for (unsigned i = 0; i < 32; i++) {
			const char *value = modinfo_value(&info, "alias", i);

			MUST(!value || value + strlen(value) <= info.text + info.size);
		}
		free(info.text);
	}
	close(fd);
	error_clear();
}

static void fuzz(struct input *in)
{
	static const char *const names[] = { "a", "liba", "libb" };
	size_t lengths[ARRAY_SIZE(names)], n;
	struct tree tree = { .n = 0 };
	const char *path;
	char a[300];
	int r;

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		lengths[i] = take16(in);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		const uint8_t *at = take(in, lengths[i], &n);

		path = put(names[i], at, n);
		if (!i)
			read_module(at, n);
		else if (i == 1)
			read_index(path);
	}
	snprintf(a, sizeof(a), "%s/a", fuzz_folder());
	r = closure_add(&tree, a, fuzz_folder());
	MUST(fuzz_told(r));
	if (!r)
		archive(&tree);
	tree_deinit(&tree);
}
