/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one error dialect. A function that can fail returns 0 or a negative errno. The place that
 * *knows* what went wrong records one line for the operator with fail(): it names the object, says
 * what is wrong and what to do. Everyone above passes the number up unchanged; main() prints the
 * line once and exits with the recorded status. Guest misbehaviour is never an error (see log.h).
 *
 * A record is its thread's own, until it is dropped or handed over: with an event (loop.h), or by a thread
 * that ends to the one that joins it. So an attempt that failed on one thread does not hide why another one
 * failed.
 */
#pragma once

#include <base/types.h>

/* Documented in thru(1), EXIT STATUS. The numbers are an interface: scripts test them. */
enum exit_status {
	STATUS_OK = 0,            /* the guest powered off, or the verb did what it was asked */
	STATUS_FAILURE = 1,       /* something that has no number of its own: a refused call */
	STATUS_USAGE = 2,         /* an option is unknown, malformed or contradicts another */
	STATUS_HOST = 3,          /* the host is not ready: KVM, VFIO, IOMMU, limits, memory */
	STATUS_IMAGE = 4,         /* the kernel or the initrd cannot be booted */
	STATUS_DEVICE_LOST = 5,   /* a passed device vanished or failed while the guest ran */
	STATUS_OUTPUT = 6,        /* console or log output could not be written */
	STATUS_GUEST_PANIC = 10,  /* the guest's kernel reported a panic (pvpanic) */
	STATUS_GUEST_CRASH = 11,  /* the guest's processor gave up: triple fault */
	STATUS_GUEST_REBOOT = 12, /* the guest asked for a reboot and --on-reboot is exit */
	STATUS_GUEST_STUCK = 13,  /* KVM cannot run the guest on: instruction it cannot emulate */
	STATUS_SEALED = 14,       /* a call to the kernel was refused after the start (--sandbox) */
	STATUS_SIGNAL = 128,      /* plus the signal's number: SIGINT 130, SIGTERM 143 */
};

/* A recorded reason, to be handed over. */
struct error {
	enum exit_status status;
	char text[1024]; /* "": none */
};

/*
 * Record why something failed and return -errnum (errnum is positive, as in errno).
 * This thread's first record wins until error_clear(): it is nearest to the cause.
 * The text has no newline and no "thru:" prefix; it reads "OBJECT: what is wrong; what to do". One that ends
 * with strerror(errnum), or is of ENOMEM, gets what to do by the errno; so does each of too many open files.
 */
int fail(enum exit_status status, int errnum, const char *fmt, ...) _printf_(3, 4);

/* This thread's line, or "" when there is none. Valid until error_clear(). */
const char *error_message(void);

/* The status that goes with error_message(); STATUS_FAILURE when nothing was recorded. */
enum exit_status error_status(void);

/* Forget the record: for callers that probe (`thru devices`) and for tests. */
void error_clear(void);

/* Hand over: take this thread's record away; put one in its place, whatever was there. */
void error_take(struct error *ret);
void error_put(const struct error *error);
