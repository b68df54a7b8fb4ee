/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small virtio driver for tests: it fills split rings in a fake guest's RAM, as a Linux driver would or
 * as none ever should (VIRTIO 1.3 §2.7). RAM is two regions with a hole between.
 */
#pragma once

#include "test.h"

#include <base/bytes.h>
#include <base/types.h>
#include <core/memory.h>
#include <devices/virtio/queue.h>
#include <linux/virtio_ring.h>

#define LOW_SIZE  MIB(32)
#define HIGH      GIB(1)
#define HIGH_SIZE MIB(1)
#define BUFFERS   MIB(1) /* rings lie below, buffers from here on */

static struct memory ram;

/* One ring: where it lies, and what the driver knows of it. */
struct ring {
	gpa_t desc, avail, used, buffers;
	uint16_t size;
	uint16_t avail_idx; /* next to publish */
	uint16_t used_idx;  /* next to look at */
	uint16_t free;      /* next descriptor */
};

static inline void ram_init(void)
{
	static const struct range regions[] = { { 0, LOW_SIZE }, { HIGH, HIGH_SIZE } };

	if (ram.hva)
		memory_deinit(&ram);
	if (memory_init(&ram, -1, regions, ARRAY_SIZE(regions)))
		abort();
}

static inline uint8_t *at(gpa_t gpa)
{
	uint8_t *p = memory_at(&ram, gpa, 1);

	if (!p)
		abort();
	return p;
}

static inline struct ring ring_init(unsigned i, uint16_t size)
{
	gpa_t base = 0x10000 + 0x8000ull * i;

	memset(at(base), 0, 0x8000);
	return (struct ring){
		.desc = base,
		.avail = base + 0x4000,
		.used = base + 0x5000,
		.buffers = BUFFERS + KIB(512) * i,
		.size = size,
	};
}

static inline void table_set(gpa_t table, unsigned i, uint64_t addr, uint32_t len, uint16_t flags,
			     uint16_t next)
{
	uint8_t *d = at(table) + 16 * i;

	store_le64(d, addr);
	store_le32(d + 8, len);
	store_le16(d + 12, flags);
	store_le16(d + 14, next);
}

static inline void ring_desc(struct ring *r, unsigned i, uint64_t addr, uint32_t len,
			     uint16_t flags, uint16_t next)
{
	table_set(r->desc, i, addr, len, flags, next);
}

/* Publish a head. */
static inline void ring_give(struct ring *r, uint16_t head)
{
	store_le16(at(r->avail) + 4 + 2 * (r->avail_idx % r->size), head);
	r->avail_idx++;
	__atomic_store_n((uint16_t *)(at(r->avail) + 2), r->avail_idx, __ATOMIC_SEQ_CST);
}

/* One buffer of its own for the descriptor. Returns its address. */
static inline gpa_t ring_buffer(struct ring *r, uint16_t i)
{
	return r->buffers + 4096ull * i;
}

/* Publish one descriptor with bytes to read, or with room. */
static inline uint16_t ring_out(struct ring *r, const void *bytes, uint32_t len)
{
	uint16_t i = r->free++ % r->size;

	memcpy(at(ring_buffer(r, i)), bytes, len);
	ring_desc(r, i, ring_buffer(r, i), len, 0, 0);
	ring_give(r, i);
	return i;
}

static inline uint16_t ring_in(struct ring *r, uint32_t len)
{
	uint16_t i = r->free++ % r->size;

	ring_desc(r, i, ring_buffer(r, i), len, VRING_DESC_F_WRITE, 0);
	ring_give(r, i);
	return i;
}

static inline uint16_t ring_used_index(const struct ring *r)
{
	return __atomic_load_n((uint16_t *)(at(r->used) + 2), __ATOMIC_SEQ_CST);
}

/* What came back next; false: nothing. */
static inline bool ring_take(struct ring *r, uint32_t *ret_id, uint32_t *ret_len)
{
	uint8_t *entry = at(r->used) + 4 + 8 * (r->used_idx % r->size);

	if (ring_used_index(r) == r->used_idx)
		return false;
	*ret_id = load_le32(entry);
	*ret_len = load_le32(entry + 4);
	r->used_idx++;
	return true;
}

/* Give the queue these rings. */
static inline void ring_connect(const struct ring *r, struct virtio_queue *q)
{
	q->size = r->size;
	q->desc_at = r->desc;
	q->driver_at = r->avail;
	q->device_at = r->used;
	q->enabled = true;
}
