/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of a virtio device that works on a thread of its own: what it says to its driver, and whatever
 * else a test waits for, signals one eventfd.
 */
#pragma once

#include "test.h"

#include <base/fd.h>
#include <devices/virtio/device.h>
#include <linux/virtio_config.h>
#include <poll.h>

#define READY (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)
#define LIVE  (READY | VIRTIO_CONFIG_S_DRIVER_OK)

static int event_fd = -1;

static inline void events_init(void)
{
	if (event_fd < 0 && fd_event(&event_fd))
		abort();
}

static inline void queue_interrupt(void *ctx, unsigned queue)
{
	fd_event_signal(event_fd);
}

/* A driver, up to the moment when its queues are to be there: it takes exactly these features. */
static inline void driver_ready(struct virtio_device *device, uint64_t features)
{
	virtio_device_write_status(device, 0);
	virtio_device_accept(device, 0, (uint32_t)features);
	virtio_device_accept(device, 1, (uint32_t)(features >> 32));
	virtio_device_write_status(device, READY);
}

/* False: nothing happens any more. */
static inline bool event(void)
{
	struct pollfd p = { event_fd, POLLIN, 0 };

	return poll(&p, 1, 10000) == 1 && fd_event_take(event_fd);
}

#define UNTIL(cond)             \
	while (!(cond)) {       \
		CHECK(event()); \
	}
