/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Of all modules of a folder those asked for, depth first. The kernel takes '-' and '_' in names for the
 * same (kernel/module/main.c), and so do the comparisons here.
 */
#include <initramfs/modules.h>

#include "modinfo.h"
#include "module_list.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEPTH_MAX  16
#define MODULE_MAX (256u << 20)

extern char **environ;

struct modules {
	struct tree *tree;
	const char *folder;
	struct module_list list;
	unsigned added;
};

/* The name that a path means, compared with one that is asked for. */
static bool has_name(const char *path, const char *name)
{
	const char *base = strrchr(path, '/');

	for (base = base ? base + 1 : path; *name; base++, name++)
		if (*base != *name && !(strchr("-_", *name) && *base && strchr("-_", *base)))
			return false;
	return !strncmp(base, ".ko", 3);
}

/* Its bytes, unpacked, as a descriptor. */
static int unpack(const char *path, const char *program, int *ret_fd)
{
	char *argv[] = { (char *)(uintptr_t)program, (char[]){ "-dc" }, (char *)(uintptr_t)path,
			 NULL };
	_cleanup_fd_ int fd = memfd_create("module", MFD_CLOEXEC);
	posix_spawn_file_actions_t actions;
	int r, status;
	pid_t pid;

	if (fd < 0)
		return fail(STATUS_HOST, errno, "%s: %s", path, strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fd, 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	r = posix_spawnp(&pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (r)
		return fail(STATUS_HOST, r,
			    "%s: is compressed, and %s cannot be run: %s; install it", path,
			    program, strerror(r));
	if (waitpid(pid, &status, 0) < 0 || status)
		return fail(STATUS_USAGE, EIO, "%s: %s cannot unpack it; install the kernel again",
			    path, program);
	*ret_fd = fd;
	fd = -1;
	return 0;
}

/* Where a listed module really is: the list of a build tree has no kernel/, that of a packed one no suffix. */
static int open_module(const struct modules *m, const char *listed, int *ret_fd)
{
	static const char kernel[] = "kernel/";
	const char *bare = strncmp(listed, kernel, strlen(kernel)) ? listed
								   : listed + strlen(kernel);
	const char *names[] = { listed, bare };
	char path[PATH_MAX];
	size_t len = strlen(listed);

	for (unsigned i = 0; i < MODULE_PACKERS; i++) {
		const char *suffix = module_packers[i].suffix;
		bool has = len > strlen(suffix) && !strcmp(listed + len - strlen(suffix), suffix);

		snprintf(path, sizeof(path), "%s/%s%s", m->folder, listed, has ? "" : suffix);
		if (!access(path, R_OK))
			return unpack(path, module_packers[i].program, ret_fd);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", m->folder, names[i]);
		*ret_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (*ret_fd >= 0)
			return 0;
	}
	return fail(STATUS_USAGE, ENOENT,
		    "%s: modules.order names %s, which is not there; run make modules there",
		    m->folder, listed);
}

static int put(struct modules *m, const char *listed, int fd)
{
	const char *base = strrchr(listed, '/');
	char path[NAME_MAX + 64];
	struct stat st;
	void *bytes;
	int r;

	base = base ? base + 1 : listed;
	snprintf(path, sizeof(path), MODULES_FOLDER "/%03u-%.*s", m->added, (int)strcspn(base, "."),
		 base);
	if (fstat(fd, &st) < 0 || st.st_size > MODULE_MAX ||
	    !(bytes = malloc((size_t)st.st_size + 1)))
		return fail(STATUS_HOST, ENOMEM, "%s: too large for a module", listed);
	r = fd_read_at(fd, bytes, (size_t)st.st_size, 0);
	if (r)
		r = fail(STATUS_HOST, EIO, "%s/%s: changed while it was read", m->folder, listed);
	else
		r = tree_data(m->tree, path, 0644, bytes, (size_t)st.st_size);
	free(bytes);
	m->added += !r;
	return r;
}

static int add(struct modules *m, const char *name, unsigned depth);

static int add_file(struct modules *m, struct module_file *file, unsigned depth)
{
	char depends[4096], *rest = depends, *word;
	struct modinfo info = { 0 };
	_cleanup_fd_ int fd = -1;
	const char *value;
	int r;

	if (file->added || depth > DEPTH_MAX)
		return 0;
	file->added = true;
	r = open_module(m, file->path, &fd);
	if (r)
		return r;
	if (modinfo_read(fd, &info))
		return fail(STATUS_USAGE, ENOEXEC, "%s/%s: is no kernel module; build it again",
			    m->folder, file->path);
	value = modinfo_value(&info, "depends", 0);
	snprintf(depends, sizeof(depends), "%s", value ? value : "");
	free(info.text);
	while (!r && (word = strsep(&rest, ",")))
		if (*word)
			r = add(m, word, depth + 1);
	return r ? r : put(m, file->path, fd);
}

static int add(struct modules *m, const char *name, unsigned depth)
{
	for (unsigned i = 0; i < m->list.n; i++)
		if (has_name(m->list.at[i].path, name))
			return add_file(m, &m->list.at[i], depth);
	return 0;
}

static bool any(const char *pattern, const char *const *aliases)
{
	for (; *aliases; aliases++)
		if (!fnmatch(pattern, *aliases, 0))
			return true;
	return false;
}

/* `alias PATTERN MODULE` (modules.alias, depmod(8)). */
static int add_by_list(struct modules *m, FILE *list, const char *const *aliases)
{
	char line[2048], pattern[1024], name[256];
	int r = 0;

	while (!r && fgets(line, sizeof(line), list))
		if (sscanf(line, "alias %1023s %255s", pattern, name) == 2 && any(pattern, aliases))
			r = add(m, name, 0);
	return r;
}

static int add_by_modinfo(struct modules *m, struct module_file *file, const char *const *aliases)
{
	struct modinfo info;
	const char *pattern;
	_cleanup_fd_ int fd = -1;
	bool found = false;
	int r = open_module(m, file->path, &fd);

	if (r)
		return r;
	if (modinfo_read(fd, &info))
		return 0;
	for (unsigned i = 0; !found && (pattern = modinfo_value(&info, "alias", i)); i++)
		found = any(pattern, aliases);
	free(info.text);
	return found ? add_file(m, file, 0) : 0;
}

static int add_aliases(struct modules *m, const char *const *aliases)
{
	char path[PATH_MAX];
	FILE *known;
	int r = 0;

	if (!*aliases)
		return 0;
	snprintf(path, sizeof(path), "%s/modules.alias", m->folder);
	known = fopen(path, "re");
	if (known) {
		r = add_by_list(m, known, aliases);
		fclose(known);
		return r;
	}
	for (unsigned i = 0; !r && i < m->list.n; i++)
		if (strstr(m->list.at[i].path, "drivers/") || !strchr(m->list.at[i].path, '/'))
			r = add_by_modinfo(m, &m->list.at[i], aliases);
	return r;
}

int modules_add(struct tree *tree, const char *folder, const char *const *names,
		const char *const *aliases, unsigned *ret_n)
{
	struct modules m = { .tree = tree, .folder = folder };
	int r = module_list_read(folder, &m.list);

	for (; !r && *names; names++)
		r = add(&m, *names, 0);
	if (!r)
		r = add_aliases(&m, aliases);
	module_list_free(&m.list);
	*ret_n = m.added;
	return r;
}
