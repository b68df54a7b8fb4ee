/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One object after the other: put it into the tree, read what it needs, and the same for each of those, from a
 * list: libraries may need each other in chains of any length, and in circles. The search is ld.so(8)'s
 * without the environment, which the guest's program does not have.
 */
#include <initramfs/closure.h>

#include "needs.h"
#include "ldcache.h"

#include <base/error.h>
#include <base/fd.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __x86_64__
#define MACHINE      EM_X86_64
#define MACHINE_NAME "x86_64"
#define TRIPLET      "x86_64-linux-gnu"
#else
#define MACHINE      EM_AARCH64
#define MACHINE_NAME "aarch64"
#define TRIPLET      "aarch64-linux-gnu"
#endif

/* Where loaders look when nothing else was said: glibc's, Debian's, musl's. */
static const char *const folders[] = { "/lib/" TRIPLET, "/usr/lib/" TRIPLET,
				       "/lib64",        "/usr/lib64",
				       "/lib",          "/usr/lib",
				       "/usr/local/lib" };

struct closure {
	struct tree *tree;
	const char *program, *search;
	struct ldcache cache;
	char rpath
		[ELF_STRING_MAX]; /* the program's: its libraries' libraries are looked for there too */
	char rpath_origin[PATH_MAX];
	uint16_t machine;
	bool elf_only;
	unsigned *todo, n, room; /* entries of the tree that are to be looked into */
};

int closure_find(const char *command, const char *path, char *ret)
{
	char folder[PATH_MAX], *found;
	bool is_path = strchr(command, '/') != NULL;
	struct stat st;

	if (!*command)
		return fail(STATUS_USAGE, ENOENT, "the command is an empty word; give a program");
	while (!is_path && path && *path) {
		size_t len = strcspn(path, ":");
		int n = snprintf(folder, sizeof(folder), "%.*s/%s", (int)len, path, command);

		path += len + (path[len] == ':');
		if (!len || n >= PATH_MAX || access(folder, X_OK) || stat(folder, &st) ||
		    !S_ISREG(st.st_mode))
			continue;
		command = folder;
		is_path = true;
	}
	if (!is_path)
		return fail(STATUS_USAGE, ENOENT,
			    "%s: not found in PATH; give a path, or install it", command);
	/* Made absolute, but not real: links stay as they are. */
	found = command[0] == '/' ? strdup(command) : NULL;
	if (!found && getcwd(folder, sizeof(folder)) &&
	    asprintf(&found, "%s/%s", folder, command) < 0)
		found = NULL;
	if (found && strlen(found) >= PATH_MAX) {
		free(found);
		found = NULL;
	}
	if (!found)
		return fail(STATUS_USAGE, ENAMETOOLONG, "%s: its path is too long", command);
	strcpy(ret, found);
	free(found);
	if (access(ret, F_OK))
		return fail(STATUS_USAGE, errno, "%s: %s; give the path of a program", command,
			    strerror(errno));
	if (access(ret, X_OK))
		return fail(STATUS_USAGE, EACCES, "%s: is not executable; run: chmod +x %s",
			    command, command);
	return 0;
}

static const char *machine_name(uint16_t machine)
{
	switch (machine) {
	case EM_X86_64:
		return "x86_64";
	case EM_AARCH64:
		return "aarch64";
	case EM_386:
		return "32-bit x86";
	case EM_ARM:
		return "32-bit Arm";
	case EM_RISCV:
		return "RISC-V";
	default:
		return "another machine";
	}
}

/* Does the file at `path` suit the one that needs it? */
static bool suits(const struct closure *c, const char *path)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	uint8_t head[20];

	return fd >= 0 && !fd_read_at(fd, head, sizeof(head), 0) &&
	       !memcmp(head, ELFMAG, SELFMAG) && head[EI_CLASS] == ELFCLASS64 &&
	       (uint16_t)(head[18] | head[19] << 8) == c->machine;
}

/* A folder of an RPATH or RUNPATH: $ORIGIN is the object's own (ld.so(8), "Dynamic string tokens"). */
static bool expand(const char *word, size_t len, const char *origin, char *ret)
{
	const char *names[] = { "$ORIGIN", "${ORIGIN}" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		size_t n = strlen(names[i]);

		if (len >= n && !strncmp(word, names[i], n))
			return snprintf(ret, PATH_MAX, "%s%.*s", origin, (int)(len - n), word + n) <
			       PATH_MAX;
	}
	return word[0] == '/' && snprintf(ret, PATH_MAX, "%.*s", (int)len, word) < PATH_MAX;
}

static bool in_list(const struct closure *c, const char *list, const char *origin, const char *name,
		    char *ret)
{
	char folder[PATH_MAX];

	while (*list) {
		size_t len = strcspn(list, ":");

		if (len && expand(list, len, origin, folder) &&
		    snprintf(ret, PATH_MAX, "%s/%s", folder, name) < PATH_MAX && suits(c, ret))
			return true;
		list += len + (list[len] == ':');
	}
	return false;
}

static bool in_cache(const struct closure *c, const char *name, char *ret)
{
	const char *found;

	for (unsigned i = 0; i < 16 && (found = ldcache_find(&c->cache, name, i)); i++)
		if (strlen(found) < PATH_MAX && suits(c, found)) {
			strcpy(ret, found);
			return true;
		}
	return false;
}

static bool find_library(const struct closure *c, const struct elf_needs *needs, const char *origin,
			 const char *name, char *ret)
{
	if (strchr(name, '/'))
		return snprintf(ret, PATH_MAX, "%s", name) < PATH_MAX && suits(c, ret);
	if (!*needs->runpath && (in_list(c, needs->rpath, origin, name, ret) ||
				 in_list(c, c->rpath, c->rpath_origin, name, ret)))
		return true;
	if (in_list(c, needs->runpath, origin, name, ret) || in_cache(c, name, ret))
		return true;
	for (unsigned i = 0; i < ARRAY_SIZE(folders); i++)
		if (snprintf(ret, PATH_MAX, "%s/%s", folders[i], name) < PATH_MAX && suits(c, ret))
			return true;
	return false;
}

static int add(struct closure *c, const char *path)
{
	char real[PATH_MAX];
	struct tree_entry *entry;
	int r = tree_host_file(c->tree, path, real);

	if (r == -ENOENT)
		return fail(STATUS_USAGE, ENOENT, "%s: is no file; give the path of a program",
			    path);
	if (r)
		return r;
	entry = tree_find(c->tree, real);
	if (!entry || entry->scanned)
		return 0;
	if (c->n == c->room) {
		unsigned room = c->room ? c->room * 2 : 64;
		unsigned *todo = realloc(c->todo, room * sizeof(*todo));

		if (!todo)
			return fail(STATUS_HOST, ENOMEM,
				    "initramfs: no memory for its list of files; add fewer");
		c->todo = todo;
		c->room = room;
	}
	entry->scanned = true;
	c->todo[c->n++] = (unsigned)(entry - c->tree->at);
	return 0;
}

static int add_libraries(struct closure *c, const struct elf_needs *needs, const char *path,
			 bool is_program)
{
	char found[PATH_MAX], origin[PATH_MAX];
	int r = 0;

	snprintf(origin, sizeof(origin), "%s", path);
	*strrchr(origin, '/') = 0;
	if (is_program && !*needs->runpath) {
		strcpy(c->rpath, needs->rpath);
		strcpy(c->rpath_origin, origin);
	}
	for (unsigned i = 0; !r && i < needs->n; i++) {
		if (!find_library(c, needs, origin, needs->needed[i], found))
			return fail(STATUS_USAGE, ENOENT,
				    "%s: needs %s, which is not found here; install it", path,
				    needs->needed[i]);
		r = add(c, found);
	}
	return r;
}

static int add_elf(struct closure *c, int fd, const char *path, bool is_program)
{
	struct elf_needs needs;
	int r = elf_needs_read(fd, &needs);

	if (r)
		return fail(STATUS_USAGE, -r, "%s: is a broken ELF file; build it again", path);
	if (!needs.is_64 || needs.machine != MACHINE)
		r = fail(STATUS_USAGE, ENOEXEC,
			 "%s: is a program for %s, and the guest is " MACHINE_NAME
			 "; give one that was built for it",
			 path, machine_name(needs.machine));
	if (!r && *needs.interpreter) {
		if (needs.interpreter[0] != '/' || access(needs.interpreter, F_OK))
			r = fail(STATUS_USAGE, ENOENT,
				 "%s: its loader %s is not here; install its C library", path,
				 needs.interpreter);
		else
			r = add(c, needs.interpreter);
	}
	c->machine = needs.machine;
	if (!r)
		r = add_libraries(c, &needs, path, is_program);
	free(needs.needed);
	return r;
}

/* `#! INTERPRETER [ARGUMENT]` (execve(2)); behind env(1) it is the argument that counts. */
static int add_script(struct closure *c, const char *path, char *line)
{
	char *rest = line + 2, *program, *argument, found[PATH_MAX];
	int r;

	line[strcspn(line, "\n")] = 0;
	program = strtok_r(rest, " \t\r", &rest);
	argument = strtok_r(NULL, " \t\r", &rest);
	/* env(1)'s options, and NAME=VALUE */
	while (argument && (argument[0] == '-' || strchr(argument, '=')))
		argument = strtok_r(NULL, " \t\r", &rest);
	if (!program || program[0] != '/' || access(program, X_OK))
		return fail(STATUS_USAGE, ENOENT,
			    "%s: its interpreter %.200s is not here; install it", path,
			    program ? program : "(none)");
	r = add(c, program);
	if (r || !argument || strcmp(strrchr(program, '/'), "/env"))
		return r;
	r = closure_find(argument, c->search, found);
	return r ? r : add(c, found);
}

/* What an entry of the tree needs. */
static int look_into(struct closure *c, unsigned entry, bool is_program)
{
	char path[PATH_MAX], head[512] = { 0 };
	_cleanup_fd_ int fd = -1;

	/* One that is somewhere else in the guest than here is read here. */
	if (c->tree->at[entry].source)
		snprintf(path, sizeof(path), "%s", c->tree->at[entry].source);
	else
		snprintf(path, sizeof(path), "/%s", c->tree->at[entry].path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || pread(fd, head, sizeof(head) - 1, 0) < 0)
		return fail(STATUS_USAGE, errno, "%s: %s; make it readable", path, strerror(errno));
	if (!memcmp(head, "#!", 2))
		return c->elf_only ? 0 : add_script(c, path, head);
	if (!memcmp(head, ELFMAG, SELFMAG))
		return add_elf(c, fd, path, is_program);
	return 0; /* the shell that is asked to run it will say what it thinks of it */
}

void closure_complete(struct tree *tree, unsigned first)
{
	struct closure c = { .tree = tree, .elf_only = true };
	unsigned end = tree->n;

	ldcache_read(LDCACHE_PATH, &c.cache);
	for (unsigned i = first; i < end; i++) {
		struct tree_entry *entry = &tree->at[i];

		if (!S_ISREG(entry->mode) || !(entry->mode & 0111) || !entry->source ||
		    entry->scanned)
			continue;
		entry->scanned = true;
		c.machine = MACHINE;
		c.program = entry->source;
		if (!look_into(&c, i, true))
			for (unsigned k = 0; k < c.n && !look_into(&c, c.todo[k], false); k++)
				;
		c.n = 0;
		error_clear();
	}
	free(c.todo);
	ldcache_deinit(&c.cache);
}

int closure_add(struct tree *tree, const char *program, const char *search)
{
	struct closure c = { .tree = tree, .program = program, .search = search };
	char real[PATH_MAX];
	int r;

	c.machine = MACHINE;
	ldcache_read(LDCACHE_PATH, &c.cache);
	r = add(&c, program);
	for (unsigned i = 0; !r && i < c.n; i++)
		r = look_into(&c, c.todo[i], !i);
	/* The loader in the guest finds them by the same index, where there is one. */
	if (!r && c.cache.bytes)
		r = tree_host_file(tree, LDCACHE_PATH, real);
	if (r == -ENOENT && !*error_message())
		r = fail(STATUS_HOST, ENOENT, "%s: it vanished while it was read; try again",
			 LDCACHE_PATH);
	free(c.todo);
	ldcache_deinit(&c.cache);
	return r;
}
