/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of the host into the tree. What they are is looked at now and their bytes are read when the
 * archive is written (cpio.c), which refuses one that has become something else.
 */
#include "tree_path.h"

#include <base/error.h>
#include <base/fd.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40
#define DEPTH_MAX 64

static int host_link(struct tree *tree, const char *at, char *ret_target)
{
	ssize_t n = readlink(at, ret_target, PATH_MAX - 1);

	if (n < 0)
		return fail(STATUS_HOST, errno, "%s: %s; it vanished while it was looked at", at,
			    strerror(errno));
	ret_target[n] = 0;
	return tree_link(tree, at, ret_target);
}

int tree_host_file(struct tree *tree, const char *path, char *ret_real)
{
	char left[PATH_MAX], done[PATH_MAX] = "", at[PATH_MAX + 1], target[PATH_MAX];
	struct stat st = { 0 };
	unsigned links = 0;
	int r;

	if (strlen(path) >= sizeof(left))
		return tree_too_long(path);
	strcpy(left, path);
	while (*left) {
		size_t len = strcspn(left, "/"), skip = len + strspn(left + len, "/");

		if (!tree_step(done, left, len))
			return tree_too_long(path);
		memmove(left, left + skip, strlen(left + skip) + 1);
		snprintf(at, sizeof(at), "/%s", done);
		if (lstat(at, &st) < 0)
			return errno == ENOENT || errno == ENOTDIR
				       ? -ENOENT
				       : fail(STATUS_HOST, errno, "%s: %s; give what can be read",
					      at, strerror(errno));
		if (!S_ISLNK(st.st_mode))
			continue;
		r = host_link(tree, at, target);
		if (r)
			return r;
		if (++links > LINKS_MAX || !tree_follow(done, left, target, left))
			return tree_too_long(path);
	}
	if (!S_ISREG(st.st_mode))
		return -ENOENT;
	snprintf(ret_real, PATH_MAX, "%.*s", PATH_MAX - 1, at);
	return tree_file(tree, at, at, st.st_mode);
}

static int add(struct tree *tree, const char *from, const char *to, unsigned depth);

static int add_folder(struct tree *tree, const char *from, const char *to, unsigned depth)
{
	char inside[PATH_MAX], outside[PATH_MAX];
	DIR *dir = opendir(from);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return fail(STATUS_HOST, errno, "--add %s: %s; give what can be read", from,
			    strerror(errno));
	if (depth > DEPTH_MAX)
		r = tree_too_long(from);
	while (errno = 0, !r && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (snprintf(outside, PATH_MAX, "%s/%s", from, entry->d_name) >= PATH_MAX ||
		    snprintf(inside, PATH_MAX, "%s/%s", to, entry->d_name) >= PATH_MAX)
			r = tree_too_long(from);
		else
			r = add(tree, outside, inside, depth + 1);
	}
	if (!r && errno)
		r = fail(STATUS_HOST, errno, "--add %s: its files cannot be listed: %s", from,
			 strerror(errno));
	closedir(dir);
	return r;
}

static int add(struct tree *tree, const char *from, const char *to, unsigned depth)
{
	char target[PATH_MAX];
	struct stat st;
	ssize_t n;
	int r;

	/* A link that was named is what it points to; one that was found is itself. */
	if ((depth ? lstat(from, &st) : stat(from, &st)) < 0)
		return fail(STATUS_HOST, errno, "--add %s: %s; give a file or a folder", from,
			    strerror(errno));
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		return tree_file(tree, to, from, st.st_mode);
	case S_IFDIR:
		r = tree_dir(tree, to, st.st_mode & 07777);
		return r ? r : add_folder(tree, from, to, depth);
	case S_IFLNK:
		n = readlink(from, target, sizeof(target) - 1);
		if (n < 0)
			return fail(STATUS_HOST, errno, "--add %s: %s", from, strerror(errno));
		target[n] = 0;
		return tree_link(tree, to, target);
	default:
		return fail(STATUS_USAGE, EINVAL,
			    "--add %s: is a device file, a socket or a FIFO; give files and "
			    "folders",
			    from);
	}
}

int tree_add(struct tree *tree, const char *from, const char *to)
{
	return add(tree, from, to, 0);
}
