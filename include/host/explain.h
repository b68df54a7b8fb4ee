/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru run --explain`: the calls to the kernel, told as they are made, with the reason for each and
 * the kernel's own document. Off, it costs each call one test of `explain_on`. Any thread.
 */
#pragma once

#include <host/sysfs.h>

/* Only explain_start() sets it, before there is a second thread. */
extern bool explain_on;

/* From here on tell every call on `fd` (standard error); explain_stop() writes what waits. */
void explain_start(int fd);
/* -EIO: something could not be written; a reader that was too slow is told of otherwise. */
int explain_stop(void);

/* What is being done: a heading before the next call. Nothing when off. */
void explain_phase(const char *what);

/* The functions below are for whoever makes a call, and only when explain_on. */

/* An ioctl that began at `began` (clock_ns()) and gave `result` (or -errno). Decodes `arg` by `name`. */
void explain_ioctl(const char *name, int fd, const void *arg, int result, uint64_t began);

/* `fd` is this device: of the functions beside it the kernel tells 16 bits of their domain. */
void explain_device(int fd, struct bdf bdf);

/* Another call: `name` has a row of its own, the arguments are decoded by the caller. */
void explain_call(const char *name, int fd, int result, uint64_t began, const char *fmt, ...)
	_printf_(5, 6);

/* A read or write of a device's region at `at` in its cdev. Told in sums. */
void explain_access(int fd, uint64_t at, bool is_write, int result);
