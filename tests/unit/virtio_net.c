/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network card over a stream socket, against a driver written here and a peer at the socket's other end:
 * frames both ways, in several buffers, with a socket that is full and a guest without buffers, resets in the
 * middle of a frame, lengths that cannot be, an end of the stream, a driver that breaks the rules.
 */
#include "rubbish.h"
#include "virtio-driver.h"
#include "virtio-events.h"

#include <base/error.h>
#include <base/fd.h>
#include <devices/virtio/device.h>
#include <devices/virtio_net.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIZE   32
#define HEADER 12
#define ALL    (~BIT64(VIRTIO_RING_F_EVENT_IDX)) /* the driver here wants every interrupt */

static struct virtio_net *net;
static struct virtio_device *dev;
static struct ring rx, tx;
static int peer = -1;
static unsigned config_changes;

static void config_interrupt(void *ctx)
{
	__atomic_add_fetch(&config_changes, 1, __ATOMIC_SEQ_CST);
	fd_event_signal(event_fd);
}

static const struct virtio_transport_ops transport = { queue_interrupt, config_interrupt };

static void unplug(void)
{
	if (dev)
		virtio_device_unplug(dev);
	virtio_net_destroy(net);
	fd_close(&peer);
	net = NULL;
	dev = NULL;
	error_clear();
}

static uint16_t size = SIZE;

static void drive(uint64_t features)
{
	features = (features & dev->offered) | BIT64(VIRTIO_F_VERSION_1);
	driver_ready(dev, features);
	rx = ring_init(0, size);
	tx = ring_init(1, size);
	ring_connect(&rx, &dev->queues[0]);
	ring_connect(&tx, &dev->queues[1]);
	virtio_device_write_status(dev, LIVE);
}

static void plug(unsigned mtu)
{
	struct virtio_net_link link = { .name = "test", .mac = { 2, 0, 0, 0, 0, 7 }, .mtu = mtu };
	int ends[2];

	unplug();
	events_init();
	config_changes = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		abort();
	link.fd = ends[0];
	peer = ends[1];
	if (virtio_net_create(&link, &net))
		abort();
	dev = virtio_net_device(net);
	ram_init();
	virtio_device_plug(dev, &ram, &transport, NULL);
}

static void kick(unsigned queue)
{
	fd_event_signal(dev->queues[queue].kick_fd);
}

/* The byte at `i` of frame `id`. */
static uint8_t byte_of(unsigned id, size_t i)
{
	return (uint8_t)(seed * 31 + i * 7 + (i >> 8));
}

/* The peer sends a frame; with another length than it has when `says` is given. */
static void peer_sends(unsigned id, uint32_t len)
{
	uint8_t frame[4 + 65600] = { (uint8_t)(len >> 24), (uint8_t)(len >> 16),
				     (uint8_t)(len >> 8), (uint8_t)len };

	for (size_t i = 0; i < len; i++)
		frame[4 + i] = byte_of(id, i);
	CHECK_EQ(send(peer, frame, 4 + len, MSG_NOSIGNAL), 4 + len);
}

static void peer_reads(void *to, size_t len)
{
	CHECK_EQ(recv(peer, to, len, MSG_WAITALL), len);
}

static void peer_gets(unsigned id, size_t len)
{
	uint8_t frame[4 + 65600];
	unsigned wrong = 0;

	peer_reads(frame, 4);
	CHECK_EQ((size_t)frame[0] << 24 | frame[1] << 16 | frame[2] << 8 | frame[3], len);
	peer_reads(frame, len);
	for (size_t i = 0; i < len; i++)
		wrong += frame[i] != byte_of(id, i);
	CHECK_EQ(wrong, 0);
}

/* A frame of up to two buffers of 4096 bytes, header first, as one chain. */
static void guest_sends(unsigned id, size_t len)
{
	uint8_t bytes[HEADER + 8192] = { 0 };
	uint16_t first = tx.free++ % size, second = 0;
	size_t all = HEADER + len, head = MIN(all, (size_t)4096);

	for (size_t i = 0; i < len; i++)
		bytes[HEADER + i] = byte_of(id, i);
	memcpy(at(ring_buffer(&tx, first)), bytes, head);
	if (all > head) {
		second = tx.free++ % size;
		memcpy(at(ring_buffer(&tx, second)), bytes + head, all - head);
		ring_desc(&tx, second, ring_buffer(&tx, second), (uint32_t)(all - head), 0, 0);
	}
	ring_desc(&tx, first, ring_buffer(&tx, first), (uint32_t)head,
		  all > head ? VRING_DESC_F_NEXT : 0, second);
	ring_give(&tx, first);
}

/* What came back on rx: a frame in `in` buffers, put together. */
static void guest_gets(unsigned id, size_t want, unsigned in)
{
	unsigned n = 1, wrong = 0;
	size_t total = 0;

	for (unsigned i = 0; i < n; i++) {
		uint32_t head = 0, len = 0;
		const uint8_t *buffer;

		UNTIL(ring_take(&rx, &head, &len));
		buffer = at(ring_buffer(&rx, (uint16_t)head));
		if (!i)
			n = load_le16(buffer + 10);
		for (uint32_t k = i ? 0 : HEADER; k < len; k++)
			wrong += buffer[k] != byte_of(id, total + k - HEADER);
		total += len;
	}
	CHECK_EQ(wrong, 0);
	CHECK_EQ(total - HEADER, want);
	CHECK_EQ(n, in);
}

/* Something happened within a moment, in which what can happen does. */
static bool soon(void)
{
	struct pollfd p = { event_fd, POLLIN, 0 };

	return poll(&p, 1, 100) == 1 && fd_event_take(event_fd);
}

static void found(void)
{
	uint8_t config[12];

	plug(9000);
	virtio_device_config_read(dev, 0, config, sizeof(config));
	CHECK_EQ(config[0], 2);
	CHECK_EQ(config[5], 7);
	CHECK_EQ(load_le16(config + 6), VIRTIO_NET_S_LINK_UP);
	CHECK_EQ(load_le16(config + 8), 1);
	CHECK_EQ(load_le16(config + 10), 9000);
	CHECK(dev->offered & BIT64(VIRTIO_NET_F_MTU));
	/* Frames go as they are: nobody here fills in a checksum. */
	CHECK(!(dev->offered & (BIT64(VIRTIO_NET_F_CSUM) | BIT64(VIRTIO_NET_F_GUEST_CSUM) |
				BIT64(VIRTIO_NET_F_HOST_TSO4) | BIT64(VIRTIO_NET_F_GUEST_TSO4))));
	plug(0);
	CHECK(!(dev->offered & BIT64(VIRTIO_NET_F_MTU)));
}

static void both_ways(void)
{
	static const unsigned sizes[] = { 14, 60, 1514, 4084, 4085, 8000 };
	plug(0);
	drive(ALL);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		guest_sends(i, sizes[i]);
		kick(1);
		peer_gets(i, sizes[i]);
		for (unsigned k = 0; k < 3; k++)
			ring_in(&rx, 4096);
		kick(0);
		peer_sends(i, sizes[i]);
		guest_gets(i, sizes[i], (sizes[i] + HEADER + 4095) / 4096);
	}
}

static void one_each_way(unsigned id)
{
	guest_sends(id, 60);
	kick(1);
	peer_gets(id, 60);
	ring_in(&rx, 4096);
	kick(0);
	peer_sends(id, 60);
	guest_gets(id, 60, 1);
}

/* A driver that knows any one feature less, or of all only one; queues of every size. */
static void any_features_and_sizes(void)
{
	plug(1500);
	for (unsigned bit = 0; bit < 64; bit++) {
		if (!(dev->offered & ALL & BIT64(bit)))
			continue;
		drive(ALL & ~BIT64(bit));
		one_each_way(bit);
		drive(BIT64(bit));
		one_each_way(bit);
	}
	for (size = 1; size <= 256; size = (uint16_t)(2 * size)) {
		drive(ALL);
		for (unsigned i = 0; i < 5; i++)
			one_each_way(i);
	}
	size = SIZE;
}

/* The largest frame, in buffers that come one by one: it is seen whole, or not at all. */
static void in_many_buffers(void)
{
	unsigned len = 65534;

	plug(65520);
	drive(ALL);
	peer_sends(3, len);
	for (unsigned i = 0; i < 16; i++) {
		ring_in(&rx, 4096);
		kick(0);
	}
	CHECK_EQ(ring_used_index(&rx), 0);
	ring_in(&rx, 4096);
	kick(0);
	guest_gets(3, len, 17);
}

/* A guest without buffers loses nothing; what does not fit into one buffer breaks one that cannot merge. */
static void without_buffers(void)
{
	plug(0);
	drive(ALL);
	for (unsigned i = 0; i < 40; i++)
		peer_sends(i, 1000);
	for (unsigned i = 0; i < 40; i++) {
		ring_in(&rx, 4096);
		kick(0);
		guest_gets(i, 1000, 1);
	}
	plug(0);
	drive(ALL & ~BIT64(VIRTIO_NET_F_MRG_RXBUF));
	ring_in(&rx, 1000);
	ring_in(&rx, 1000);
	kick(0);
	peer_sends(0, 1500);
	UNTIL(virtio_device_broken(dev));
	CHECK_EQ(ring_used_index(&rx), 0);
}

/* The peer does not read: the guest's frames wait in its queue, and all come once it does. */
static void full_socket(void)
{
	unsigned sent = 0, got = 0;

	plug(0);
	drive(ALL);
	while (sent < 2000) {
		uint32_t id, len;

		if (tx.avail_idx - ring_used_index(&tx) < SIZE / 2) {
			guest_sends(sent++, 4000);
			kick(1);
		} else if (!ring_take(&tx, &id, &len) && got < sent) {
			peer_gets(got++, 4000);
		}
	}
	while (got < sent)
		peer_gets(got++, 4000);
	UNTIL(ring_used_index(&tx) == tx.avail_idx);
}

/* Reset with a frame half out: the stream goes on with the rest of it, and then with the next guest's. */
static void reset_in_a_frame(void)
{
	unsigned sent = 0;

	for (unsigned round = 0; round < 4; round++) {
		plug(0);
		drive(ALL);
		/* Until the socket takes no more, which ends in the middle of a frame or just behind one. */
		for (sent = 0; sent < SIZE / 2 * 64; sent++) {
			uint16_t before = ring_used_index(&tx);

			guest_sends(sent, 4000 + 100 * round);
			kick(1);
			while (ring_used_index(&tx) == before && soon())
				;
			if (ring_used_index(&tx) == before)
				break;
		}
		CHECK(sent < SIZE / 2 * 64);
		drive(ALL);
		guest_sends(7777, 99);
		kick(1);
		for (unsigned i = 0; i < sent; i++)
			peer_gets(i, 4000 + 100 * round);
		{
			/* The one that was under way is whole, or was not begun. */
			uint8_t length[4];

			CHECK_EQ(recv(peer, length, 4, MSG_PEEK | MSG_WAITALL), 4);
			if ((length[2] << 8 | length[3]) != 99)
				peer_gets(sent, 4000 + 100 * round);
		}
		peer_gets(7777, 99);
	}
}

static bool link_is_up(void)
{
	uint8_t status[2];

	virtio_device_config_read(dev, 6, status, sizeof(status));
	return load_le16(status) & VIRTIO_NET_S_LINK_UP;
}

/* The peer goes, or says what cannot be: no link, and the guest lives. */
static void no_link(void)
{
	static const uint8_t lengths[][4] = {
		{ 0, 0, 0, 0 }, { 0, 0, 0, 13 }, { 0, 1, 0, 100 }, { 0xff, 0xff, 0xff, 0xff }
	};

	for (unsigned i = 0; i <= ARRAY_SIZE(lengths); i++) {
		plug(0);
		drive(ALL);
		ring_in(&rx, 4096);
		kick(0);
		if (i < ARRAY_SIZE(lengths))
			CHECK_EQ(send(peer, lengths[i], 4, 0), 4);
		else
			fd_close(&peer);
		UNTIL(!link_is_up());
		UNTIL(__atomic_load_n(&config_changes, __ATOMIC_SEQ_CST));
		CHECK(!virtio_device_broken(dev));
		/* What it sends goes nowhere, and comes back to it. */
		guest_sends(0, 1000);
		kick(1);
		UNTIL(ring_used_index(&tx) == 1);
	}
	/* Also before a driver is there. */
	plug(0);
	fd_close(&peer);
	for (unsigned i = 0; i < 100 && link_is_up(); i++)
		soon();
	CHECK(!link_is_up());
}

/* No header, less than a frame, more than one: given back, not sent. Rings that break the rules. */
static void hostile_driver(void)
{
	plug(0);
	drive(ALL);
	ring_out(&tx, "short", 5);
	ring_out(&tx, "as long as a header", HEADER);
	ring_desc(&tx, 2, BUFFERS, MIB(2), 0, 0);
	tx.free++;
	ring_give(&tx, 2);
	guest_sends(1, 60);
	kick(1);
	peer_gets(1, 60);
	UNTIL(ring_used_index(&tx) == 4);
	CHECK(!virtio_device_broken(dev));
	ring_give(&tx, 9999);
	kick(1);
	UNTIL(virtio_device_broken(dev));
	drive(ALL);
	ring_in(&rx, 4); /* not even a header */
	kick(0);
	peer_sends(0, 60);
	UNTIL(virtio_device_broken(dev));
	drive(ALL);
	guest_sends(2, 60);
	kick(1);
	peer_gets(2, 60);
	unplug();
}

/* A table of descriptors that mostly lead to buffers, to each other and to themselves; now and then anywhere. */
static void scribble(struct ring *ring)
{
	for (unsigned i = 0; i < ring->size; i++) {
		uint64_t where = ring->buffers + any(KIB(64));

		if (!any(8))
			where = (uint64_t)any(UINT32_MAX) << any(33);
		ring_desc(ring, i, where, any(6000), (uint16_t)any(8),
			  (uint16_t)any(ring->size + 2u));
	}
	for (unsigned n = 1 + any(ring->size); n; n--)
		ring_give(ring, (uint16_t)any(ring->size + 1u));
}

static void peer_drops(void)
{
	uint8_t bytes[65536];

	while (recv(peer, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

/* Rubbish in the rings, rubbish on the socket, resets at any time. Then a driver that keeps the rules. */
static __attribute__((unused)) void rubbish(void)
{
	uint8_t bytes[2000];

	rubbish_init();
	plug(0);
	for (unsigned round = 0; round < 300 * times; round++) {
		drive((uint64_t)any(UINT32_MAX) << any(33));
		for (unsigned i = 0; i < 4; i++) {
			scribble(i & 1 ? &tx : &rx);
			kick(0);
			kick(1);
			if (any(2))
				peer_sends(i, 14 + any(3000));
			peer_drops();
		}
		if (round % 20)
			continue;
		for (unsigned i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)any(256);
		CHECK(send(peer, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0 ||
		      errno == EAGAIN || errno == EPIPE);
		plug(0);
	}
	plug(0);
	drive(ALL);
	one_each_way(1);
	unplug();
}

/* A guest that writes while the device reads is a race, and meant to be one. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RUBBISH
#endif
#endif
#ifndef RUBBISH
#define RUBBISH TEST(rubbish),
#endif

static const struct test tests[] = { TEST(found),
				     TEST(both_ways),
				     TEST(any_features_and_sizes),
				     TEST(in_many_buffers),
				     TEST(without_buffers),
				     TEST(full_socket),
				     TEST(reset_in_a_frame),
				     TEST(no_link),
				     TEST(hostile_driver),
				     RUBBISH };
TEST_MAIN(tests)
