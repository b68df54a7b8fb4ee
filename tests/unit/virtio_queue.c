/* SPDX-License-Identifier: BSD-2-Clause */
/* The split queue against a driver that keeps the rules, and against ones that break each of them. */
#include "virtio-driver.h"

#include <base/fd.h>
#include <linux/virtio_config.h>

#define SIZE 16
#define ALL  (BIT64(VIRTIO_RING_F_EVENT_IDX) | BIT64(VIRTIO_RING_F_INDIRECT_DESC))

static struct virtio_queue q;
static struct virtio_chain chain;
static struct ring r;

static bool start(uint64_t features)
{
	ram_init();
	if (q.max)
		virtio_queue_deinit(&q);
	if (virtio_queue_init(&q, 64))
		abort();
	r = ring_init(0, SIZE);
	ring_connect(&r, &q);
	return virtio_queue_start(&q, &ram, features);
}

/* One chain of the descriptors that the test has set is refused, and so is all after it. */
#define CHECK_BREAKS(head, text)                       \
	do {                                           \
		ring_give(&r, head);                   \
		CHECK(!virtio_queue_pop(&q, &chain));  \
		CHECK(q.broken &&strstr(q.why, text)); \
		CHECK(!virtio_queue_pop(&q, &chain));  \
		CHECK(!virtio_queue_listen(&q));       \
		CHECK(!virtio_queue_interrupts(&q));   \
		virtio_queue_push(&q, 0, 0);           \
		CHECK_EQ(ring_used_index(&r), 0);      \
	} while (0)

static void there_and_back(void)
{
	uint32_t id, len;
	uint8_t bytes[8];

	CHECK(start(0));
	CHECK(!virtio_queue_pop(&q, &chain));
	memcpy(at(0x2000), "abc", 3);
	memcpy(at(0x3000), "defg", 4);
	ring_desc(&r, 5, 0x2000, 3, VRING_DESC_F_NEXT, 2);
	ring_desc(&r, 2, 0x3000, 4, VRING_DESC_F_NEXT, 9);
	ring_desc(&r, 9, HIGH + 100, 50, VRING_DESC_F_WRITE, 0);
	ring_give(&r, 5);
	CHECK(virtio_queue_pop(&q, &chain));
	CHECK_EQ(chain.head, 5);
	CHECK_EQ(chain.n_out, 2);
	CHECK_EQ(chain.n_in, 1);
	CHECK_EQ(chain.out_len, 7);
	CHECK_EQ(chain.in_len, 50);
	CHECK_EQ(virtio_iov_read(chain.iov, chain.n_out, 0, bytes, sizeof(bytes)), 7);
	CHECK(!memcmp(bytes, "abcdefg", 7));
	CHECK_EQ(virtio_iov_read(chain.iov, chain.n_out, 2, bytes, 3), 3);
	CHECK(!memcmp(bytes, "cde", 3));
	CHECK_EQ(virtio_iov_write(chain.iov + 2, 1, 0, "hello", 5), 5);
	CHECK(!virtio_queue_pop(&q, &chain));
	CHECK(!ring_take(&r, &id, &len));
	virtio_queue_push(&q, 5, 5);
	CHECK(ring_take(&r, &id, &len));
	CHECK_EQ(id, 5);
	CHECK_EQ(len, 5);
	CHECK(!memcmp(at(HIGH + 100), "hello", 5));
}

/* Indices are 16 bits and run on past the ring's size (§2.7.6). */
static void indices_wrap(void)
{
	uint32_t id, len;

	CHECK(start(0));
	for (unsigned i = 0; i < 70000; i++) {
		uint16_t head = ring_out(&r, "x", 1);

		CHECK(virtio_queue_pop(&q, &chain));
		CHECK_EQ(chain.head, head);
		virtio_queue_push(&q, head, 0);
		CHECK(ring_take(&r, &id, &len));
		CHECK_EQ(id, head);
	}
	CHECK(!q.broken);
}

static void full_ring_in_any_order(void)
{
	uint32_t id, len;

	CHECK(start(0));
	for (unsigned i = 0; i < SIZE; i++)
		ring_in(&r, 64);
	for (unsigned i = 0; i < SIZE; i++)
		CHECK(virtio_queue_pop(&q, &chain));
	CHECK(!virtio_queue_pop(&q, &chain) && !q.broken);
	for (unsigned i = SIZE; i--;)
		virtio_queue_push(&q, (uint16_t)i, i);
	for (unsigned i = SIZE; i--;) {
		CHECK(ring_take(&r, &id, &len));
		CHECK_EQ(id, i);
		CHECK_EQ(len, i);
	}
	/* Not in flight: nobody is told of it. */
	virtio_queue_push(&q, 3, 1);
	virtio_queue_push(&q, 999, 1);
	CHECK(!ring_take(&r, &id, &len));
}

static void index_runs_ahead(void)
{
	CHECK(start(0));
	store_le16(at(r.avail) + 2, SIZE + 1);
	CHECK(!virtio_queue_pop(&q, &chain));
	CHECK(q.broken && strstr(q.why, "runs ahead"));
}

static void head_out_of_range(void)
{
	CHECK(start(0));
	CHECK_BREAKS(SIZE, "head is out of range");
	CHECK(start(0));
	CHECK_BREAKS(0xffff, "head is out of range");
}

static void head_given_twice(void)
{
	CHECK(start(0));
	ring_desc(&r, 3, 0x2000, 4, 0, 0);
	ring_give(&r, 3);
	CHECK(virtio_queue_pop(&q, &chain));
	virtio_queue_push(&q, 3, 0);
	ring_give(&r, 3);
	CHECK(virtio_queue_pop(&q, &chain)); /* it came back before */
	ring_give(&r, 3);
	CHECK(!virtio_queue_pop(&q, &chain));
	CHECK(q.broken && strstr(q.why, "given twice"));
}

static void chain_loops(void)
{
	CHECK(start(0));
	ring_desc(&r, 0, 0x2000, 4, VRING_DESC_F_NEXT, 0);
	CHECK_BREAKS(0, "loops");
	CHECK(start(0));
	ring_desc(&r, 0, 0x2000, 4, VRING_DESC_F_NEXT, 1);
	ring_desc(&r, 1, 0x2000, 4, VRING_DESC_F_NEXT, 0);
	CHECK_BREAKS(0, "loops");
}

static void chain_of_the_whole_queue(void)
{
	CHECK(start(0));
	for (unsigned i = 0; i < SIZE; i++)
		ring_desc(&r, i, 0x2000, 4, i < SIZE - 1 ? VRING_DESC_F_NEXT : 0,
			  (uint16_t)(i + 1));
	ring_give(&r, 0);
	CHECK(virtio_queue_pop(&q, &chain));
	CHECK_EQ(chain.n_out, SIZE);
}

static void next_out_of_range(void)
{
	CHECK(start(0));
	ring_desc(&r, 0, 0x2000, 4, VRING_DESC_F_NEXT, SIZE);
	CHECK_BREAKS(0, "leaves its table");
}

static void empty_buffer(void)
{
	CHECK(start(0));
	ring_desc(&r, 0, 0x2000, 0, 0, 0);
	CHECK_BREAKS(0, "empty buffer");
}

static void lengths_that_wrap(void)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
	} bad[] = {
		{ UINT64_MAX - 7, 16 },
		{ UINT64_MAX, 1 },
		{ LOW_SIZE - 4, 5 },
		{ LOW_SIZE, 1 },
		{ HIGH - 4, 8 },
		{ 0x2000, UINT32_MAX },
		{ HIGH + HIGH_SIZE - 1, 2 },
		{ UINT64_MAX - 3, 0xffffffff },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK(start(0));
		ring_desc(&r, 0, bad[i].addr, bad[i].len, 0, 0);
		CHECK_BREAKS(0, "not in RAM");
	}
	CHECK(start(0));
	ring_desc(&r, 0, LOW_SIZE - 4, 4, 0, 0);
	ring_give(&r, 0);
	CHECK(virtio_queue_pop(&q, &chain));
}

/* 32 MiB many times over: what was written of it is told in 32 bits (§2.7.5.2). */
static void more_than_4_gib(void)
{
	CHECK(start(ALL));
	for (unsigned i = 0; i < 128; i++)
		table_set(0x4000, i, 0, (uint32_t)LOW_SIZE,
			  VRING_DESC_F_WRITE | (i < 127 ? VRING_DESC_F_NEXT : 0),
			  (uint16_t)(i + 1));
	ring_desc(&r, 0, 0x4000, 127 * 16, VRING_DESC_F_INDIRECT, 0);
	table_set(0x4000, 126, 0, (uint32_t)LOW_SIZE, VRING_DESC_F_WRITE, 0);
	ring_give(&r, 0);
	CHECK(virtio_queue_pop(&q, &chain));
	CHECK_EQ(chain.in_len, 127 * LOW_SIZE);
	table_set(0x4000, 126, 0, (uint32_t)LOW_SIZE, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 127);
	ring_desc(&r, 1, 0x4000, 128 * 16, VRING_DESC_F_INDIRECT, 0);
	CHECK_BREAKS(1, "4 GiB");
}

/* Allowed, and read as it lies there: a driver may write one page many times. */
static void buffers_that_overlap(void)
{
	uint8_t bytes[12];

	CHECK(start(0));
	memcpy(at(0x2000), "abcdef", 6);
	ring_desc(&r, 0, 0x2000, 6, VRING_DESC_F_NEXT, 1);
	ring_desc(&r, 1, 0x2002, 4, VRING_DESC_F_NEXT, 2);
	ring_desc(&r, 2, 0x2000, 6, VRING_DESC_F_WRITE, 0);
	ring_give(&r, 0);
	CHECK(virtio_queue_pop(&q, &chain));
	CHECK_EQ(virtio_iov_read(chain.iov, chain.n_out, 0, bytes, sizeof(bytes)), 10);
	CHECK(!memcmp(bytes, "abcdefcdef", 10));
	/* Even the rings may be written over; the queue then sees another guest, and no more. */
	ring_desc(&r, 4, r.avail, 64, VRING_DESC_F_WRITE, 0);
	ring_give(&r, 4);
	CHECK(virtio_queue_pop(&q, &chain));
	memset(bytes, 0xff, sizeof(bytes));
	CHECK_EQ(virtio_iov_write(chain.iov, chain.n_in, 0, bytes, sizeof(bytes)), 12);
	CHECK(!virtio_queue_pop(&q, &chain));
	CHECK(q.broken);
}

static void readable_behind_writable(void)
{
	CHECK(start(0));
	ring_desc(&r, 0, 0x2000, 4, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
	ring_desc(&r, 1, 0x3000, 4, 0, 0);
	CHECK_BREAKS(0, "behind a writable");
}

static void indirect(void)
{
	CHECK(start(ALL));
	/* A direct buffer, then a table; the table's own WRITE means nothing (§2.7.5.3.2). */
	ring_desc(&r, 0, 0x2000, 4, VRING_DESC_F_NEXT, 1);
	ring_desc(&r, 1, 0x4000, 3 * 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE, 0);
	table_set(0x4000, 0, 0x2100, 5, VRING_DESC_F_NEXT, 2);
	table_set(0x4000, 2, 0x2200, 6, VRING_DESC_F_WRITE, 0);
	ring_give(&r, 0);
	CHECK(virtio_queue_pop(&q, &chain));
	CHECK_EQ(chain.n_out, 2);
	CHECK_EQ(chain.out_len, 9);
	CHECK_EQ(chain.n_in, 1);
	CHECK_EQ(chain.in_len, 6);
}

/* Linux fills a table beyond what a small queue holds. */
static void indirect_longer_than_the_queue(void)
{
	CHECK(start(ALL));
	for (unsigned i = 0; i < VIRTIO_QUEUE_MAX + 1; i++)
		table_set(0x4000, i, 0x2000, 4, VRING_DESC_F_NEXT, (uint16_t)(i + 1));
	table_set(0x4000, VIRTIO_QUEUE_MAX - 1, 0x2000, 4, 0, 0);
	ring_desc(&r, 0, 0x4000, VIRTIO_QUEUE_MAX * 16, VRING_DESC_F_INDIRECT, 0);
	ring_give(&r, 0);
	CHECK(virtio_queue_pop(&q, &chain));
	CHECK_EQ(chain.n_out, VIRTIO_QUEUE_MAX);
	table_set(0x4000, VIRTIO_QUEUE_MAX - 1, 0x2000, 4, VRING_DESC_F_NEXT, VIRTIO_QUEUE_MAX);
	ring_desc(&r, 1, 0x4000, (VIRTIO_QUEUE_MAX + 1) * 16, VRING_DESC_F_INDIRECT, 0);
	CHECK_BREAKS(1, "too long");
}

static void indirect_gone_wrong(void)
{
	CHECK(start(BIT64(VIRTIO_RING_F_EVENT_IDX)));
	ring_desc(&r, 0, 0x4000, 16, VRING_DESC_F_INDIRECT, 0);
	CHECK_BREAKS(0, "not negotiated");

	CHECK(start(ALL)); /* a table in a table */
	ring_desc(&r, 0, 0x4000, 16, VRING_DESC_F_INDIRECT, 0);
	table_set(0x4000, 0, 0x4000, 16, VRING_DESC_F_INDIRECT, 0);
	CHECK_BREAKS(0, "leads to another");

	CHECK(start(ALL)); /* the queue's own table, for ever */
	ring_desc(&r, 0, r.desc, 16, VRING_DESC_F_INDIRECT, 0);
	CHECK_BREAKS(0, "leads to another");

	CHECK(start(ALL));
	ring_desc(&r, 0, 0x4000, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1);
	CHECK_BREAKS(0, "goes on behind");

	CHECK(start(ALL));
	ring_desc(&r, 0, 0x4000, 24, VRING_DESC_F_INDIRECT, 0);
	CHECK_BREAKS(0, "crooked");
	CHECK(start(ALL));
	ring_desc(&r, 0, 0x4000, 0, VRING_DESC_F_INDIRECT, 0);
	CHECK_BREAKS(0, "crooked");

	CHECK(start(ALL));
	ring_desc(&r, 0, UINT64_MAX - 15, 32, VRING_DESC_F_INDIRECT, 0);
	CHECK_BREAKS(0, "table is not in RAM");
	CHECK(start(ALL));
	ring_desc(&r, 0, LOW_SIZE - 16, 32, VRING_DESC_F_INDIRECT, 0);
	CHECK_BREAKS(0, "table is not in RAM");

	CHECK(start(ALL)); /* a loop inside, and a way out */
	ring_desc(&r, 0, 0x4000, 16, VRING_DESC_F_INDIRECT, 0);
	table_set(0x4000, 0, 0x2000, 4, VRING_DESC_F_NEXT, 0);
	CHECK_BREAKS(0, "loops");
	CHECK(start(ALL));
	ring_desc(&r, 0, 0x4000, 16, VRING_DESC_F_INDIRECT, 0);
	table_set(0x4000, 0, 0x2000, 4, VRING_DESC_F_NEXT, 1);
	CHECK_BREAKS(0, "leaves its table");
}

/* What the guest changes after it was taken changes nothing. */
static void taken_once(void)
{
	CHECK(start(0));
	ring_desc(&r, 0, 0x2000, 4, 0, 0);
	ring_give(&r, 0);
	CHECK(virtio_queue_pop(&q, &chain));
	ring_desc(&r, 0, UINT64_MAX, 4, VRING_DESC_F_NEXT, 0);
	CHECK_EQ((uintptr_t)chain.iov[0].iov_base, (uintptr_t)at(0x2000));
	CHECK_EQ(chain.out_len, 4);
}

static void rings_elsewhere(void)
{
	static const struct {
		gpa_t desc, driver, device;
		const char *why;
	} bad[] = {
		{ 0x10008, 0x20000, 0x30000, "aligned" },
		{ 0x10000, 0x20001, 0x30000, "aligned" },
		{ 0x10000, 0x20000, 0x30002, "aligned" },
		{ UINT64_MAX - 15, 0x20000, 0x30000, "not in RAM" },
		{ LOW_SIZE - 16, 0x20000, 0x30000, "not in RAM" },
		{ 0x10000, LOW_SIZE - 4, 0x30000, "not in RAM" },
		{ 0x10000, 0x20000, HIGH - 4, "not in RAM" },
		/* All but the event index at the end of each. */
		{ 0x10000, LOW_SIZE - 4 - 2 * SIZE, 0x30000, "not in RAM" },
		{ 0x10000, 0x20000, LOW_SIZE - 4 - 8 * SIZE, "not in RAM" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		start(0);
		q.running = false;
		q.desc_at = bad[i].desc;
		q.driver_at = bad[i].driver;
		q.device_at = bad[i].device;
		CHECK(!virtio_queue_start(&q, &ram, 0));
		CHECK(!q.running && strstr(q.why, bad[i].why));
		CHECK(!virtio_queue_pop(&q, &chain));
	}
}

static void interrupts_by_flag(void)
{
	CHECK(start(0));
	CHECK(!virtio_queue_interrupts(&q)); /* nothing has come back */
	ring_out(&r, "x", 1);
	CHECK(virtio_queue_pop(&q, &chain));
	virtio_queue_push(&q, chain.head, 0);
	CHECK(virtio_queue_interrupts(&q));
	CHECK(!virtio_queue_interrupts(&q)); /* told */
	store_le16(at(r.avail), VRING_AVAIL_F_NO_INTERRUPT);
	ring_out(&r, "x", 1);
	CHECK(virtio_queue_pop(&q, &chain));
	virtio_queue_push(&q, chain.head, 0);
	CHECK(!virtio_queue_interrupts(&q));
}

/* §2.7.10: at the entry that the driver names, and not before; also across the wrap. */
static void interrupts_by_event(void)
{
	CHECK(start(ALL));
	for (unsigned i = 0; i < 70000; i++) {
		bool wanted = i % 3 == 2;

		if (i % 3 == 0)
			store_le16(at(r.avail) + 4 + 2 * SIZE, (uint16_t)(i + 2));
		ring_out(&r, "x", 1);
		CHECK(virtio_queue_pop(&q, &chain));
		virtio_queue_push(&q, chain.head, 0);
		CHECK_EQ(virtio_queue_interrupts(&q), wanted);
	}
	/* Several at once, with the entry among them. */
	store_le16(at(r.avail) + 4 + 2 * SIZE, (uint16_t)(q.used_next + 1));
	for (unsigned i = 0; i < 3; i++) {
		ring_out(&r, "x", 1);
		CHECK(virtio_queue_pop(&q, &chain));
		virtio_queue_push(&q, chain.head, 0);
	}
	CHECK(virtio_queue_interrupts(&q));
}

static void doorbells_asked_for(void)
{
	CHECK(start(ALL));
	CHECK(!virtio_queue_listen(&q));
	CHECK_EQ(load_le16(at(r.used) + 4 + 8 * SIZE), 0);
	ring_out(&r, "x", 1);
	CHECK(virtio_queue_listen(&q)); /* came before we asked: no doorbell for it */
	CHECK(virtio_queue_pop(&q, &chain));
	CHECK(!virtio_queue_listen(&q));
	CHECK_EQ(load_le16(at(r.used) + 4 + 8 * SIZE), 1);
	CHECK_EQ(virtio_queue_filled(&q), 1);
	ring_out(&r, "x", 1);
	CHECK_EQ(virtio_queue_filled(&q), 2);
}

static void reset_forgets(void)
{
	int fd;

	CHECK(start(ALL));
	ring_out(&r, "x", 1);
	CHECK(virtio_queue_pop(&q, &chain));
	fd_event_signal(q.kick_fd);
	fd = q.kick_fd;
	virtio_queue_reset(&q);
	CHECK_EQ(fd_event_take(q.kick_fd), 0);
	CHECK_EQ(q.kick_fd, fd);
	CHECK_EQ(q.size, 64);
	CHECK(!q.enabled && !q.running && !q.broken && !q.desc_at && !q.driver_at && !q.device_at);
	CHECK(!virtio_queue_pop(&q, &chain));
	virtio_queue_push(&q, 0, 0); /* a request of before */
	CHECK_EQ(ring_used_index(&r), 0);
	r = ring_init(0, SIZE);
	ring_connect(&r, &q);
	CHECK(virtio_queue_start(&q, &ram, 0));
	ring_out(&r, "x", 1);
	CHECK(virtio_queue_pop(&q, &chain)); /* head 0 is not in flight any more */
	CHECK_EQ(chain.head, 0);
}

static const struct test tests[] = {
	TEST(there_and_back),
	TEST(indices_wrap),
	TEST(full_ring_in_any_order),
	TEST(index_runs_ahead),
	TEST(head_out_of_range),
	TEST(head_given_twice),
	TEST(chain_loops),
	TEST(chain_of_the_whole_queue),
	TEST(next_out_of_range),
	TEST(empty_buffer),
	TEST(lengths_that_wrap),
	TEST(more_than_4_gib),
	TEST(buffers_that_overlap),
	TEST(readable_behind_writable),
	TEST(indirect),
	TEST(indirect_longer_than_the_queue),
	TEST(indirect_gone_wrong),
	TEST(taken_once),
	TEST(rings_elsewhere),
	TEST(interrupts_by_flag),
	TEST(interrupts_by_event),
	TEST(doorbells_asked_for),
	TEST(reset_forgets),
};
TEST_MAIN(tests)
