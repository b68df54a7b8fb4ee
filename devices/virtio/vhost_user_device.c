/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device in front of a vhost-user back end, of whatever type. Its features are the back end's, as far
 * as a split ring of ours has them and the type's own; its queues run between the guest and the back end.
 *
 * Starting and stopping a queue takes messages and answers. They are the thread's: `start` asks for them
 * and returns; `stop` has to wait, with the device lock held, but no longer than STOP_NS: then the socket
 * is shut down, which ends whatever the thread waits for, and the device is lost. So is it when the back
 * end hangs up, says what is not in the protocol, or says anything that it was not asked.
 *
 * Reconnection is left out on purpose: what a back end had in hand would have to be found out (INFLIGHT),
 * and a file server's open files are gone with it in any case. Losing it ends the guest, in a line.
 */
#include "device.h"
#include "vhost_user.h"

#include <base/clock.h>
#include <base/error.h>
#include <base/fd.h>
#include <core/lock.h>
#include <core/loop.h>
#include <devices/virtio_vhost_user.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define ENTRIES    VIRTIO_QUEUE_MAX
#define QUEUES_MAX 64
#define START_NS   (20 * NS_PER_S) /* for all of it; a busy host is no hostile one */
#define STOP_NS    (4 * NS_PER_S)

/* §6: bits 0 to 23 and from 50 on are the device type's; of those between, what a ring of ours has. */
#define TYPE_FEATURES ((BIT64(24) - 1) | ~(BIT64(50) - 1))
#define RING_FEATURES                                                 \
	(BIT64(VIRTIO_F_VERSION_1) | BIT64(VIRTIO_RING_F_EVENT_IDX) | \
	 BIT64(VIRTIO_RING_F_INDIRECT_DESC))

/* An interrupt for a driver without a vector: it goes by the transport. */
struct call {
	struct loop_source source;
	struct virtio_vhost_user *owner;
	unsigned queue;
	int fd; /* what the back end signals: this source's, or the vector's */
};

struct virtio_vhost_user {
	struct virtio_device dev;
	struct virtio_vhost_user_config config;
	struct vhost_user link;
	struct loop loop; /* the thread's, without a lock */
	struct loop_source asked, socket, error;
	struct call calls[QUEUES_MAX];
	unsigned n_made;
	pthread_t thread;
	bool has_loop, has_thread;

	struct lock lock; /* of these */
	bool wanted;      /* the guest's driver is ready */
	bool running;     /* the back end has the queues */
	bool busy;        /* the thread is about to change that */
	bool lost;
};

static struct virtio_vhost_user *of_device(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_vhost_user, dev);
}

/* --- on the thread --- */

/* Once. Whoever waits in `stop` is let go first. */
static void lose(struct virtio_vhost_user *d)
{
	bool before;

	shutdown(d->link.fd, SHUT_RDWR);
	loop_remove(&d->loop, &d->socket);
	lock_take(&d->lock);
	before = d->lost;
	d->lost = true;
	d->running = d->busy = false;
	lock_wake(&d->lock);
	lock_drop(&d->lock);
	if (!before)
		d->config.lost(d->config.ctx, d->link.why);
}

static int begin(struct virtio_vhost_user *d)
{
	struct virtio_device *dev = &d->dev;
	int r;

	d->link.until = clock_ns() + START_NS;
	r = vhost_user_features(&d->link, dev->features);
	if (!r)
		r = vhost_user_memory(&d->link, dev->memory);
	for (unsigned i = 0; !r && i < dev->n_queues; i++)
		if (dev->queues[i].running)
			r = vhost_user_queue_start(&d->link, i, &dev->queues[i], d->calls[i].fd,
						   d->error.fd);
	/* What the driver handed over before that. */
	for (unsigned i = 0; !r && i < dev->n_queues; i++)
		fd_event_signal(dev->queues[i].kick_fd);
	return r;
}

static int end(struct virtio_vhost_user *d)
{
	struct virtio_device *dev = &d->dev;
	int r = 0;

	d->link.until = clock_ns() + START_NS; /* `stop` waits for less */
	for (unsigned i = 0; !r && i < dev->n_queues; i++)
		if (dev->queues[i].running)
			r = vhost_user_queue_stop(&d->link, i);
	return r;
}

/* What is wanted, until it is so. The guest may have changed its mind meanwhile. */
static void on_asked(struct loop_source *source, uint32_t events)
{
	struct virtio_vhost_user *d = container_of(source, struct virtio_vhost_user, asked);
	int r = 0;

	fd_event_take(source->fd);
	lock_take(&d->lock);
	while (!r && !d->lost && d->wanted != d->running) {
		bool wanted = d->wanted;

		d->busy = true;
		lock_drop(&d->lock);
		r = wanted ? begin(d) : end(d);
		lock_take(&d->lock);
		d->running = wanted && !r;
		d->busy = false;
		lock_wake(&d->lock);
	}
	lock_drop(&d->lock);
	if (r)
		lose(d);
}

/* Between two conversations there is nothing to be said. */
static void on_socket(struct loop_source *source, uint32_t events)
{
	struct virtio_vhost_user *d = container_of(source, struct virtio_vhost_user, socket);
	char byte;

	snprintf(d->link.why, sizeof(d->link.why), "%s",
		 recv(source->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 1
			 ? "it said something that it was not asked"
			 : "it hung up");
	lose(d);
}

/* Its word for a ring that it cannot go on with. */
static void on_error(struct loop_source *source, uint32_t events)
{
	struct virtio_vhost_user *d = container_of(source, struct virtio_vhost_user, error);

	fd_event_take(source->fd);
	lock_take(&d->lock);
	if (d->running && d->wanted)
		virtio_device_needs_reset(&d->dev, "a queue", "its back end cannot go on with it");
	lock_drop(&d->lock);
}

static void on_call(struct loop_source *source, uint32_t events)
{
	struct call *call = container_of(source, struct call, source);
	struct virtio_vhost_user *d = call->owner;

	fd_event_take(source->fd);
	lock_take(&d->lock);
	if (d->running && d->wanted)
		d->dev.transport->queue_interrupt(d->dev.transport_ctx, call->queue);
	lock_drop(&d->lock);
}

static void *run(void *arg)
{
	struct virtio_vhost_user *d = arg;
	int value;

	loop_run(&d->loop, &value);
	return NULL;
}

/* --- under the device lock --- */

static void ask(struct virtio_vhost_user *d, bool wanted)
{
	d->wanted = wanted;
	fd_event_signal(d->asked.fd);
}

static void start(struct virtio_device *dev)
{
	struct virtio_vhost_user *d = of_device(dev);

	for (unsigned i = 0; i < dev->n_queues; i++) {
		int fd = virtio_device_interrupt_fd(dev, i);

		d->calls[i].fd = fd >= 0 ? fd : d->calls[i].source.fd;
	}
	lock_take(&d->lock);
	ask(d, true);
	lock_drop(&d->lock);
}

static void stop(struct virtio_device *dev)
{
	struct virtio_vhost_user *d = of_device(dev);
	uint64_t until = clock_ns() + STOP_NS;

	lock_take(&d->lock);
	ask(d, false);
	while (d->running || d->busy) {
		if (clock_ns() >= until) {
			shutdown(d->link.fd, SHUT_RDWR);
			until = clock_ns() + NS_PER_S;
		}
		if (!lock_wait_until(&d->lock, until))
			break;
	}
	lock_drop(&d->lock);
}

static const struct virtio_device_ops ops = { .start = start, .stop = stop };

/* --- life --- */

static int refuse(const struct virtio_vhost_user *d, const char *why)
{
	return fail(STATUS_HOST, EPROTO, "%s: the back end does not come up: %s; see what it says",
		    d->config.name, why);
}

/* Features, queues, configuration: all that the guest may know. */
static int meet(struct virtio_vhost_user *d)
{
	struct virtio_device *dev = &d->dev;
	unsigned queues = d->config.queues;
	int r;

	d->link.until = clock_ns() + d->config.answer_s * NS_PER_S;
	r = vhost_user_begin(&d->link);
	if (r)
		return refuse(d, d->link.why);
	if (!d->config.queues)
		queues = d->link.queues;
	if (!(d->link.offered & BIT64(VIRTIO_F_VERSION_1)))
		return refuse(d, "it has no VIRTIO_F_VERSION_1");
	if (!queues || queues > QUEUES_MAX || (d->link.queues && queues > d->link.queues)) {
		char why[80];

		snprintf(why, sizeof(why), "it has %u queues, and %u are wanted (at most %u)",
			 d->link.queues, queues, QUEUES_MAX);
		return refuse(d, why);
	}
	dev->n_queues = queues;
	dev->config_size = d->config.config_size;
	if (d->config.config)
		memcpy(dev->config, d->config.config, dev->config_size);
	else if (dev->config_size)
		r = vhost_user_config(&d->link, dev->config, dev->config_size);
	if (r == -EOPNOTSUPP && d->config.of_config) {
		dev->config_size = 0;
		d->config.without |= d->config.of_config;
		r = 0;
	}
	return r ? refuse(d, *d->link.why ? d->link.why : "it gives no configuration") : 0;
}

static int watch(struct virtio_vhost_user *d, struct loop_source *source, loop_handler handler)
{
	int r = source->fd < 0 ? fd_event(&source->fd) : 0;

	if (r)
		return r;
	source->handler = handler;
	r = loop_add(&d->loop, source, EPOLLIN | EPOLLRDHUP);
	return r ? fail(STATUS_HOST, -r, "%s: epoll: %s", d->config.name, strerror(-r)) : 0;
}

static int make_queues(struct virtio_vhost_user *d)
{
	struct virtio_device *dev = &d->dev;
	int r = 0;

	dev->queues = calloc(dev->n_queues, sizeof(*dev->queues));
	if (!dev->queues)
		return fail(STATUS_FAILURE, ENOMEM, "%s: out of memory", d->config.name);
	while (!r && d->n_made < dev->n_queues) {
		struct call *call = &d->calls[d->n_made];

		r = virtio_queue_init(&dev->queues[d->n_made], ENTRIES);
		*call = (struct call){ .source.fd = -1, .owner = d, .queue = d->n_made };
		if (!r)
			d->n_made++;
		if (!r)
			r = watch(d, &call->source, on_call);
	}
	return r;
}

static int make(struct virtio_vhost_user *d)
{
	int r = meet(d);

	if (!r)
		r = loop_init(&d->loop, NULL);
	d->has_loop = true;
	if (!r)
		r = make_queues(d);
	if (!r)
		r = watch(d, &d->asked, on_asked);
	if (!r)
		r = watch(d, &d->error, on_error);
	if (!r)
		r = watch(d, &d->socket, on_socket);
	if (r)
		return r;
	r = pthread_create(&d->thread, NULL, run, d);
	d->has_thread = !r;
	return r ? fail(STATUS_HOST, r, "%s: no thread: %s", d->config.name, strerror(r)) : 0;
}

int virtio_vhost_user_create(const struct virtio_vhost_user_config *config,
			     struct virtio_vhost_user **ret)
{
	struct virtio_vhost_user *d = calloc(1, sizeof(*d));
	int r, fd = config->fd;

	if (!d) {
		fd_close(&fd);
		return fail(STATUS_FAILURE, ENOMEM, "%s: out of memory", config->name);
	}
	d->config = *config;
	d->link.fd = d->socket.fd = fd;
	d->asked.fd = d->error.fd = -1;
	d->loop.epoll_fd = d->loop.wake_fd = -1;
	d->dev = (struct virtio_device){
		.ops = &ops,
		.name = config->name,
		.type = config->type,
		.pci_class = config->pci_class,
		.elsewhere = true,
	};
	lock_init(&d->lock);
	r = make(d);
	virtio_device_init(&d->dev);
	d->dev.offered = d->link.offered & (TYPE_FEATURES | RING_FEATURES) & ~d->config.without;
	if (r) {
		virtio_vhost_user_destroy(d);
		return r;
	}
	*ret = d;
	return 0;
}

void virtio_vhost_user_destroy(struct virtio_vhost_user *d)
{
	if (!d)
		return;
	if (d->has_thread) {
		loop_post(&d->loop, VM_EVENT_POWEROFF, 0); /* its loop's end, nobody else's */
		pthread_join(d->thread, NULL);
	}
	for (unsigned i = 0; i < d->n_made; i++) {
		virtio_queue_deinit(&d->dev.queues[i]);
		fd_close(&d->calls[i].source.fd);
	}
	free(d->dev.queues);
	loop_deinit(&d->loop);
	fd_close(&d->asked.fd);
	fd_close(&d->error.fd);
	fd_close(&d->link.fd);
	virtio_device_deinit(&d->dev);
	lock_deinit(&d->lock);
	free(d);
}

struct virtio_device *virtio_vhost_user_device(struct virtio_vhost_user *d)
{
	return &d->dev;
}
