/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For code that opens files by names that it reads somewhere: only those in fuzz_folder() are there, and no device is
 * opened by chance. The linker has these called (--wrap, tests/fuzz/meson.build).
 */
#pragma once

#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/stat.h>

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
int __real_stat64(const char *path, struct stat *st);
int __wrap_stat64(const char *path, struct stat *st);
int __real_lstat64(const char *path, struct stat *st);
int __wrap_lstat64(const char *path, struct stat *st);
ssize_t __real_readlink(const char *path, char *buf, size_t n);
ssize_t __wrap_readlink(const char *path, char *buf, size_t n);

/* A path that leaves it by ".." is outside, too. */
static bool jail_holds(const char *path)
{
	const char *folder = fuzz_folder();
	size_t n = strlen(folder);

	if (!strncmp(path, folder, n) && (!path[n] || path[n] == '/') && !strstr(path, ".."))
		return true;
	errno = ENOENT;
	return false;
}

int __wrap_open64(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (flags & O_CREAT)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return jail_holds(path) ? __real_open64(path, flags, mode) : -1;
}

int __wrap_access(const char *path, int mode)
{
	return jail_holds(path) ? __real_access(path, mode) : -1;
}

int __wrap_stat64(const char *path, struct stat *st)
{
	return jail_holds(path) ? __real_stat64(path, st) : -1;
}

/* Folders above ours are looked at on the way to it. */
int __wrap_lstat64(const char *path, struct stat *st)
{
	size_t n = strlen(path);
	bool above = n == 1 || (!strncmp(path, fuzz_folder(), n) && fuzz_folder()[n] == '/');

	return above || jail_holds(path) ? __real_lstat64(path, st) : -1;
}

ssize_t __wrap_readlink(const char *path, char *buf, size_t n)
{
	return jail_holds(path) ? __real_readlink(path, buf, n) : -1;
}
