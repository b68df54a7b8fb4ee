/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The split virtqueue (VIRTIO 1.3 §2.7; § below are its sections), with VIRTIO_F_EVENT_IDX and
 * VIRTIO_F_INDIRECT_DESC. Host and guest are little-endian on both architectures, as the rings are.
 *
 * What breaks a queue: rings outside RAM or misaligned; an available index that runs ahead by more than
 * the queue holds; a head out of range, or given while it is in flight; a chain that loops, leaves its
 * table, is longer than the queue, mixes directions, or has an empty or unreachable buffer; an indirect
 * table that was not negotiated, is crooked, or leads to another. Buffers that overlap are allowed by the
 * specification (a driver may write one page of zeroes many times) and harm nobody: each byte is
 * copied once, wherever it is.
 *
 * Left out on purpose: packed rings, in-order use, notification data, reset of one queue.
 *
 * Runs under the lock of its device, on whichever thread has it.
 */
#include "queue.h"

#include <base/bytes.h>
#include <base/fd.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>

#define DESC_SIZE 16 /* §2.7.5: le64 addr, le32 len, le16 flags, le16 next */

/* §2.7.6, §2.7.8: le16 flags, le16 idx, the ring; behind it the other side's event index. */
#define RING_FLAGS 0
#define RING_INDEX 2
#define RING_START 4
#define USED_ENTRY 8

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

int virtio_queue_init(struct virtio_queue *q, uint16_t max)
{
	*q = (struct virtio_queue){ .max = max, .size = max, .kick_fd = -1 };
	return fd_event(&q->kick_fd);
}

void virtio_queue_reset(struct virtio_queue *q)
{
	fd_event_take(q->kick_fd);
	*q = (struct virtio_queue){ .max = q->max, .size = q->max, .kick_fd = q->kick_fd };
}

void virtio_queue_deinit(struct virtio_queue *q)
{
	q->running = false;
	fd_close(&q->kick_fd);
}

static bool broken(struct virtio_queue *q, const char *why)
{
	if (!q->broken)
		q->why = why;
	q->broken = true;
	return false;
}

/*
 * The guest writes these while we read: one load or store each, never torn, never repeated. What is read
 * after a load is at least as new as it, and what was written before a store is there before it: an index
 * counts entries, and entries lead to buffers (§2.7.8.2, §2.7.13).
 */

static uint16_t ring_load(const uint8_t *ring, unsigned offset)
{
	return __atomic_load_n((const uint16_t *)(ring + offset), __ATOMIC_ACQUIRE);
}

static void ring_store(uint8_t *ring, unsigned offset, uint16_t value)
{
	__atomic_store_n((uint16_t *)(ring + offset), value, __ATOMIC_RELEASE);
}

/* Behind the available ring: until which used index the driver wants no interrupt (§2.7.10). */
static unsigned used_event(const struct virtio_queue *q)
{
	return RING_START + 2u * q->size;
}

/* Behind the used ring: until which available index we want no doorbell. */
static unsigned avail_event(const struct virtio_queue *q)
{
	return RING_START + USED_ENTRY * q->size;
}

bool virtio_queue_start(struct virtio_queue *q, const struct memory *memory, uint64_t features)
{
	/* §2.7: alignment and size of each part, event indices included. */
	if (!is_aligned(q->desc_at, 16) || !is_aligned(q->driver_at, 2) ||
	    !is_aligned(q->device_at, 4))
		return broken(q, "its rings are not aligned");
	q->desc = memory_at(memory, q->desc_at, DESC_SIZE * q->size);
	q->driver = memory_at(memory, q->driver_at, used_event(q) + 2);
	q->device = memory_at(memory, q->device_at, avail_event(q) + 2);
	if (!q->desc || !q->driver || !q->device)
		return broken(q, "its rings are not in RAM");
	q->memory = memory;
	q->event_idx = features & BIT64(VIRTIO_RING_F_EVENT_IDX);
	q->indirect = features & BIT64(VIRTIO_RING_F_INDIRECT_DESC);
	q->running = true;
	return true;
}

/* A table of descriptors in guest RAM: the queue's, or one that is used in a chain. */
struct table {
	const uint8_t *at;
	unsigned entries;
	bool indirect;
};

/* One copy; the table is the guest's. */
static struct desc desc_read(const uint8_t *table, unsigned i)
{
	uint8_t copy[DESC_SIZE];

	memcpy(copy, table + DESC_SIZE * i, sizeof(copy));
	return (struct desc){
		.addr = load_le64(copy),
		.len = load_le32(copy + 8),
		.flags = load_le16(copy + 12),
		.next = load_le16(copy + 14),
	};
}

/* Append a buffer to the chain; §2.7.4.2: what the driver wrote comes first. */
static bool add_buffer(struct virtio_queue *q, struct virtio_chain *chain, const struct desc *d,
		       unsigned limit)
{
	unsigned n = chain->n_out + chain->n_in;
	bool in = d->flags & VRING_DESC_F_WRITE;
	void *hva;

	if (n == limit)
		return broken(q, "a chain loops, or is too long");
	if (!in && chain->n_in)
		return broken(q, "a chain has a readable buffer behind a writable one");
	if (!d->len)
		return broken(q, "a chain has an empty buffer");
	hva = memory_at(q->memory, d->addr, d->len);
	if (!hva)
		return broken(q, "a buffer is not in RAM");
	chain->iov[n] = (struct iovec){ .iov_base = hva, .iov_len = d->len };
	if (in) {
		chain->n_in++;
		chain->in_len += d->len;
	} else {
		chain->n_out++;
		chain->out_len += d->len;
	}
	/* §2.7.5.2: 2^32 bytes at most, and what is written of them is told in 32 bits. */
	if (chain->out_len + chain->in_len > UINT32_MAX)
		return broken(q, "a chain has more than 4 GiB");
	return true;
}

/* Where a chain goes on: another table once, then never again. That it is another is not said: it may be the queue's. */
static bool enter_table(struct virtio_queue *q, const struct desc *d, struct table *table)
{
	if (!q->indirect)
		return broken(q, "an indirect table was not negotiated");
	if (table->indirect)
		return broken(q, "an indirect table leads to another");
	if (d->flags & VRING_DESC_F_NEXT)
		return broken(q, "a chain goes on behind an indirect table");
	if (!d->len || d->len % DESC_SIZE)
		return broken(q, "an indirect table has a crooked length");
	table->at = memory_at(q->memory, d->addr, d->len);
	if (!table->at)
		return broken(q, "an indirect table is not in RAM");
	table->entries = d->len / DESC_SIZE;
	table->indirect = true;
	return true;
}

/*
 * Follow the chain from `i`. A loop ends at the limit: a chain is not longer than its queue (§2.7.5.3.1).
 * Linux takes that of a small queue to be meant of direct ones only, so a table may fill what we have.
 */
static bool walk(struct virtio_queue *q, unsigned i, struct virtio_chain *chain)
{
	struct table table = { q->desc, q->size, false };
	struct desc d;

	do {
		if (i >= table.entries)
			return broken(q, "a chain leaves its table");
		d = desc_read(table.at, i);
		i = d.next;
		if (d.flags & VRING_DESC_F_INDIRECT) {
			if (!enter_table(q, &d, &table))
				return false;
			/* §2.7.5.3.2: its own WRITE is ignored. The chain goes on at entry 0. */
			i = 0;
			d.flags = VRING_DESC_F_NEXT;
		} else if (!add_buffer(q, chain, &d, table.indirect ? VIRTIO_QUEUE_MAX : q->size)) {
			return false;
		}
	} while (d.flags & VRING_DESC_F_NEXT);
	return true;
}

/* How many requests wait. */
static unsigned waiting(struct virtio_queue *q)
{
	uint16_t index = ring_load(q->driver, RING_INDEX);
	uint16_t n = (uint16_t)(index - q->avail_next);

	if (n > q->size) {
		broken(q, "its available index runs ahead");
		return 0;
	}
	return n;
}

bool virtio_queue_pop(struct virtio_queue *q, struct virtio_chain *ret)
{
	uint16_t head;

	if (!q->running || q->broken || !waiting(q))
		return false;
	head = ring_load(q->driver, RING_START + 2u * (q->avail_next & (q->size - 1u)));
	if (head >= q->size)
		return broken(q, "a head is out of range");
	if (q->in_flight[head / 64] & BIT64(head % 64))
		return broken(q, "a head is given twice");
	ret->head = head;
	ret->n_out = ret->n_in = 0;
	ret->out_len = ret->in_len = 0;
	if (!walk(q, head, ret))
		return false;
	q->in_flight[head / 64] |= BIT64(head % 64);
	q->avail_next++;
	return true;
}

void virtio_queue_fill(struct virtio_queue *q, uint16_t head, uint32_t written)
{
	uint8_t entry[USED_ENTRY];
	unsigned at;

	if (!q->running || q->broken || head >= q->size ||
	    !(q->in_flight[head / 64] & BIT64(head % 64)))
		return;
	q->in_flight[head / 64] &= ~BIT64(head % 64);
	store_le32(entry, head);
	store_le32(entry + 4, written);
	at = RING_START + USED_ENTRY * (q->used_next & (q->size - 1u));
	memcpy(q->device + at, entry, sizeof(entry));
	q->used_next++;
}

void virtio_queue_publish(struct virtio_queue *q)
{
	if (q->running && !q->broken)
		ring_store(q->device, RING_INDEX, q->used_next);
}

void virtio_queue_push(struct virtio_queue *q, uint16_t head, uint32_t written)
{
	virtio_queue_fill(q, head, written);
	virtio_queue_publish(q);
}

bool virtio_queue_listen(struct virtio_queue *q)
{
	if (!q->running || q->broken)
		return false;
	if (q->event_idx)
		ring_store(q->device, avail_event(q), q->avail_next);
	else
		ring_store(q->device, RING_FLAGS, 0);
	/* The driver adds, then looks whether to ring; we ask, then look whether it added (§2.7.10). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return waiting(q);
}

bool virtio_queue_interrupts(struct virtio_queue *q)
{
	uint16_t before = q->told, event;

	if (!q->running || q->broken || q->told == q->used_next)
		return false;
	/* The used index is out before the driver's wish is read (§2.7.7.2, §2.7.10). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	q->told = q->used_next;
	if (!q->event_idx)
		return !(ring_load(q->driver, RING_FLAGS) & VRING_AVAIL_F_NO_INTERRUPT);
	event = ring_load(q->driver, used_event(q));
	return vring_need_event(event, q->used_next, before);
}

uint16_t virtio_queue_filled(struct virtio_queue *q)
{
	if (!q->running || q->broken)
		return q->avail_next;
	return (uint16_t)(q->avail_next + waiting(q));
}

/* The part of the n vectors that begins at *offset: which, and what is left of it. */
static struct iovec part(const struct iovec *iov, unsigned n, size_t offset)
{
	for (unsigned i = 0; i < n; i++) {
		if (offset < iov[i].iov_len)
			return (struct iovec){ (uint8_t *)iov[i].iov_base + offset,
					       iov[i].iov_len - offset };
		offset -= iov[i].iov_len;
	}
	return (struct iovec){ NULL, 0 };
}

/* Between the vectors and what is ours: `into` it, or `from` it. */
static size_t copy(const struct iovec *iov, unsigned n, size_t offset, uint8_t *into,
		   const uint8_t *from, size_t len)
{
	size_t done = 0;

	while (done < len) {
		struct iovec p = part(iov, n, offset + done);
		size_t some = MIN(p.iov_len, len - done);

		if (!some)
			break;
		memcpy(into ? into + done : p.iov_base, into ? p.iov_base : from + done, some);
		done += some;
	}
	return done;
}

size_t virtio_iov_read(const struct iovec *iov, unsigned n, size_t offset, void *buf, size_t len)
{
	return copy(iov, n, offset, buf, NULL, len);
}

size_t virtio_iov_write(const struct iovec *iov, unsigned n, size_t offset, const void *buf,
			size_t len)
{
	return copy(iov, n, offset, NULL, buf, len);
}
