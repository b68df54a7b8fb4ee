/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's chain of buffers (VIRTIO 1.3 §2.7): from any chain so far, whatever the next descriptor says, the chain
 * grows by one buffer that is whole in RAM and not empty, readable ones first, and never beyond its limit or 4 GiB; or
 * the queue is broken. And an indirect table is entered once, when it was negotiated, whole, and in RAM.
 *
 * unwind: 1
 */
#include "../../devices/virtio/queue.c"
#include <proof.h>

static uint8_t ram[16];
static bool in_ram;

/* Where it is does not matter; that the whole length was asked for does. */
void *memory_at(const struct memory *memory, gpa_t gpa, uint64_t len)
{
	in_ram = any(bool);
	return in_ram ? ram : NULL;
}

static struct virtio_queue q;
static struct virtio_chain chain;

static void buffer(void)
{
	unsigned limit = any(unsigned), n;
	struct desc d = any(struct desc);
	uint64_t length;

	chain.n_out = any(uint8_t);
	chain.n_in = any(uint8_t);
	chain.out_len = any(uint32_t);
	chain.in_len = any(uint32_t);
	n = chain.n_out + chain.n_in;
	length = chain.out_len + chain.in_len;
	assume(n <= limit && limit <= VIRTIO_QUEUE_MAX && length <= UINT32_MAX);
	if (!add_buffer(&q, &chain, &d, limit)) {
		prove(q.broken && q.why, "broken, with a reason");
		reach("broken");
		return;
	}
	prove(chain.n_out + chain.n_in == n + 1 && n < limit, "one more, in its limit");
	prove(in_ram && chain.iov[n].iov_base == ram && chain.iov[n].iov_len == d.len && d.len, "in RAM, not empty");
	prove(chain.out_len + chain.in_len == length + d.len && length + d.len <= UINT32_MAX, "4 GiB at most");
	prove(d.flags & VRING_DESC_F_WRITE || !chain.n_in, "readable ones first");
	reach("a buffer");
}

/* It may lie where the queue's own is. */
static void table(void)
{
	const bool first = any(bool);
	struct table t = { any(bool) ? ram : ram + 8, 7, !first };
	struct desc d = any(struct desc);

	q.desc = ram;
	q.indirect = any(bool);
	if (enter_table(&q, &d, &t)) {
		prove(q.indirect && first && in_ram && !(d.flags & VRING_DESC_F_NEXT), "once, negotiated, in RAM");
		prove(t.indirect, "never again");
		prove(t.entries && t.entries * (uint64_t)DESC_SIZE == d.len, "whole descriptors");
		reach("entered");
	} else {
		prove(q.broken, "broken");
	}
}

int main(void)
{
	if (any(bool))
		buffer();
	else
		table();
	return 0;
}
