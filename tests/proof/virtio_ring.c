/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rings of a guest's queue (VIRTIO 1.3 §2.7), with indices anywhere, also where they wrap at 2^16: what is given
 * back is written inside the used ring, once for each head that was taken; a head is taken once, and only one that the
 * queue has; an available index that runs ahead breaks it; and the driver is interrupted exactly when it asked to be by
 * used_event, or not at all while nothing was given back. A queue of four entries, one buffer a chain.
 *
 * files: devices/virtio/queue.c
 * unwind: 2, buffers of a chain
 */
#include "../../devices/virtio/queue.h"
#include <linux/virtio_ring.h>
#include <proof.h>

#define SIZE 4

static uint8_t ram[64];

void *memory_at(const struct memory *memory, gpa_t gpa, uint64_t len)
{
	return gpa < sizeof(ram) && len <= sizeof(ram) - gpa ? ram + gpa : NULL;
}

int fd_event(int *ret)
{
	return 0;
}

uint64_t fd_event_take(int fd)
{
	return 0;
}

void fd_close(int *fd)
{
}

int main(void)
{
	/* Objects that end where the rings do. */
	static uint8_t desc[16 * SIZE], driver[6 + 2 * SIZE], device[6 + 8 * SIZE];
	struct virtio_queue q = { .max = SIZE, .size = SIZE, .running = true, .desc = desc, .driver = driver, .device = device };
	uint16_t next, used, told, ahead, event;
	static struct virtio_chain chain;
	uint64_t flying;
	bool wanted;

	__CPROVER_havoc_object(desc);
	__CPROVER_havoc_object(driver);
	/* One buffer each: no NEXT, and nothing indirect. */
	desc[12] = desc[28] = desc[44] = desc[60] = any(bool) ? VRING_DESC_F_WRITE : 0;
	q.event_idx = any(bool);
	next = q.avail_next = any(uint16_t);
	used = q.used_next = any(uint16_t);
	told = q.told = any(uint16_t);
	flying = q.in_flight[0] = any(uint64_t);
	ahead = (uint16_t)((driver[2] | driver[3] << 8) - next);
	if (virtio_queue_pop(&q, &chain)) {
		prove(ahead >= 1 && ahead <= SIZE, "there was one");
		prove(chain.head < SIZE && !(flying & BIT64(chain.head)) && q.in_flight[0] & BIT64(chain.head), "taken once");
		prove(chain.n_in + chain.n_out == 1 && q.avail_next == (uint16_t)(next + 1), "one");
		reach("taken");
		virtio_queue_push(&q, chain.head, 5);
		prove(q.in_flight[0] == flying && q.used_next == (uint16_t)(used + 1), "given back");
		prove(device[2] == (uint8_t)q.used_next && device[3] == q.used_next >> 8, "and told");
		prove(device[4 + 8 * (used % SIZE)] == chain.head, "in its place");
		virtio_queue_push(&q, chain.head, 5);
		prove(q.used_next == (uint16_t)(used + 1), "a second time it is nobody's");
	} else {
		prove(q.avail_next == next && q.in_flight[0] == flying, "nothing is taken");
		prove(ahead <= SIZE || q.broken, "an index that runs ahead");
	}
	if (q.broken)
		return 0;
	event = (uint16_t)(driver[4 + 2 * SIZE] | driver[5 + 2 * SIZE] << 8);
	used = q.used_next;
	wanted = q.event_idx ? (uint16_t)(event - told) < (uint16_t)(used - told) : !(driver[0] & 1);
	prove(virtio_queue_interrupts(&q) == (told != used && wanted), "interrupted when it asked to be");
	if (q.told != told)
		reach("interrupted, or not");
	return 0;
}
