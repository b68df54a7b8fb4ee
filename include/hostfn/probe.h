/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host offers and what decides whether a function can be given to a guest, one check a row,
 * each asked of the kernel itself.
 */
#pragma once

#include <base/types.h>
#include <host/sysfs.h>

enum probe_status {
	PROBE_OK,
	PROBE_NO,      /* not there, and not needed for a guest to run */
	PROBE_BAD,     /* stands in the way; `mend` says what to do */
	PROBE_UNKNOWN, /* could not be asked; `mend` says how it can be */
};

struct probe_row {
	const char *key; /* an interface: thru(1), JSON */
	enum probe_status status;
	char value[256];
	char mend[320]; /* "": nothing to do */
};

#define PROBE_ROWS 48

struct probe {
	struct probe_row rows[PROBE_ROWS];
	unsigned n;
};

/* Add a row, then what mends it. */
void probe_add(struct probe *p, const char *key, enum probe_status status, const char *fmt, ...)
	_printf_(4, 5);
void probe_mend(struct probe *p, const char *fmt, ...) _printf_(2, 3);

/* What files tell: sysfs and procfs, below sysfs_set_root(). */
void probe_files(struct probe *p);
void probe_function_files(struct probe *p, const struct host_function *fn);

/* What only calls tell: KVM, iommufd; a function that is bound and not in use. */
void probe_kernel(struct probe *p);
void probe_function_calls(struct probe *p, const struct host_function *fn);
