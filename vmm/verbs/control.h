/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the main thread does during `thru run`. The machine is assembled, run and taken down by a thread
 * of its own; meanwhile the main thread listens to the operator (signals, keys) and the host (its wish for a
 * device). It takes no device lock and makes no call that may wait, so that neither the guest nor a device
 * can keep it from hearing them.
 */
#pragma once

#include <base/types.h>
#include <core/loop.h>
#include <pthread.h>

struct control {
	struct lock lock; /* of the loop's sources, never held for long; not the device lock */
	struct loop loop; /* of the main thread */
	struct loop_source signals, clock;
	/* On the main thread: what is not an end. */
	void (*button)(void *ctx); /* SIGPWR, Ctrl-A p */
	void (*stats)(void *ctx);  /* SIGUSR1 */
	void *ctx;
	/* The machine's thread. */
	void (*work)(void *ctx);
	struct loop *machine; /* where the wish to end is posted */
	pthread_t thread;
	struct error why;  /* its record, when it has ended */
	bool ended;        /* atomic */
	uint64_t asked_ns; /* when the first wish to end was passed on; 0: none yet */
	/* The heaviest so far. */
	enum vm_event wish;
	int wish_value;
	struct error wish_why;
};

/*
 * Block and watch the signals that are ours. Before any other thread. `machine` outlives control;
 * `button` and `stats` are NULL or set before control_run().
 */
int control_init(struct control *c, struct loop *machine) _must_check_;
void control_deinit(struct control *c);

/*
 * Run work(ctx) on a thread of its own until it returns; its record is then this thread's. Events posted
 * to c->loop and signals are passed on to the machine's loop at once. When the work has not returned in
 * CONTROL_PATIENCE_MS after the first of them it stands in a call to the kernel: -ETIMEDOUT, unrecorded,
 * and the thread is still there. c->wish, c->wish_value and c->wish_why tell what for; nothing that the
 * work uses may go away before the process does.
 */
int control_run(struct control *c, void (*work)(void *ctx), void *ctx) _must_check_;

#define CONTROL_PATIENCE_MS 1300
