/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device whose queues another process serves (vhost-user): a file server, an image format, a
 * network in user space. What that process is given is all of the guest's memory, the doorbells and the
 * interrupts, so nothing of the data path comes by here.
 *
 * A thread of the device's own talks to it, and never with the device lock held.
 */
#pragma once

#include <devices/virtio.h>

struct virtio_vhost_user_config {
	const char *name; /* the option that made it, for messages; it outlives the device */
	int fd;           /* a connected socket; the device's from now on, whatever happens */
	uint16_t type;    /* VIRTIO_ID_* */
	uint32_t pci_class;
	unsigned queues;    /* 0: as many as the back end says that it has */
	const void *config; /* the device's configuration; NULL: the back end's own is asked for */
	unsigned config_size; /* 0: it has none */
	uint64_t without;     /* feature bits that are not offered although the back end has them */
	uint64_t of_config;   /* such bits where it has no configuration; 0: then it is refused */
	unsigned answer_s;    /* seconds that the back end may take to come up */
	/*
	 * The back end is gone, or was given up for what it said. Once, on the device's thread; it takes no
	 * lock that is held where machines are made or vcpus run.
	 */
	void (*lost)(void *ctx, const char *why);
	void *ctx;
};

struct virtio_vhost_user;

/*
 * Asks the back end what it is. Starts the thread: before the seal, and after signals are blocked.
 * STATUS_HOST with what the back end did.
 */
int virtio_vhost_user_create(const struct virtio_vhost_user_config *config,
			     struct virtio_vhost_user **ret) _must_check_;

/* It is not plugged in any more. NULL is harmless. Nobody is told of a loss from here on. */
void virtio_vhost_user_destroy(struct virtio_vhost_user *device);

/* What a machine plugs in. */
struct virtio_device *virtio_vhost_user_device(struct virtio_vhost_user *device);
