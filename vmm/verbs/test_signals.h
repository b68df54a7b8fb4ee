/* SPDX-License-Identifier: BSD-2-Clause */
/* The signals that end a test, or tell of its children, as a descriptor (test_signals.c). */
#pragma once

#include <base/error.h>
#include <signal.h>

/*
 * SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD, and `more` if it is not 0, are blocked and come through *ret_fd
 * from now on; SIGPIPE is ignored. *ret_before: what was blocked before; may be NULL.
 */
int test_signals_open(int more, sigset_t *ret_before, int *ret_fd) _must_check_;
