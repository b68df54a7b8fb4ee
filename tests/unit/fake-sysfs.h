/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host's /sys/bus/pci as a tree of files in a temporary folder, for sysfs_set_root().
 */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/types.h>

static char tree[] = "/tmp/thru-sysfs-XXXXXX";

static inline _printf_(1, 2) char *path_of(const char *fmt, ...)
{
	static char path[PATH_MAX];
	va_list ap;
	int n = snprintf(path, sizeof(path), "%s/", tree);

	va_start(ap, fmt);
	vsnprintf(path + n, sizeof(path) - (size_t)n, fmt, ap);
	va_end(ap);
	return path;
}

static inline void make_parents(char *path)
{
	for (char *slash = path + sizeof(tree); (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		mkdir(path, 0755);
		*slash = '/';
	}
}

static inline void put(char *path, const char *text, size_t len)
{
	int fd;

	make_parents(path);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		abort();
	close(fd);
}

static inline void put_text(const char *bdf, const char *name, const char *text)
{
	put(path_of("sys/bus/pci/devices/%s/%s", bdf, name), text, strlen(text));
}

static inline void put_link(const char *bdf, const char *name, const char *target)
{
	char *path = path_of("sys/bus/pci/devices/%s/%s", bdf, name);

	make_parents(path);
	unlink(path);
	if (symlink(target, path))
		abort();
}

static inline bool file_is(const char *path, const char *text)
{
	char got[256];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, got, sizeof(got));

	close(fd);
	return n == (ssize_t)strlen(text) && !memcmp(got, text, (size_t)n);
}

static inline void put_function(const char *bdf, const char *driver, int group, uint8_t header)
{
	char config[64] = { 0 }, text[64];

	config[0x0e] = (char)header;
	put_text(bdf, "vendor", "0x8086\n");
	put_text(bdf, "device", "0x10d3\n");
	put_text(bdf, "class", "0x020000\n");
	put_text(bdf, "driver_override", "(null)\n");
	put_text(bdf, "reset_method", "flr bus pm\n");
	put(path_of("sys/bus/pci/devices/%s/config", bdf), config, sizeof(config));
	snprintf(text, sizeof(text), "../../../bus/pci/drivers/%s", driver);
	if (*driver)
		put_link(bdf, "driver", text);
	snprintf(text, sizeof(text), "../../../kernel/iommu_groups/%d", group);
	if (group >= 0) {
		put_link(bdf, "iommu_group", text);
		put(path_of("sys/kernel/iommu_groups/%d/devices/%s", group, bdf), "", 0);
	}
}

/* What is no PCI function, in a group. */
static inline void put_member(int group, const char *name, const char *driver)
{
	char *path, target[64];

	snprintf(target, sizeof(target), "../../../../bus/platform/drivers/%s", driver);
	path = path_of("sys/kernel/iommu_groups/%d/devices/%s/driver", group, name);
	make_parents(path);
	if (symlink(target, path))
		abort();
}

/* A character device that is a function's. */
static inline void put_node(unsigned major, unsigned minor, const char *bdf)
{
	char *path = path_of("sys/dev/char/%u:%u/device", major, minor), target[64];

	snprintf(target, sizeof(target), "../../../%s", bdf);
	make_parents(path);
	if (symlink(target, path))
		abort();
}

/* A process that has something open: `where` is "fd/3" or the like. */
static inline void put_process(int pid, const char *where, const char *target)
{
	char to[PATH_MAX], *path;

	snprintf(to, sizeof(to), "%s", target); /* may be path_of()'s own */
	path = path_of("proc/%d/%s", pid, where);
	make_parents(path);
	if (symlink(to, path))
		abort();
}

static inline void put_fdinfo(int pid, int fd, const char *text)
{
	put(path_of("proc/%d/fdinfo/%d", pid, fd), text, strlen(text));
}

/* Before its files: the function is below that bridge, and not on a root bus. */
static inline void put_below(const char *bridge, const char *bdf)
{
	char *path = path_of("sys/devices/pci0000:00/%s/%s/.keep", bridge, bdf);
	char target[128];

	make_parents(path);
	snprintf(target, sizeof(target), "../../../devices/pci0000:00/%s/%s", bridge, bdf);
	path = path_of("sys/bus/pci/devices/%s", bdf);
	make_parents(path);
	if (symlink(target, path))
		abort();
}

static inline int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static inline void remove_tree(void)
{
	nftw(tree, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void clear_tree(void)
{
	remove_tree();
	mkdir(tree, 0755);
}

/* TEST_MAIN() with a tree. */
#define TREE_MAIN(table)                                 \
	int main(void)                                   \
	{                                                \
		int r;                                   \
                                                         \
		if (!mkdtemp(tree))                      \
			return 1;                        \
		sysfs_set_root(tree);                    \
		r = test_main(table, ARRAY_SIZE(table)); \
		remove_tree();                           \
		return r;                                \
	}
