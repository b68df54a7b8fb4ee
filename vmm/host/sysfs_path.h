/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of sysfs share. */
#pragma once

#include <host/sysfs.h>
#include <limits.h>
#include <stdarg.h>

/* A path below the root, cut when it is too long. */
void sysfs_path(char path[PATH_MAX], const char *fmt, ...) _printf_(2, 3);

/* The same, opened (open(2) flags; close-on-exec is added): a descriptor or -errno, nothing recorded. */
int sysfs_open(int flags, const char *fmt, va_list ap) _printf_(2, 0);

/* The first line of such a file, without its newline; "" and false when it cannot be read. */
bool sysfs_line(char *text, size_t size, const char *fmt, ...) _printf_(3, 4);

/* Where a link of a function points to: the last component, or "". */
void sysfs_link(const char *bdf, const char *name, char *text, size_t size);
void sysfs_last(const char *path, char *text, size_t size); /* the same of any link */

/* An attribute of a function, without its newline; "" when it is not there. */
void sysfs_attribute(const char *bdf, const char *name, char *text, size_t size);

/* The VFIO device of a function, where it has one. */
void sysfs_read_cdev(const char *bdf, struct host_function *fn);

/* False when there is no such function, or no longer. */
bool sysfs_read_function(struct bdf bdf, struct host_function *fn);
