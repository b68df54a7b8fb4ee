/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread of a virtio device that works in this process: it waits for the doorbells of the device's
 * queues, which come from KVM, and calls `work` with the worker's lock held. It never takes the device
 * lock; a vcpu takes the worker's lock, below the device lock, to start and to stop it.
 *
 * `work` may give the lock back while it waits for the kernel (a disk). Then it counts itself `busy`, and
 * virtio_worker_stop() waits for that count: when it returns, nobody touches a queue or guest memory.
 */
#pragma once

#include "device.h"

#include <core/lock.h>
#include <core/loop.h>

struct worker_kick {
	struct loop_source source;
	struct virtio_worker *worker;
	unsigned queue;
};

struct virtio_worker {
	struct virtio_device *dev; /* its queues and n_queues are the worker's to fill */
	void (*work)(struct virtio_worker *worker, unsigned queue);

	struct lock lock;
	struct loop loop;
	pthread_t thread;
	bool has_loop, has_thread;
	bool running;  /* between start and stop: queues may be used; under the lock */
	unsigned busy; /* who uses guest memory without the lock */
	struct worker_kick *kicks;
	unsigned n_made;
};

/*
 * Make `n` queues of `entries`, and the thread. On failure virtio_worker_deinit() cleans up what there
 * is, as it does later; before the seal, and after signals are blocked.
 */
int virtio_worker_init(struct virtio_worker *worker, unsigned n, uint16_t entries) _must_check_;
/*
 * The same in its steps, for queues of several sizes and for sources of the device's own in the loop: the
 * loop, and room for `n` queues; the next of the queues, n times; the thread.
 */
int virtio_worker_prepare(struct virtio_worker *worker, unsigned n) _must_check_;
int virtio_worker_add_queue(struct virtio_worker *worker, uint16_t entries) _must_check_;
int virtio_worker_launch(struct virtio_worker *worker) _must_check_;
/* Sources of the device's own are removed before, with the lock held. */
void virtio_worker_deinit(struct virtio_worker *worker);

/* For virtio_device_ops. What was in the queues before the start is looked at, too. */
void virtio_worker_start(struct virtio_worker *worker);
void virtio_worker_stop(struct virtio_worker *worker);
