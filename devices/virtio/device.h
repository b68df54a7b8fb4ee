/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device apart from how the guest reaches it (VIRTIO 1.3 §2, §3): status, features, queues,
 * configuration. Below it is the device itself (ops), above it the transport (pci.c), which turns
 * registers into the calls here and interrupts into messages.
 *
 * Two sides meet here. The transport runs under the device lock: status, features, queue registers. The
 * device works on whatever thread it likes, without that lock, between `start` and `stop`: running queues,
 * interrupts, configuration changes, virtio_device_needs_reset().
 */
#pragma once

#include "queue.h"

#include <base/log.h>
#include <devices/virtio.h>
#include <pthread.h>

#define VIRTIO_CONFIG_MAX 64

/* Other communication devices (PCI Code and ID Assignment 1.15, §1.8), revision 1: console, sockets. */
#define VIRTIO_CLASS_COMMUNICATION 0x07800001

struct virtio_device_ops {
	/*
	 * The driver is ready (DRIVER_OK): features are final, the enabled queues run. A back end elsewhere is
	 * given their addresses and kick_fd now.
	 */
	void (*start)(struct virtio_device *dev);
	/* Reset. When it returns nobody touches a queue or guest memory. Only after `start`. */
	void (*stop)(struct virtio_device *dev);
	/* The vcpus are gone: deliver what it handed over, also before a `stop`. May be NULL. */
	void (*drain)(struct virtio_device *dev);
};

/* The device's words to the driver. From any thread while the device is started. */
struct virtio_transport_ops {
	void (*queue_interrupt)(void *transport, unsigned queue);
	void (*config_interrupt)(void *transport);
	/* The eventfd that does the same for a queue; -1: the driver gave it no vector. NULL: there are none. */
	int (*queue_fd)(void *transport, unsigned queue);
};

struct virtio_device {
	const struct virtio_device_ops *ops;
	const char *name;   /* for messages */
	uint16_t type;      /* VIRTIO_ID_* */
	uint32_t pci_class; /* class and revision; revision 1 */
	uint64_t offered;   /* feature bits */
	struct virtio_queue *queues;
	unsigned n_queues;
	unsigned config_size; /* 0: no device configuration */
	bool elsewhere;       /* its queues are served by the kernel or by another process */

	/* While it is plugged in. */
	const struct memory *memory;
	const struct virtio_transport_ops *transport;
	void *transport_ctx;

	uint64_t features;   /* what the driver wrote; final once FEATURES_OK is set */
	bool unknown;        /* it wrote feature bits beyond the 64 that exist */
	uint8_t status;      /* atomic: DEVICE_NEEDS_RESET comes from the device's side */
	bool started;        /* ops->start was called */
	struct ratelimit rl; /* of lines about this guest */

	pthread_mutex_t config_lock; /* of the three below */
	uint8_t config[VIRTIO_CONFIG_MAX];
	uint8_t generation;
	bool config_seen; /* read since the generation moved */
};

/* The fields up to config_size are set. Adds the feature bits of all devices. */
void virtio_device_init(struct virtio_device *dev);
void virtio_device_deinit(struct virtio_device *dev);

void virtio_device_plug(struct virtio_device *dev, const struct memory *memory,
			const struct virtio_transport_ops *transport, void *ctx);
/* The vcpus are gone: what waits is delivered; then the device is reset and leaves. */
void virtio_device_drain(struct virtio_device *dev);
void virtio_device_unplug(struct virtio_device *dev);

/* For transports, under the device lock. The guest chose every value. */

uint8_t virtio_device_status(const struct virtio_device *dev);
/* §2.1, §3.1.1. 0 is a reset, done when this returns; the transport then forgets its own state. */
void virtio_device_write_status(struct virtio_device *dev, uint8_t value);
/* The device may reach memory no more: as if it broke, without a fault of its own. */
void virtio_device_halt(struct virtio_device *dev, const char *why);
/* Feature bits 32 * select to 32 * select + 31, offered and accepted (§2.2). */
uint32_t virtio_device_offered(const struct virtio_device *dev, uint32_t select);
uint32_t virtio_device_accepted(const struct virtio_device *dev, uint32_t select);
void virtio_device_accept(struct virtio_device *dev, uint32_t select, uint32_t value);
/* May the registers of this queue change? A line when not. */
bool virtio_device_queue_open(struct virtio_device *dev, const struct virtio_queue *q);
void virtio_device_queue_size(struct virtio_device *dev, struct virtio_queue *q, uint16_t size);

/* Beyond config_size bytes read as zero. */
void virtio_device_config_read(struct virtio_device *dev, unsigned offset, void *data,
			       unsigned len);
uint8_t virtio_device_generation(struct virtio_device *dev);

/* For devices, from any thread between `start` and `stop`, except where noted. */

static inline bool virtio_device_has(const struct virtio_device *dev, unsigned feature)
{
	return dev->features >> feature & 1;
}

/* The guest broke the rules: DEVICE_NEEDS_RESET, its interrupt (§2.1.2), a line. */
void virtio_device_needs_reset(struct virtio_device *dev, const char *what, const char *why);
bool virtio_device_broken(const struct virtio_device *dev);

/* Interrupt the driver for what was given back on this queue, when it wants that. */
void virtio_device_interrupt(struct virtio_device *dev, unsigned queue);
/*
 * What a back end elsewhere signals for that: an eventfd that KVM listens to, the transport's; -1: the
 * driver does without. It stays the same until `stop`.
 */
int virtio_device_interrupt_fd(const struct virtio_device *dev, unsigned queue);

/* Change the configuration; at any time, also before `start`. */
void virtio_device_config_set(struct virtio_device *dev, unsigned offset, const void *data,
			      unsigned len);
/* Tell the driver of that. */
void virtio_device_config_changed(struct virtio_device *dev);
