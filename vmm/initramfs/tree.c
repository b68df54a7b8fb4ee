/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries by path: an array in the order of making, and a hash table into it.
 */
#include "tree_path.h"

#include <base/error.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ENTRIES_MAX 1000000 /* more is not a root but a mistake */
#define LINKS_MAX   40      /* as the kernel's (MAXSYMLINKS) */

void tree_deinit(struct tree *tree)
{
	for (unsigned i = 0; i < tree->n; i++) {
		free(tree->at[i].path);
		free(tree->at[i].source);
		free(tree->at[i].data);
	}
	free(tree->at);
	free(tree->slots);
	*tree = (struct tree){ 0 };
}

/* FNV-1a. Nobody gains by collisions here: whoever chooses the files waits for them himself. */
static unsigned hash(const char *path)
{
	unsigned h = 2166136261u;

	while (*path)
		h = (h ^ (unsigned char)*path++) * 16777619u;
	return h;
}

static unsigned *slot_of(struct tree *tree, const char *path)
{
	unsigned i = hash(path) & (tree->n_slots - 1);

	while (tree->slots[i] && strcmp(tree->at[tree->slots[i] - 1].path, path))
		i = (i + 1) & (tree->n_slots - 1);
	return &tree->slots[i];
}

static int no_memory(void)
{
	return fail(STATUS_HOST, ENOMEM, "initramfs: no memory for its list of files; add fewer");
}

static int grow(struct tree *tree)
{
	unsigned room = tree->room ? tree->room * 2 : 256;
	struct tree_entry *at = realloc(tree->at, room * sizeof(*at));
	unsigned *slots = calloc(room * 2, sizeof(*slots));

	if (at)
		tree->at = at;
	if (!at || !slots || room > ENTRIES_MAX * 2) {
		free(slots);
		return no_memory();
	}
	free(tree->slots);
	tree->slots = slots;
	tree->n_slots = room * 2;
	tree->room = room;
	for (unsigned i = 0; i < tree->n; i++)
		*slot_of(tree, tree->at[i].path) = i + 1;
	return 0;
}

static struct tree_entry *find(struct tree *tree, const char *path)
{
	unsigned *slot = tree->n_slots ? slot_of(tree, path) : NULL;

	return slot && *slot ? &tree->at[*slot - 1] : NULL;
}

/* Takes `source` and `data`, also when it fails. `path` is one that resolve() made. */
static int put(struct tree *tree, const char *path, struct tree_entry entry)
{
	int r = 0;

	if (!find(tree, path)) {
		if (tree->n == tree->room)
			r = grow(tree);
		entry.path = r ? NULL : strdup(path);
		if (!r && !entry.path)
			r = no_memory();
		if (!r) {
			*slot_of(tree, path) = tree->n + 1;
			tree->at[tree->n++] = entry;
			return 0;
		}
	}
	free(entry.source);
	free(entry.data);
	return r;
}

int tree_too_long(const char *path)
{
	return fail(STATUS_USAGE, ENAMETOOLONG,
		    "%.100s...: its path is too long, or its links go in a circle; give another",
		    path);
}

/* One component more, or one less for "..". */
bool tree_step(char *done, const char *name, size_t len)
{
	size_t n = strlen(done);

	if (!len || (len == 1 && name[0] == '.'))
		return true;
	if (len == 2 && name[0] == '.' && name[1] == '.') {
		char *slash = strrchr(done, '/');

		*(slash ? slash : done) = 0;
		return true;
	}
	if (n + len + 2 > PATH_MAX)
		return false;
	if (n)
		done[n++] = '/';
	memcpy(done + n, name, len);
	done[n + len] = 0;
	return true;
}

/* `target` (of a link at `done`) and then `rest` are what is left to walk. */
bool tree_follow(char *done, char *left, const char *target, const char *rest)
{
	char next[PATH_MAX];
	int n = snprintf(next, sizeof(next), "%s/%s", target, rest);
	char *slash = strrchr(done, '/');

	if (n >= PATH_MAX)
		return false;
	if (target[0] == '/')
		*done = 0;
	else
		*(slash ? slash : done) = 0;
	memcpy(left, next, (size_t)n + 1);
	return true;
}

/*
 * The path that the guest would reach by `path`: links of the tree followed, but not a last one; missing
 * folders made. `ret` has PATH_MAX bytes.
 */
static int resolve(struct tree *tree, const char *path, char *ret)
{
	char left[PATH_MAX];
	unsigned links = 0;
	int r = 0;

	if (strlen(path) >= sizeof(left))
		return tree_too_long(path);
	strcpy(left, path);
	*ret = 0;
	while (!r && *left) {
		size_t len = strcspn(left, "/"), skip = len + strspn(left + len, "/");
		struct tree_entry *entry;

		if (!tree_step(ret, left, len))
			return tree_too_long(path);
		memmove(left, left + skip, strlen(left + skip) + 1);
		if (!*left)
			break;
		entry = find(tree, ret);
		if (entry && S_ISLNK(entry->mode)) {
			if (++links > LINKS_MAX || !tree_follow(ret, left, entry->source, left))
				return tree_too_long(path);
		} else if (entry && !S_ISDIR(entry->mode)) {
			return fail(STATUS_USAGE, ENOTDIR,
				    "%s: /%s is a file in the guest, not a folder; choose another "
				    "path",
				    path, ret);
		} else if (!entry && *ret) {
			r = put(tree, ret, (struct tree_entry){ .mode = S_IFDIR | 0755 });
		}
	}
	return r;
}

/* An entry with all that it owns. */
static int make(struct tree *tree, const char *path, struct tree_entry entry)
{
	char real[PATH_MAX];
	int r = resolve(tree, path, real);

	if (r || !*real) {
		free(entry.source);
		free(entry.data);
		return r;
	}
	return put(tree, real, entry);
}

struct tree_entry *tree_find(struct tree *tree, const char *path)
{
	char real[PATH_MAX];

	return resolve(tree, path, real) ? NULL : find(tree, real);
}

int tree_dir(struct tree *tree, const char *path, mode_t mode)
{
	return make(tree, path, (struct tree_entry){ .mode = S_IFDIR | mode });
}

int tree_node(struct tree *tree, const char *path, mode_t mode, unsigned major, unsigned minor)
{
	return make(tree, path,
		    (struct tree_entry){ .mode = mode, .major = major, .minor = minor });
}

int tree_link(struct tree *tree, const char *path, const char *target)
{
	char *source = strdup(target);

	if (!source)
		return no_memory();
	return make(tree, path, (struct tree_entry){ .mode = S_IFLNK | 0777, .source = source });
}

int tree_data(struct tree *tree, const char *path, mode_t mode, const void *data, size_t size)
{
	void *copy = malloc(size + 1);

	if (!copy)
		return no_memory();
	if (size)
		memcpy(copy, data, size);
	return make(tree, path,
		    (struct tree_entry){ .mode = S_IFREG | mode, .data = copy, .size = size });
}

int tree_file(struct tree *tree, const char *path, const char *host, mode_t mode)
{
	char *source = strdup(host);

	if (!source)
		return no_memory();
	return make(tree, path,
		    (struct tree_entry){ .mode = S_IFREG | (mode & 07777), .source = source });
}
