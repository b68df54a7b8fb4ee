/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal that a guest's console is on: raw while the guest runs, as it was afterwards
 * (whatever ends the program but SIGKILL), and an escape key for the operator.
 */
#pragma once

#include <base/types.h>
#include <core/loop.h>

struct terminal {
	struct loop *loop;
	void (*power_button)(void *ctx); /* on the loop's thread, with its lock held */
	void *ctx;
	bool raw;     /* standard input is a terminal: use terminal_filter() */
	bool escaped; /* the last key was Ctrl-A */
	bool ready;   /* terminal_init() was here */
	int out_fd;   /* standard output, non-blocking; see terminal_init() */
};

/*
 * Make a terminal on standard input raw. out_fd becomes standard output for writing that never
 * waits (a regular file excepted), reopened where that works so that whoever shares the descriptor
 * sees nothing of it. Call it before threads start; terminal_deinit() is harmless without it.
 */
int terminal_init(struct terminal *t, struct loop *loop, void (*power_button)(void *ctx),
		  void *ctx) _must_check_;
void terminal_deinit(struct terminal *t);

/* Put the terminal back; safe at any time, in a signal handler too. */
void terminal_restore(void);

/*
 * The escape, for serial_config.filter (ctx: the struct terminal). Ctrl-A, then: x ends the guest
 * (VM_EVENT_SIGNAL, SIGTERM), p presses its power button, h prints help, a or Ctrl-A sends Ctrl-A.
 */
size_t terminal_filter(void *ctx, uint8_t *bytes, size_t len);
