/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal that a guest's console is on: raw while the guest runs, as it was afterwards
 * (whatever ends the program but SIGKILL), and an escape key for the operator. It is read by the main
 * thread whatever the guest does; what is for the guest waits in a pipe.
 */
#pragma once

#include <base/types.h>
#include <core/loop.h>

struct terminal {
	struct loop *loop;               /* control's */
	void (*power_button)(void *ctx); /* on its thread */
	void *ctx;
	struct loop_source keys;
	bool own_keys; /* keys.fd is ours to close */
	bool escaped;  /* the last key was Ctrl-A */
	bool ready;    /* terminal_init() was here */
	bool watched;  /* the keys are */
	int guest_fd;  /* the pipe's end where keys for the guest go in */
	int in_fd; /* what the guest's console reads, never waiting: that pipe, or standard input */
	int out_fd;  /* standard output, non-blocking; see terminal_init() */
	bool pumped; /* standard output has a thread between */
	pthread_t pump;
	uint64_t dropped; /* keys that found the pipe full */
};

/*
 * Make a terminal on standard input raw and watch its keys. Ctrl-A, then: x ends the guest
 * (VM_EVENT_SIGNAL, SIGTERM), p presses its power button, h prints help, a or Ctrl-A sends Ctrl-A. out_fd
 * becomes standard output for writing that never waits (a regular file excepted); whoever shares the
 * descriptor sees nothing of it. Call it before threads start; terminal_deinit() is harmless without it.
 */
int terminal_init(struct terminal *t, struct loop *loop, void (*power_button)(void *ctx),
		  void *ctx) _must_check_;
/* What the guest said last is given `ms` to reach a slow reader. */
void terminal_deinit(struct terminal *t, unsigned ms);

/* Put the terminal back; safe at any time, in a signal handler too. */
void terminal_restore(void);

/* Take the escapes out of what was typed; returns the bytes left for the guest. For tests, too. */
size_t terminal_filter(struct terminal *t, uint8_t *bytes, size_t len);
