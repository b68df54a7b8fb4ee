/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of the host below the root that tests may move: paths, text, module parameters.
 *
 * Main thread.
 */
#include "sysfs_path.h"

#include <base/fd.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *root = "";

void sysfs_set_root(const char *prefix)
{
	root = prefix ? prefix : "";
}

static void make_path(char path[PATH_MAX], const char *fmt, va_list ap)
{
	size_t n = (size_t)snprintf(path, PATH_MAX, "%s", root);

	if (n < PATH_MAX)
		vsnprintf(path + n, PATH_MAX - n, fmt, ap);
}

void sysfs_path(char path[PATH_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	make_path(path, fmt, ap);
	va_end(ap);
}

void sysfs_last(const char *path, char *text, size_t size)
{
	char target[PATH_MAX];
	const char *last;
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	text[0] = 0;
	if (n <= 0)
		return;
	target[n] = 0;
	last = strrchr(target, '/');
	snprintf(text, size, "%.*s", (int)size - 1, last ? last + 1 : target);
}

/* All of a file that fits; what cannot be opened (a negative `fd`) or read is "" and false. */
static bool read_text(int fd, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n = fd < 0 ? -1 : 1;

	while (n > 0 && used < size - 1) {
		n = read(fd, text + used, size - 1 - used);
		used += n > 0 ? (size_t)n : 0;
	}
	text[n < 0 ? 0 : used] = 0;
	return n >= 0;
}

bool sysfs_read(const char *path, char *text, size_t size)
{
	char whole[PATH_MAX];
	_cleanup_fd_ int fd = -1;

	sysfs_path(whole, "%s", path);
	fd = open(whole, O_RDONLY | O_CLOEXEC);
	return read_text(fd, text, size);
}

const char *sysfs_field(const char *text, const char *name)
{
	const char *line = text;

	while (line && strncmp(line, name, strlen(name)) != 0) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return line ? line + strlen(name) : NULL;
}

bool sysfs_exists(const char *path)
{
	char whole[PATH_MAX];

	sysfs_path(whole, "%s", path);
	/* In a folder that is closed to us it may be; what we lack then is permission. */
	return access(whole, F_OK) == 0 || errno == EACCES;
}

bool sysfs_may_open(const char *path)
{
	char whole[PATH_MAX];

	sysfs_path(whole, "%s", path);
	return access(whole, R_OK | W_OK) == 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void sysfs_names(const char *path, struct sysfs_names *ret)
{
	char whole[PATH_MAX], **more;
	struct dirent *entry;
	DIR *dir;

	*ret = (struct sysfs_names){ .n = 0 };
	sysfs_path(whole, "%s", path);
	dir = opendir(whole);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		more = reallocarray(ret->at, ret->n + 1, sizeof(*more));
		if (!more)
			break;
		ret->at = more;
		ret->at[ret->n] = strdup(entry->d_name);
		if (!ret->at[ret->n])
			break;
		ret->n++;
	}
	if (dir)
		closedir(dir);
	if (ret->n)
		qsort(ret->at, ret->n, sizeof(*ret->at), by_text);
}

void sysfs_names_free(struct sysfs_names *names)
{
	while (names->n)
		free(names->at[--names->n]);
	free(names->at);
	names->at = NULL;
}

bool sysfs_is_below(const char *path, const char *above)
{
	char whole[PATH_MAX], real[PATH_MAX], real_above[PATH_MAX];
	size_t len;

	sysfs_path(whole, "%s", path);
	if (!realpath(whole, real))
		return false;
	sysfs_path(whole, "%s", above);
	if (!realpath(whole, real_above))
		return false;
	len = strlen(real_above);
	return !strncmp(real, real_above, len) && (real[len] == '/' || !real[len]);
}

int sysfs_open(int flags, const char *fmt, va_list ap)
{
	char path[PATH_MAX];
	int fd;

	make_path(path, fmt, ap);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

bool sysfs_line(char *text, size_t size, const char *fmt, ...)
{
	_cleanup_fd_ int fd = -1;
	va_list ap;
	bool whole;

	va_start(ap, fmt);
	fd = sysfs_open(O_RDONLY, fmt, ap);
	va_end(ap);
	whole = read_text(fd, text, size);
	text[strcspn(text, "\n")] = 0;
	return whole;
}

bool sysfs_parameter(const char *module, const char *name)
{
	char text[8];

	return sysfs_line(text, sizeof(text), "/sys/module/%s/parameters/%s", module, name) &&
	       (!strcmp(text, "Y") || !strcmp(text, "1"));
}

bool sysfs_cmdline_has(const char *option)
{
	char text[4096], *rest = text, *word;

	if (!sysfs_line(text, sizeof(text), "/proc/cmdline"))
		return false;
	while ((word = strsep(&rest, " ")))
		if (strlen(option) == strcspn(word, "=") && !strncmp(word, option, strlen(option)))
			return true;
	return false;
}
