/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a virtio device (VIRTIO 1.3 §2.1 status, §2.2 features, §2.4 reset, §2.5 configuration,
 * §3.1 initialisation), whatever its transport. What the specification forbids a driver is ignored with
 * a line, or ends in DEVICE_NEEDS_RESET once queues run.
 *
 * Reset works from any state and is over when the write of 0 is: ops->stop waits for the device's thread.
 *
 * Left out on purpose: VIRTIO_F_ACCESS_PLATFORM (no vIOMMU), reset of one queue, suspension, writable
 * configuration fields (no device here has one).
 *
 * Transport's part: under the device lock. Device's part: any thread; what both touch is atomic, or
 * under config_lock, which nobody holds for longer than a copy.
 */
#include "device.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>

#define COMMON_FEATURES                                               \
	(BIT64(VIRTIO_F_VERSION_1) | BIT64(VIRTIO_RING_F_EVENT_IDX) | \
	 BIT64(VIRTIO_RING_F_INDIRECT_DESC))

/* What a driver writes (§2.1); DEVICE_NEEDS_RESET is ours. */
#define DRIVER_BITS                                                                           \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | \
	 VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FAILED)

void virtio_device_init(struct virtio_device *dev)
{
	dev->offered |= COMMON_FEATURES;
	pthread_mutex_init(&dev->config_lock, NULL);
}

void virtio_device_deinit(struct virtio_device *dev)
{
	pthread_mutex_destroy(&dev->config_lock);
}

/* State that a driver can see or leave behind; the configuration is not of that kind. */
static void reset(struct virtio_device *dev)
{
	if (dev->started)
		dev->ops->stop(dev);
	dev->started = false;
	for (unsigned i = 0; i < dev->n_queues; i++)
		virtio_queue_reset(&dev->queues[i]);
	dev->features = 0;
	dev->unknown = false;
	__atomic_store_n(&dev->status, 0, __ATOMIC_RELEASE);
}

void virtio_device_plug(struct virtio_device *dev, const struct memory *memory,
			const struct virtio_transport_ops *transport, void *ctx)
{
	dev->memory = memory;
	dev->transport = transport;
	dev->transport_ctx = ctx;
	reset(dev);
}

void virtio_device_drain(struct virtio_device *dev)
{
	if (dev->transport && dev->ops->drain)
		dev->ops->drain(dev);
}

void virtio_device_unplug(struct virtio_device *dev)
{
	reset(dev);
	dev->memory = NULL;
	dev->transport = NULL;
}

uint8_t virtio_device_status(const struct virtio_device *dev)
{
	return __atomic_load_n(&dev->status, __ATOMIC_ACQUIRE);
}

static void set_status(struct virtio_device *dev, uint8_t bits)
{
	__atomic_or_fetch(&dev->status, bits, __ATOMIC_ACQ_REL);
}

void virtio_device_needs_reset(struct virtio_device *dev, const char *what, const char *why)
{
	log_guest(&dev->rl, "%s: %s: %s; the device needs a reset", dev->name, what, why);
	set_status(dev, VIRTIO_CONFIG_S_NEEDS_RESET);
	if (virtio_device_status(dev) & VIRTIO_CONFIG_S_DRIVER_OK)
		dev->transport->config_interrupt(dev->transport_ctx);
}

bool virtio_device_broken(const struct virtio_device *dev)
{
	return virtio_device_status(dev) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* DRIVER_OK: find the rings and let the device begin. */
static void start(struct virtio_device *dev)
{
	for (unsigned i = 0; i < dev->n_queues; i++) {
		struct virtio_queue *q = &dev->queues[i];

		if (q->enabled && !virtio_queue_start(q, dev->memory, dev->features)) {
			virtio_device_needs_reset(dev, "a queue", q->why);
			return;
		}
	}
	dev->started = true;
	dev->ops->start(dev);
}

static bool features_fit(struct virtio_device *dev)
{
	if (!dev->unknown && !(dev->features & ~dev->offered) &&
	    virtio_device_has(dev, VIRTIO_F_VERSION_1))
		return true;
	log_guest(&dev->rl,
		  "%s: the driver wants features that were not offered, or is a legacy one",
		  dev->name);
	return false;
}

void virtio_device_write_status(struct virtio_device *dev, uint8_t value)
{
	uint8_t before = virtio_device_status(dev), bits;

	if (!value) {
		reset(dev);
		return;
	}
	/* §2.1.1: a driver clears no bit but by a reset. */
	bits = value & DRIVER_BITS & (uint8_t)~before;
	/* §2.2.2, §3.1.1: FEATURES_OK stays clear when they do not fit; the driver reads it back. */
	if (bits & VIRTIO_CONFIG_S_FEATURES_OK && !features_fit(dev))
		bits &= (uint8_t) ~(VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	if (bits & VIRTIO_CONFIG_S_DRIVER_OK && !((before | bits) & VIRTIO_CONFIG_S_FEATURES_OK)) {
		log_guest(&dev->rl, "%s: DRIVER_OK without FEATURES_OK", dev->name);
		bits &= (uint8_t)~VIRTIO_CONFIG_S_DRIVER_OK;
	}
	set_status(dev, bits);
	if (bits & VIRTIO_CONFIG_S_DRIVER_OK)
		start(dev);
}

void virtio_device_halt(struct virtio_device *dev, const char *why)
{
	if (!dev->started)
		return;
	dev->ops->stop(dev);
	dev->started = false;
	virtio_device_needs_reset(dev, "the driver", why);
}

uint32_t virtio_device_offered(const struct virtio_device *dev, uint32_t select)
{
	return select > 1 ? 0 : (uint32_t)(dev->offered >> (32 * select));
}

uint32_t virtio_device_accepted(const struct virtio_device *dev, uint32_t select)
{
	return select > 1 ? 0 : (uint32_t)(dev->features >> (32 * select));
}

void virtio_device_accept(struct virtio_device *dev, uint32_t select, uint32_t value)
{
	if (virtio_device_status(dev) & VIRTIO_CONFIG_S_FEATURES_OK) {
		log_guest(&dev->rl, "%s: features written after FEATURES_OK", dev->name);
	} else if (select > 1) {
		dev->unknown |= value != 0;
	} else {
		dev->features &= ~((uint64_t)UINT32_MAX << (32 * select));
		dev->features |= (uint64_t)value << (32 * select);
	}
}

bool virtio_device_queue_open(struct virtio_device *dev, const struct virtio_queue *q)
{
	if (!q->enabled && !(virtio_device_status(dev) & VIRTIO_CONFIG_S_DRIVER_OK))
		return true;
	log_guest(&dev->rl, "%s: registers of a queue written while it is in use", dev->name);
	return false;
}

void virtio_device_queue_size(struct virtio_device *dev, struct virtio_queue *q, uint16_t size)
{
	/* §4.1.4.3.2: a power of two, not more than there was. */
	if (is_power_of_two(size) && size <= q->max)
		q->size = size;
	else
		log_guest(&dev->rl, "%s: a queue of %u entries; at most %u, a power of two",
			  dev->name, size, q->max);
}

void virtio_device_config_read(struct virtio_device *dev, unsigned offset, void *data, unsigned len)
{
	memset(data, 0, len);
	if (offset >= dev->config_size)
		return;
	pthread_mutex_lock(&dev->config_lock);
	memcpy(data, dev->config + offset, MIN(len, dev->config_size - offset));
	dev->config_seen = true;
	pthread_mutex_unlock(&dev->config_lock);
}

uint8_t virtio_device_generation(struct virtio_device *dev)
{
	uint8_t generation;

	pthread_mutex_lock(&dev->config_lock);
	generation = dev->generation;
	pthread_mutex_unlock(&dev->config_lock);
	return generation;
}

void virtio_device_interrupt(struct virtio_device *dev, unsigned queue)
{
	if (virtio_queue_interrupts(&dev->queues[queue]))
		dev->transport->queue_interrupt(dev->transport_ctx, queue);
}

int virtio_device_interrupt_fd(const struct virtio_device *dev, unsigned queue)
{
	return dev->transport->queue_fd ? dev->transport->queue_fd(dev->transport_ctx, queue) : -1;
}

void virtio_device_config_set(struct virtio_device *dev, unsigned offset, const void *data,
			      unsigned len)
{
	pthread_mutex_lock(&dev->config_lock);
	memcpy(dev->config + offset, data, len);
	/*
	 * §2.5.3: a driver that has read something of the old state sees another generation. It moves once
	 * for each that was seen, so that 256 changes in a row do not bring it back to where it was.
	 */
	if (dev->config_seen)
		dev->generation++;
	dev->config_seen = false;
	pthread_mutex_unlock(&dev->config_lock);
}

void virtio_device_config_changed(struct virtio_device *dev)
{
	dev->transport->config_interrupt(dev->transport_ctx);
}
