/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entropy device (VIRTIO 1.3 §5.4): one queue, no features, no configuration. A request is filled from
 * getrandom(2), at most VIRTIO_RNG_REQUEST bytes of it: a device may write less than there is room for.
 * Runs on the worker's thread.
 */
#include "worker.h"

#include <base/error.h>
#include <base/fd.h>
#include <devices/virtio_rng.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <sys/random.h>

#define ENTRIES 64
/* Base class FFh: fits no other (PCI Code and ID Assignment 1.15, §1.20); revision 1. */
#define CLASS_OTHER 0xff000001

struct virtio_rng {
	struct virtio_device dev;
	struct virtio_worker worker;
	struct virtio_chain chain;
	uint8_t bytes[VIRTIO_RNG_REQUEST];
};

static struct virtio_rng *of_device(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_rng, dev);
}

static void serve(struct virtio_rng *rng)
{
	struct virtio_chain *chain = &rng->chain;
	ssize_t n = getrandom(rng->bytes, MIN(chain->in_len, sizeof(rng->bytes)), 0);
	size_t written = 0;

	if (n > 0)
		written = virtio_iov_write(chain->iov + chain->n_out, chain->n_in, 0, rng->bytes,
					   (size_t)n);
	virtio_queue_push(&rng->dev.queues[0], chain->head, (uint32_t)written);
}

/* As many as the queue holds at most, then who stops the device gets his turn. */
static void work(struct virtio_worker *worker, unsigned queue)
{
	struct virtio_rng *rng = container_of(worker, struct virtio_rng, worker);
	struct virtio_queue *q = &rng->dev.queues[0];

	for (unsigned i = 0; i < ENTRIES && virtio_queue_pop(q, &rng->chain); i++)
		serve(rng);
	virtio_device_interrupt(&rng->dev, 0);
	if (virtio_queue_listen(q))
		fd_event_signal(q->kick_fd);
	if (q->broken)
		virtio_device_needs_reset(&rng->dev, "its queue", q->why);
}

static void rng_start(struct virtio_device *dev)
{
	virtio_worker_start(&of_device(dev)->worker);
}

static void rng_stop(struct virtio_device *dev)
{
	virtio_worker_stop(&of_device(dev)->worker);
}

static const struct virtio_device_ops rng_ops = { .start = rng_start, .stop = rng_stop };

int virtio_rng_create(struct virtio_rng **ret)
{
	struct virtio_rng *rng = calloc(1, sizeof(*rng));
	int r;

	if (!rng)
		return fail(STATUS_FAILURE, ENOMEM, "virtio rng: out of memory");
	rng->dev = (struct virtio_device){
		.ops = &rng_ops,
		.name = "virtio rng",
		.type = VIRTIO_ID_RNG,
		.pci_class = CLASS_OTHER,
	};
	virtio_device_init(&rng->dev);
	rng->worker.dev = &rng->dev;
	rng->worker.work = work;
	r = virtio_worker_init(&rng->worker, 1, ENTRIES);
	if (r) {
		virtio_rng_destroy(rng);
		return r;
	}
	*ret = rng;
	return 0;
}

void virtio_rng_destroy(struct virtio_rng *rng)
{
	if (!rng)
		return;
	virtio_worker_deinit(&rng->worker);
	virtio_device_deinit(&rng->dev);
	free(rng);
}

struct virtio_device *virtio_rng_device(struct virtio_rng *rng)
{
	return &rng->dev;
}
