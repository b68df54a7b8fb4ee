/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files that the guest's root will consist of: a list of entries, in the order in which the kernel's
 * unpacker is to make them, with no two for one path. Paths are absolute and the guest's; a symbolic link
 * among them is followed as the guest would follow it, so that a host's /lib -> usr/lib and what lies
 * behind it come out the same.
 *
 * Everything returns 0 or -errno with the reason recorded. Main thread only.
 */
#pragma once

#include <base/types.h>
#include <limits.h>
#include <sys/types.h>

struct tree_entry {
	char *path;   /* without the leading slash, as cpio wants it; "" is the root */
	char *source; /* regular file: the host's file; symbolic link: its target; else NULL */
	void *data;   /* regular file that is no file of the host: its bytes */
	size_t size;  /* of data */
	mode_t mode;
	unsigned major, minor; /* of a device node */
	bool scanned;          /* what it needs to run was looked for */
};

struct tree {
	struct tree_entry *at;
	unsigned n, room;
	unsigned
		*slots; /* a hash table of n_slots (a power of two): index + 1 into `at`, 0: free */
	unsigned n_slots;
};

void tree_deinit(struct tree *tree);

/* An entry by its path, its last component not followed. NULL: there is none. Valid up to the next one made. */
struct tree_entry *tree_find(struct tree *tree, const char *path);

/*
 * One entry; folders above it are made where they are missing. A path that has one already keeps it:
 * what is put first counts.
 */
int tree_dir(struct tree *tree, const char *path, mode_t mode) _must_check_;
int tree_node(struct tree *tree, const char *path, mode_t mode, unsigned major,
	      unsigned minor) _must_check_;
int tree_link(struct tree *tree, const char *path, const char *target) _must_check_;
int tree_data(struct tree *tree, const char *path, mode_t mode, const void *data,
	      size_t size) _must_check_;

/*
 * A regular file of the host at the same path, with every symbolic link on the way to it. `ret_real`
 * (PATH_MAX bytes) is the path with all links followed, the entry's own. -ENOENT, with nothing recorded,
 * when there is no such file.
 */
int tree_host_file(struct tree *tree, const char *path, char *ret_real) _must_check_;

/*
 * A file or a folder with all that is below it, at `to`; links inside are kept as they are. Device files,
 * sockets and FIFOs are refused.
 */
int tree_add(struct tree *tree, const char *from, const char *to) _must_check_;
