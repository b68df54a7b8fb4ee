/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Life of a worker: the loop of its thread, and the doorbells in it. The thread runs from init to deinit,
 * also while no machine has the device.
 */
#include "worker.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

/* On the worker's thread, with its lock. */
static void kicked(struct loop_source *source, uint32_t events)
{
	struct worker_kick *kick = container_of(source, struct worker_kick, source);
	struct virtio_worker *worker = kick->worker;

	fd_event_take(source->fd);
	if (worker->running && !virtio_device_broken(worker->dev))
		worker->work(worker, kick->queue);
}

static void *run(void *arg)
{
	struct virtio_worker *worker = arg;
	int value;

	loop_run(&worker->loop, &value);
	return NULL;
}

int virtio_worker_add_queue(struct virtio_worker *worker, uint16_t entries)
{
	unsigned i = worker->n_made;
	struct virtio_queue *q = &worker->dev->queues[i];
	struct worker_kick *kick = &worker->kicks[i];
	int r = virtio_queue_init(q, entries);

	if (r)
		return r;
	worker->n_made++;
	*kick = (struct worker_kick){ { q->kick_fd, kicked }, worker, i };
	r = loop_add(&worker->loop, &kick->source, EPOLLIN);
	return r ? fail(STATUS_HOST, -r, "%s: doorbell: %s", worker->dev->name, strerror(-r)) : 0;
}

int virtio_worker_prepare(struct virtio_worker *worker, unsigned n)
{
	const char *name = worker->dev->name;
	int r;

	lock_init(&worker->lock);
	r = loop_init(&worker->loop, &worker->lock);
	worker->has_loop = true;
	worker->dev->n_queues = n;
	worker->dev->queues = calloc(n, sizeof(*worker->dev->queues));
	worker->kicks = calloc(n, sizeof(*worker->kicks));
	if (!r && (!worker->dev->queues || !worker->kicks))
		r = fail(STATUS_FAILURE, ENOMEM, "%s: out of memory", name);
	return r;
}

int virtio_worker_launch(struct virtio_worker *worker)
{
	int r = pthread_create(&worker->thread, NULL, run, worker);

	worker->has_thread = !r;
	return r ? fail(STATUS_HOST, r, "%s: no thread: %s", worker->dev->name, strerror(r)) : 0;
}

int virtio_worker_init(struct virtio_worker *worker, unsigned n, uint16_t entries)
{
	int r = virtio_worker_prepare(worker, n);

	while (!r && worker->n_made < n)
		r = virtio_worker_add_queue(worker, entries);
	return r ? r : virtio_worker_launch(worker);
}

void virtio_worker_deinit(struct virtio_worker *worker)
{
	if (!worker->has_loop)
		return;
	if (worker->has_thread) {
		loop_post(&worker->loop, VM_EVENT_POWEROFF, 0); /* its loop's end, nobody else's */
		pthread_join(worker->thread, NULL);
	}
	while (worker->n_made)
		virtio_queue_deinit(&worker->dev->queues[--worker->n_made]);
	loop_deinit(&worker->loop);
	lock_deinit(&worker->lock);
	free(worker->dev->queues);
	free(worker->kicks);
	worker->dev->queues = NULL;
	worker->has_loop = worker->has_thread = false;
}

void virtio_worker_start(struct virtio_worker *worker)
{
	lock_take(&worker->lock);
	worker->running = true;
	lock_drop(&worker->lock);
	for (unsigned i = 0; i < worker->n_made; i++)
		fd_event_signal(worker->dev->queues[i].kick_fd);
}

void virtio_worker_stop(struct virtio_worker *worker)
{
	lock_take(&worker->lock);
	worker->running = false;
	while (worker->busy)
		if (!lock_wait(&worker->lock))
			break;
	lock_drop(&worker->lock);
}
