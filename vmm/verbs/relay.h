/* SPDX-License-Identifier: BSD-2-Clause */
/* A terminal of its own for a command that is somebody else's. */
#pragma once

#include <base/types.h>
#include <sys/types.h>

struct relay {
	int ptmx;    /* the other end of the command's terminal */
	int in, out; /* the operator's */
	int signals;
	pid_t command;
};

/*
 * When one of the descriptors 0 to 2 is a terminal: fork. 0 in the child, whose terminal is a new one
 * that belongs to `uid`; 1 in the parent, which closes what it has beside it and calls relay_run().
 * With none, 0 without a fork. Either way the caller's terminal is out of reach for whoever got 0.
 */
int relay_start(struct relay *r, uid_t uid) _must_check_;

/* Carry bytes and signals until the command has ended; its exit status, or 128 + N. */
int relay_run(struct relay *r);
