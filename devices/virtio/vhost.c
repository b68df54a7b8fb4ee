/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What virtio devices have in common whose queues the kernel serves (vhost.h).
 */
#include "vhost.h"

#include <base/error.h>
#include <errno.h>
#include <stdlib.h>

#define ENTRIES 256

int virtio_vhost_init(struct vhost *vhost, struct virtio_device *dev, const char *path, unsigned n,
		      uint64_t ours)
{
	int r = vhost_open(vhost, path);

	if (r)
		return r;
	dev->elsewhere = true;
	dev->offered &= vhost->features | ours;
	dev->queues = calloc(n, sizeof(*dev->queues));
	if (!dev->queues)
		return fail(STATUS_FAILURE, ENOMEM, "%s: out of memory", dev->name);
	while (!r && dev->n_queues < n) {
		r = virtio_queue_init(&dev->queues[dev->n_queues], ENTRIES);
		dev->n_queues += !r;
	}
	return r;
}

void virtio_vhost_deinit(struct vhost *vhost, struct virtio_device *dev)
{
	vhost_close(vhost);
	while (dev->n_queues)
		virtio_queue_deinit(&dev->queues[--dev->n_queues]);
	free(dev->queues);
	dev->queues = NULL;
}

static int set_memory(struct vhost *vhost, const struct virtio_device *dev)
{
	const struct memory *memory = dev->memory;
	struct vhost_ram ram[MEMORY_RAM_MAX];

	_Static_assert(MEMORY_RAM_MAX <= VHOST_RAM_MAX, "all of RAM fits");
	for (unsigned i = 0; i < memory->n_ram; i++)
		ram[i] = (struct vhost_ram){ memory->ram[i].base, memory->ram[i].size,
					     memory->ram[i].hva };
	return vhost_set(vhost, dev->features & vhost->features, ram, memory->n_ram);
}

int virtio_vhost_prepare(struct vhost *vhost, struct virtio_device *dev, unsigned n)
{
	int r = set_memory(vhost, dev);

	for (unsigned i = 0; i < n && !r; i++) {
		const struct virtio_queue *q = &dev->queues[i];
		struct vhost_ring ring = {
			q->size,   q->desc,    q->driver,
			q->device, q->kick_fd, virtio_device_interrupt_fd(dev, i)
		};

		if (!q->running)
			return fail(STATUS_FAILURE, EINVAL,
				    "the driver left out queue %u; it needs all of them", i);
		r = vhost_set_ring(vhost, i, &ring);
	}
	return r;
}

void virtio_vhost_failed(struct virtio_device *dev)
{
	virtio_device_needs_reset(dev, "vhost", error_message());
	error_clear();
}
