/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A split virtqueue as the device sees it (VIRTIO 1.3 §2.7). Its registers are the transport's
 * (device.c, pci.c) and frozen while it runs; its rings are the guest's, who may write anything there
 * at any time. One thread uses a running queue at a time: whoever holds the lock of its device.
 *
 * Nothing here trusts the guest: each index, descriptor and table entry is read once, and the copy is
 * checked. A ring that breaks the rules is `broken` with the reason in `why`; from then on it gives and
 * takes nothing, and its device says DEVICE_NEEDS_RESET (device.h).
 */
#pragma once

#include <base/types.h>
#include <core/memory.h>
#include <sys/uio.h>

#define VIRTIO_QUEUE_MAX 256 /* entries; also the longest chain (§2.7.5.3.1) */

struct virtio_queue {
	/* Registers (§4.1.4.3), the transport's. */
	uint16_t max, size;
	bool enabled;
	gpa_t desc_at, driver_at, device_at;

	/*
	 * The doorbell's eventfd, the queue's for its life. KVM signals it (ioeventfd); so does a trapped
	 * doorbell. A back end in the kernel or in another process is given this number.
	 */
	int kick_fd;

	/* Running: the rings' host addresses. Such a back end is given these, too. */
	bool running;
	uint8_t *desc, *driver, *device;
	const struct memory *memory;
	bool event_idx, indirect;

	uint16_t avail_next; /* next entry of the available ring to take */
	uint16_t used_next;  /* next entry of the used ring to fill */
	uint16_t told; /* used_next when the driver was last interrupted, or could have been */
	uint64_t in_flight[VIRTIO_QUEUE_MAX / 64]; /* heads taken and not given back */
	bool broken;
	const char *why;
};

/* A request: what the driver wrote (out) comes first, then where the device may write (in). */
struct virtio_chain {
	uint16_t head;
	unsigned n_out, n_in;
	uint64_t out_len, in_len;
	struct iovec iov[VIRTIO_QUEUE_MAX];
};

/*
 * With its eventfd and reset state; `max` is a power of two. The reset state has size == max and nothing
 * of what was before.
 */
int virtio_queue_init(struct virtio_queue *q, uint16_t max) _must_check_;
void virtio_queue_reset(struct virtio_queue *q);
void virtio_queue_deinit(struct virtio_queue *q);

/*
 * Find the rings in RAM; `features` were negotiated. False: they are not all there, or crooked: broken.
 * The guest chose everything here.
 */
bool virtio_queue_start(struct virtio_queue *q, const struct memory *memory,
			uint64_t features) _must_check_;

/*
 * Take the next request. False: there is none, or the queue is broken. What is taken is given back by
 * virtio_queue_push(), in any order.
 */
bool virtio_queue_pop(struct virtio_queue *q, struct virtio_chain *ret) _must_check_;

/* Give a request back; `written` bytes of its `in` part hold something, from its start on. */
void virtio_queue_push(struct virtio_queue *q, uint16_t head, uint32_t written);
/* The same in two steps, for several that the driver must see at once. */
void virtio_queue_fill(struct virtio_queue *q, uint16_t head, uint32_t written);
void virtio_queue_publish(struct virtio_queue *q);

/*
 * Ask for a doorbell at the next request. True: there is one already, which may have had none: look
 * again instead of waiting.
 */
bool virtio_queue_listen(struct virtio_queue *q) _must_check_;

/* The driver wants an interrupt for what was given back since the last time (§2.7.7, §2.7.10). */
bool virtio_queue_interrupts(struct virtio_queue *q) _must_check_;

/* How far the driver has filled the available ring, for "all that was there before". */
uint16_t virtio_queue_filled(struct virtio_queue *q);

/*
 * Copy out of the first n vectors, from `offset` on, into buf, or the other way round: at most `len`
 * bytes. Returns how many there were. The vectors are the guest's memory: each byte is touched once.
 */
size_t virtio_iov_read(const struct iovec *iov, unsigned n, size_t offset, void *buf, size_t len);
size_t virtio_iov_write(const struct iovec *iov, unsigned n, size_t offset, const void *buf,
			size_t len);
