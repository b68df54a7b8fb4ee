/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the narrator (tell.c) and what it knows of each call (calls.c).
 */
#pragma once

#include <host/explain.h>
#include <host/seal.h>
#include <stdarg.h>

/* A call being put into words. */
struct told {
	char args[1024]; /* "slot 0, guest 0x0-0x9ffff, ..." */
	size_t n;
	char on[64];           /* what the call is made on: "kvm-vm" */
	struct bdf bdf;        /* of the device that it is made on, where known */
	const char *why, *see; /* the row's; a decoder that knows better changes them */
};

void told_add(struct told *t, const char *fmt, ...) _printf_(2, 3);
void told_vadd(struct told *t, const char *fmt, va_list ap) _printf_(2, 0);

/* A name for what the descriptor is: "kvm-vm", "vfio0", "eventfd". */
void told_fd(struct told *t, int fd);
void told_fd_name(int fd, char *name, size_t size);

struct explain_row {
	const char *name;
	/* An ioctl: its number, what it is made on, and whether still when this process is sealed. */
	unsigned long request;
	unsigned on; /* SEAL_ON_* */
	enum seal_when when;
	const char *why;
	const char *see; /* document: section, or uapi header */
	/* `result` is negative when the call failed: what it would have answered is not there. */
	void (*decode)(struct told *t, const void *arg, int result);
	bool gives_fd; /* the result is a descriptor */
	bool often;    /* while the guest runs: told in sums */
};

#define CALL(request, on, when) #request, request, on, when
#define NO_IOCTL(name)          name, 0, 0, 0

/* NULL: not known. */
const struct explain_row *explain_row(const char *name);

/* The rows one after the other, NULL behind the last. */
const struct explain_row *explain_row_at(unsigned i);
