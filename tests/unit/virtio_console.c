/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console with ports, against a driver written here, on rings in a fake guest's RAM; behind the ports
 * are pipes and functions. Interrupts and calls of the console signal one eventfd that the tests wait for.
 */
#include "virtio-driver.h"
#include "virtio-events.h"

#include <base/clock.h>
#include <base/fd.h>
#include <devices/virtio/console_control.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE   64
#define QUEUES 8
#define FEATURES                                                    \
	(BIT64(VIRTIO_F_VERSION_1) | BIT64(VIRTIO_CONSOLE_F_SIZE) | \
	 BIT64(VIRTIO_CONSOLE_F_MULTIPORT))

static struct virtio_console *console;
static struct virtio_device *dev;
static struct ring rings[QUEUES];
static unsigned n_rings;
static unsigned config_interrupts; /* atomic, as what the owner was told: */
static unsigned opens, closes, losses;
#define COUNT(n) __atomic_load_n(&(n), __ATOMIC_SEQ_CST)

static void config_interrupt(void *ctx)
{
	__atomic_add_fetch(&config_interrupts, 1, __ATOMIC_SEQ_CST);
	fd_event_signal(event_fd);
}

static const struct virtio_transport_ops transport = { queue_interrupt, config_interrupt };

static void kick(unsigned queue)
{
	fd_event_signal(dev->queues[queue].kick_fd);
}

static void make(const struct virtio_console_port *ports, unsigned n)
{
	signal(SIGPIPE, SIG_IGN);
	events_init();
	if (dev && dev->transport)
		virtio_device_unplug(dev);
	virtio_console_destroy(console);
	ram_init();
	if (virtio_console_create(ports, n, &console))
		abort();
	dev = virtio_console_device(console);
	n_rings = 2 * (n + 1);
	config_interrupts = opens = closes = losses = 0;
	virtio_device_plug(dev, &ram, &transport, NULL);
}

static void drive(uint64_t features)
{
	driver_ready(dev, features);
	for (unsigned i = 0; i < n_rings; i++) {
		rings[i] = ring_init(i, MIN(dev->queues[i].max, (uint16_t)SIZE));
		ring_connect(&rings[i], &dev->queues[i]);
	}
	virtio_device_write_status(dev, LIVE);
}

static unsigned rx(unsigned port)
{
	return port ? 2 * (port + 1) : 0;
}

static unsigned tx(unsigned port)
{
	return rx(port) + 1;
}

static void say(uint32_t port, unsigned what, unsigned value)
{
	uint8_t message[8];

	store_le32(message, port);
	store_le16(message + 4, (uint16_t)what);
	store_le16(message + 6, (uint16_t)value);
	ring_out(&rings[3], message, sizeof(message));
	kick(3);
}

static void control_room(unsigned n)
{
	while (n--)
		ring_in(&rings[2], 128);
	kick(2);
}

/* The next control message, or what == 0xffff. */
struct heard {
	uint32_t port;
	uint16_t what, value;
	uint32_t len;
	char more[65];
};

static struct heard hear(void)
{
	struct heard h = { .what = 0xffff };
	uint32_t id, len;
	uint8_t *p;

	while (!ring_take(&rings[2], &id, &len))
		if (!event())
			return h;
	p = at(ring_buffer(&rings[2], (uint16_t)id));
	h.port = load_le32(p);
	h.what = load_le16(p + 4);
	h.value = load_le16(p + 6);
	h.len = len;
	memcpy(h.more, p + 8, MIN(len - 8, 64u));
	return h;
}

#define HEAR(port_, what_, value_)          \
	do {                                \
		struct heard h_ = hear();   \
		CHECK_EQ(h_.what, what_);   \
		CHECK_EQ(h_.port, port_);   \
		CHECK_EQ(h_.value, value_); \
	} while (0)

/* Up to an open port, which has no name; the control queue has no room left then. */
static void open_port(unsigned n, unsigned port)
{
	control_room(n + 1);
	say(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (unsigned i = 0; i < n; i++)
		HEAR(i, VIRTIO_CONSOLE_PORT_ADD, 1);
	say(port, VIRTIO_CONSOLE_PORT_READY, 1);
	HEAR(port, VIRTIO_CONSOLE_PORT_OPEN, 1);
	say(port, VIRTIO_CONSOLE_PORT_OPEN, 1);
}

/* All that was said is done: the console has given back every control message. */
#define SETTLED() UNTIL(ring_used_index(&rings[3]) == rings[3].avail_idx)

static int lost_errno;

static void on_opened(void *ctx, bool open)
{
	__atomic_add_fetch(open ? &opens : &closes, 1, __ATOMIC_SEQ_CST);
	fd_event_signal(event_fd);
}

static void on_lost(void *ctx, int errnum)
{
	lost_errno = errnum;
	__atomic_add_fetch(&losses, 1, __ATOMIC_SEQ_CST);
	fd_event_signal(event_fd);
}

static int pipe_fds[2] = { -1, -1 };

static void make_pipe(void)
{
	fd_close(&pipe_fds[0]);
	fd_close(&pipe_fds[1]);
	if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK))
		abort();
}

/* One port whose output is the pipe, or whose input is. */
static void make_output(void)
{
	make_pipe();
	make(
		&(struct virtio_console_port){
			.in_fd = -1, .out_fd = pipe_fds[1], .opened = on_opened, .lost = on_lost },
		1);
}

static void make_input(void)
{
	make_pipe();
	make(&(struct virtio_console_port){ .in_fd = pipe_fds[0],
					    .out_fd = -1,
					    .opened = on_opened },
	     1);
}

/* Exactly n bytes from the pipe, waiting for them. */
static bool read_pipe(void *buf, size_t n)
{
	struct pollfd p = { pipe_fds[0], POLLIN, 0 };

	for (size_t done = 0; done < n;) {
		ssize_t r = read(pipe_fds[0], (uint8_t *)buf + done, n - done);

		if (r < 0 && errno == EAGAIN && poll(&p, 1, 10000) == 1)
			continue;
		if (r <= 0)
			return false;
		done += (size_t)r;
	}
	return true;
}

/* 64 requests of 4 KiB, more than a pipe holds, each full of its number. */
static void fill_output(void)
{
	uint8_t bytes[4096];

	for (unsigned i = 0; i < SIZE; i++) {
		memset(bytes, (int)i, sizeof(bytes));
		ring_out(&rings[1], bytes, sizeof(bytes));
	}
	kick(1);
}

static bool read_filled(unsigned from)
{
	uint8_t bytes[4096], want[4096];

	for (unsigned i = from; i < SIZE; i++) {
		memset(want, (int)i, sizeof(want));
		if (!read_pipe(bytes, sizeof(bytes)) || memcmp(bytes, want, sizeof(want)))
			return false;
	}
	return true;
}

/* The pipe has taken what it can. */
static bool pipe_full(void)
{
	struct pollfd p = { pipe_fds[1], POLLOUT, 0 };

	return poll(&p, 1, 0) == 0;
}

static void handshake(void)
{
	struct virtio_console_port ports[3] = {
		{ .in_fd = -1, .out_fd = -1, .console = true },
		{ .in_fd = -1, .out_fd = -1, .name = "org.thru.command" },
		{ .in_fd = -1, .out_fd = -1, .name = "terminal", .console = true },
	};
	struct heard h;

	make(ports, 3);
	virtio_console_resize(console, 2, 132, 43);
	drive(FEATURES);
	CHECK_EQ(dev->n_queues, 8);
	CHECK_EQ(load_le32(dev->config + 4), 3);
	control_room(16);
	say(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (unsigned i = 0; i < 3; i++)
		HEAR(i, VIRTIO_CONSOLE_PORT_ADD, 1);
	say(2, VIRTIO_CONSOLE_PORT_READY, 1);
	HEAR(2, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
	h = hear();
	CHECK_EQ(h.what, VIRTIO_CONSOLE_PORT_NAME);
	CHECK_EQ(h.len, 8 + 8);
	CHECK(!strcmp(h.more, "terminal"));
	h = hear();
	CHECK_EQ(h.what, VIRTIO_CONSOLE_RESIZE);
	CHECK_EQ(h.len, 12);
	CHECK_EQ(load_le16(h.more), 132); /* cols, then rows */
	CHECK_EQ(load_le16(h.more + 2), 43);
	HEAR(2, VIRTIO_CONSOLE_PORT_OPEN, 1);
	say(1, VIRTIO_CONSOLE_PORT_READY, 1);
	HEAR(1, VIRTIO_CONSOLE_PORT_NAME, 1);
	HEAR(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
}

static void output(void)
{
	char bytes[5];
	uint32_t id, len;

	make_output();
	drive(FEATURES);
	open_port(1, 0);
	UNTIL(COUNT(opens) == 1);
	ring_out(&rings[1], "hel", 3);
	ring_out(&rings[1], "lo", 2);
	kick(1);
	CHECK(read_pipe(bytes, 5) && !memcmp(bytes, "hello", 5));
	UNTIL(ring_used_index(&rings[1]) == 2);
	CHECK(ring_take(&rings[1], &id, &len) && len == 0);
}

/* The guest's writer waits, and nothing else: not the control queue, not the other port. */
static void slow_reader(void)
{
	int other[2];
	char byte = 0;
	struct virtio_console_port ports[2] = { { .in_fd = -1 }, { .in_fd = -1 } };

	make_pipe();
	CHECK(!pipe2(other, O_CLOEXEC));
	ports[0].out_fd = pipe_fds[1];
	ports[1].out_fd = other[1];
	make(ports, 2);
	drive(FEATURES);
	open_port(2, 0);
	fill_output();
	UNTIL(ring_used_index(&rings[1]) >= 1);
	UNTIL(pipe_full());
	control_room(1);
	say(1, VIRTIO_CONSOLE_PORT_READY, 1);
	HEAR(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	ring_out(&rings[tx(1)], "x", 1);
	kick(tx(1));
	CHECK(read(other[0], &byte, 1) == 1 && byte == 'x');
	CHECK(ring_used_index(&rings[1]) < SIZE);
	CHECK(read_filled(0));
	UNTIL(ring_used_index(&rings[1]) == SIZE);
	close(other[0]);
	close(other[1]);
}

static void input(void)
{
	uint32_t id, len;
	int waiting = 0;

	make_input();
	CHECK_EQ(write(pipe_fds[1], "abcdef", 6), 6);
	drive(FEATURES);
	ring_in(&rings[0], 4);
	ring_in(&rings[0], 4);
	ring_in(&rings[0], 4);
	kick(0);
	control_room(8);
	say(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	HEAR(0, VIRTIO_CONSOLE_PORT_ADD, 1);
	say(0, VIRTIO_CONSOLE_PORT_READY, 1);
	HEAR(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	SETTLED();
	/* Linux throws away what comes before the port is open there: nothing does. */
	CHECK_EQ(ring_used_index(&rings[0]), 0);
	CHECK(!ioctl(pipe_fds[0], FIONREAD, &waiting) && waiting == 6);
	say(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	UNTIL(ring_used_index(&rings[0]) == 2);
	CHECK(ring_take(&rings[0], &id, &len) && len == 4);
	CHECK(!memcmp(at(ring_buffer(&rings[0], (uint16_t)id)), "abcd", 4));
	CHECK(ring_take(&rings[0], &id, &len) && len == 2);
	CHECK(!memcmp(at(ring_buffer(&rings[0], (uint16_t)id)), "ef", 2));
	CHECK_EQ(write(pipe_fds[1], "gh", 2), 2); /* while it waits with a buffer in hand */
	UNTIL(ring_used_index(&rings[0]) == 3);
	CHECK_EQ(write(pipe_fds[1], "i", 1), 1); /* no buffer: it stays */
	say(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	SETTLED();
	CHECK(!ioctl(pipe_fds[0], FIONREAD, &waiting) && waiting == 1);
	ring_in(&rings[0], 4);
	kick(0);
	UNTIL(ring_used_index(&rings[0]) == 4);
}

/* What was written comes first, then the end. */
static void end_of_input(void)
{
	uint32_t id, len;

	make_input();
	drive(FEATURES);
	open_port(1, 0);
	CHECK_EQ(write(pipe_fds[1], "last", 4), 4);
	fd_close(&pipe_fds[1]);
	SETTLED();
	ring_in(&rings[0], 64);
	ring_in(&rings[0], 64);
	kick(0);
	control_room(1);
	HEAR(0, VIRTIO_CONSOLE_PORT_OPEN, 0);
	CHECK(ring_take(&rings[0], &id, &len) && len == 4);
	CHECK(!ring_take(&rings[0], &id, &len));
	/* The next driver learns it at once. */
	drive(FEATURES);
	control_room(8);
	say(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	HEAR(0, VIRTIO_CONSOLE_PORT_ADD, 1);
	say(0, VIRTIO_CONSOLE_PORT_READY, 1);
	HEAR(0, VIRTIO_CONSOLE_PORT_OPEN, 0);
}

static void file_input(void)
{
	uint32_t id, len;
	int fd = memfd_create("input", MFD_CLOEXEC);

	CHECK(write(fd, "0123456789", 10) == 10 && lseek(fd, 0, SEEK_SET) == 0);
	make(&(struct virtio_console_port){ .in_fd = fd, .out_fd = -1 }, 1);
	close(fd);
	drive(FEATURES);
	open_port(1, 0);
	ring_in(&rings[0], 6);
	ring_in(&rings[0], 6);
	ring_in(&rings[0], 6);
	kick(0);
	control_room(1);
	HEAR(0, VIRTIO_CONSOLE_PORT_OPEN, 0);
	CHECK(ring_take(&rings[0], &id, &len) && len == 6);
	CHECK(ring_take(&rings[0], &id, &len) && len == 4);
}

/* Of a port that has output the end of input is not told: Linux would write no more. */
static void end_of_input_with_output(void)
{
	int in[2];
	char byte;

	make_pipe();
	CHECK(!pipe2(in, O_CLOEXEC | O_NONBLOCK));
	make(&(struct virtio_console_port){ .in_fd = in[0], .out_fd = pipe_fds[1] }, 1);
	close(in[0]);
	close(in[1]);
	drive(FEATURES);
	open_port(1, 0);
	ring_in(&rings[0], 64);
	kick(0);
	ring_out(&rings[1], "x", 1);
	kick(1);
	CHECK(read_pipe(&byte, 1));
	control_room(1);
	say(0, VIRTIO_CONSOLE_PORT_READY, 1);
	HEAR(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
}

static void broken_pipe(void)
{
	make_output();
	drive(FEATURES);
	open_port(1, 0);
	fill_output();
	UNTIL(ring_used_index(&rings[1]) >= 1);
	fd_close(&pipe_fds[0]);
	UNTIL(ring_used_index(&rings[1]) == SIZE); /* the guest does not hang */
	CHECK_EQ(COUNT(losses), 1);
	CHECK_EQ(lost_errno, EPIPE);
	fill_output();
	UNTIL(ring_used_index(&rings[1]) == 2 * SIZE);
	CHECK_EQ(COUNT(losses), 1);
}

/* Functions that take and give a few bytes at a time. */
static char taken[64], given[] = "to the guest";
static unsigned n_taken, room, at_given, may_give; /* under the console's lock, or atomic */

static size_t take_some(void *ctx, const void *bytes, size_t len)
{
	unsigned n = (unsigned)MIN(len, (size_t)__atomic_load_n(&room, __ATOMIC_SEQ_CST));

	memcpy(taken + n_taken, bytes, n);
	__atomic_sub_fetch(&room, n, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&n_taken, n, __ATOMIC_SEQ_CST);
	fd_event_signal(event_fd);
	return n;
}

static ssize_t give_some(void *ctx, void *bytes, size_t len)
{
	unsigned n = (unsigned)MIN(len, (size_t)__atomic_load_n(&may_give, __ATOMIC_SEQ_CST));

	if (!given[at_given])
		return -1;
	n = (unsigned)MIN(n, strlen(given + at_given));
	memcpy(bytes, given + at_given, n);
	at_given += n;
	__atomic_sub_fetch(&may_give, n, __ATOMIC_SEQ_CST);
	return (ssize_t)n;
}

static void functions(void)
{
	struct virtio_console_port ports[2] = {
		{ .in_fd = -1, .out_fd = -1, .out = take_some },
		{ .in_fd = -1, .out_fd = -1, .in = give_some },
	};
	uint32_t id, len;

	n_taken = room = at_given = may_give = 0;
	make(ports, 2);
	drive(FEATURES);
	open_port(2, 0);
	ring_out(&rings[1], "from the", 8);
	ring_out(&rings[1], " guest", 6);
	kick(1);
	SETTLED();
	for (unsigned i = 1; i <= 14; i++) {
		CHECK(ring_used_index(&rings[1]) == (i > 8));
		__atomic_store_n(&room, 1, __ATOMIC_SEQ_CST);
		virtio_console_wake(console);
		UNTIL(__atomic_load_n(&n_taken, __ATOMIC_SEQ_CST) == i);
		if (i == 8)
			UNTIL(ring_used_index(&rings[1]) == 1);
	}
	UNTIL(ring_used_index(&rings[1]) == 2);
	CHECK(!memcmp(taken, "from the guest", 14));

	control_room(2);
	say(1, VIRTIO_CONSOLE_PORT_READY, 1);
	HEAR(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	say(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	ring_in(&rings[rx(1)], 64);
	ring_in(&rings[rx(1)], 5);
	ring_in(&rings[rx(1)], 64);
	ring_in(&rings[rx(1)], 64);
	kick(rx(1));
	SETTLED();
	CHECK_EQ(ring_used_index(&rings[rx(1)]), 0);
	__atomic_store_n(&may_give, 2, __ATOMIC_SEQ_CST);
	virtio_console_wake(console);
	UNTIL(ring_take(&rings[rx(1)], &id, &len));
	CHECK_EQ(len, 2);
	__atomic_store_n(&may_give, 100, __ATOMIC_SEQ_CST);
	virtio_console_wake(console);
	HEAR(1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	CHECK(ring_take(&rings[rx(1)], &id, &len) && len == 5);
	CHECK(ring_take(&rings[rx(1)], &id, &len) && len == 5);
	CHECK(!memcmp(at(ring_buffer(&rings[rx(1)], (uint16_t)id)), "guest", 5));
}

/* The owner hears of a close when it has all that was written before. */
static void close_comes_last(void)
{
	make_output();
	drive(FEATURES);
	open_port(1, 0);
	fill_output();
	say(0, VIRTIO_CONSOLE_PORT_OPEN, 0);
	SETTLED();
	UNTIL(COUNT(opens) == 1);
	CHECK_EQ(COUNT(closes), 0);
	CHECK(read_filled(0));
	UNTIL(COUNT(closes) == 1);
	say(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	UNTIL(COUNT(opens) == 2);
	say(0, VIRTIO_CONSOLE_PORT_OPEN, 0);
	UNTIL(COUNT(closes) == 2);
}

/* A guest that shuts down resets its devices: what it wrote is out, or comes yet. */
static void reset_loses_nothing(void)
{
	uint16_t used;

	make_output();
	drive(FEATURES);
	open_port(1, 0);
	fill_output();
	virtio_device_write_status(dev, 0);
	used = ring_used_index(&rings[1]);
	CHECK(used < SIZE);
	CHECK(!dev->queues[1].running);
	CHECK_EQ(COUNT(closes), 0);
	memset(at(ring_buffer(&rings[1], 0)), 0xee, SIZE * 4096); /* the memory is another's now */
	CHECK(read_filled(0));
	UNTIL(COUNT(closes) == 1);
	CHECK_EQ(ring_used_index(&rings[1]), used);
	/* And in order before what comes next. */
	drive(FEATURES);
	open_port(1, 0);
	fill_output();
	virtio_device_write_status(dev, 0);
	drive(FEATURES);
	open_port(1, 0);
	fill_output();
	CHECK(read_filled(0));
	CHECK(read_filled(0));
	UNTIL(ring_used_index(&rings[1]) == SIZE);
}

/* Input that had nowhere to go when the guest was reset is the next one's. */
static void reset_with_a_buffer_in_hand(void)
{
	uint32_t id, len;

	make_input();
	drive(FEATURES);
	open_port(1, 0);
	ring_in(&rings[0], 16);
	kick(0);
	SETTLED();
	virtio_device_write_status(dev, 0);
	CHECK_EQ(write(pipe_fds[1], "abc", 3), 3);
	drive(FEATURES);
	open_port(1, 0);
	ring_in(&rings[0], 16);
	kick(0);
	UNTIL(ring_take(&rings[0], &id, &len));
	CHECK_EQ(len, 3);
}

static void *read_slowly(void *arg)
{
	bool *ok = arg;

	*ok = read_filled(0);
	return NULL;
}

/*
 * The end of the VM: the guest had no time to ring, or has reset its devices before it powered off, and
 * the reader takes its time.
 */
static void last_bytes_of(bool with_reset)
{
	pthread_t reader;
	bool ok = false;

	make_output();
	drive(FEATURES);
	open_port(1, 0);
	SETTLED();
	fill_output();
	if (with_reset)
		virtio_device_write_status(dev, 0);
	else
		fd_event_take(dev->queues[1].kick_fd);
	CHECK(!pthread_create(&reader, NULL, read_slowly, &ok));
	virtio_device_drain(dev);
	CHECK_EQ(COUNT(closes), 1);
	virtio_device_unplug(dev);
	pthread_join(reader, NULL);
	CHECK(ok);
	CHECK(!dev->transport);
}

static void last_bytes(void)
{
	last_bytes_of(false);
}

static void last_bytes_after_a_reset(void)
{
	last_bytes_of(true);
}

/* A reader that never reads holds the end up for a second. */
static void nobody_reads(void)
{
	uint64_t before;

	make_output();
	drive(FEATURES);
	open_port(1, 0);
	fill_output();
	before = clock_ns();
	virtio_device_drain(dev);
	virtio_device_unplug(dev);
	CHECK(clock_ns() - before < 5 * NS_PER_S);
	CHECK_EQ(COUNT(closes), 1);
	virtio_device_plug(dev, &ram, &transport, NULL);
	drive(FEATURES); /* and what it did not take is not the next guest's */
	open_port(1, 0);
	UNTIL(COUNT(opens) == 2);
}

static void resize(void)
{
	struct heard h;

	make(&(struct virtio_console_port){ .in_fd = -1, .out_fd = -1, .console = true }, 1);
	drive(FEATURES);
	control_room(3);
	say(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	HEAR(0, VIRTIO_CONSOLE_PORT_ADD, 1);
	say(0, VIRTIO_CONSOLE_PORT_READY, 1);
	HEAR(0, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
	HEAR(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	/* The guest has no room for any of these; it learns the last. */
	for (unsigned i = 1; i <= 1000; i++)
		virtio_console_resize(console, 0, 80, (uint16_t)i);
	UNTIL(__atomic_load_n(&config_interrupts, __ATOMIC_SEQ_CST) >= 1);
	SETTLED();
	virtio_console_wake(console);
	for (uint8_t size[4] = { 0 }; load_le16(size + 2) != 1000;) {
		virtio_device_config_read(dev, 0, size, sizeof(size));
		CHECK(load_le16(size + 2) == 1000 || event());
	}
	control_room(1);
	h = hear();
	CHECK_EQ(h.what, VIRTIO_CONSOLE_RESIZE);
	CHECK_EQ(load_le16(h.more), 80);
	CHECK_EQ(load_le16(h.more + 2), 1000);
	/* One that comes while there is no driver is told to the next. */
	virtio_device_write_status(dev, 0);
	virtio_console_resize(console, 0, 100, 30);
	drive(FEATURES);
	control_room(8);
	say(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	HEAR(0, VIRTIO_CONSOLE_PORT_ADD, 1);
	say(0, VIRTIO_CONSOLE_PORT_READY, 1);
	HEAR(0, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
	h = hear();
	CHECK_EQ(h.what, VIRTIO_CONSOLE_RESIZE);
	CHECK_EQ(load_le16(h.more + 2), 30);
}

/* A guest that lies on its control queue. */
static void control_lies(void)
{
	make_output();
	drive(FEATURES);
	for (unsigned i = 0; i < 4000; i++) {
		static const uint16_t whats[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 0xffff };
		static const uint32_t ports[] = { 0, 1, 16, 0x7fffffff, UINT32_MAX };

		say(ports[i % 5], whats[i / 5 % 10], i % 3);
		UNTIL(ring_used_index(&rings[3]) == rings[3].avail_idx);
	}
	ring_out(&rings[3], "abc", 3); /* too short to say anything */
	kick(3);
	SETTLED();
	CHECK_EQ(virtio_device_status(dev), LIVE);
	drive(FEATURES); /* none of it outlives the reset */
	open_port(1, 0);
	/* A buffer that holds no message. */
	drive(FEATURES);
	ring_in(&rings[2], 7);
	kick(2);
	say(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	UNTIL(virtio_device_status(dev) & VIRTIO_CONFIG_S_NEEDS_RESET);
	UNTIL(__atomic_load_n(&config_interrupts, __ATOMIC_SEQ_CST) >= 1);
}

/* Each queue in turn is broken: the device says so, stays quiet, and works again after a reset. */
static void broken_queues(void)
{
	for (unsigned i = 0; i < 4; i++) {
		uint16_t used;

		make_output();
		drive(FEATURES);
		open_port(1, 0);
		SETTLED();
		__atomic_store_n(&config_interrupts, 0, __ATOMIC_SEQ_CST);
		used = ring_used_index(&rings[i]);
		ring_give(&rings[i], 0x8000);
		kick(i);
		if (i == 2) /* read when there is something to say */
			say(0, VIRTIO_CONSOLE_PORT_READY, 1);
		if (i == 0)
			continue; /* read when there is input: below */
		UNTIL(virtio_device_status(dev) & VIRTIO_CONFIG_S_NEEDS_RESET);
		UNTIL(__atomic_load_n(&config_interrupts, __ATOMIC_SEQ_CST) == 1);
		CHECK_EQ(ring_used_index(&rings[i]), used);
		drive(FEATURES);
		CHECK_EQ(virtio_device_status(dev), LIVE);
		open_port(1, 0);
	}
	make_input();
	drive(FEATURES);
	open_port(1, 0);
	SETTLED();
	ring_give(&rings[0], 0x8000);
	kick(0);
	UNTIL(virtio_device_status(dev) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

/* Buffers of no use: input without room, output without bytes. */
static void useless_buffers(void)
{
	uint32_t id, len;
	char byte;

	make_input();
	drive(FEATURES);
	open_port(1, 0);
	for (unsigned i = 0; i < SIZE - 1; i++)
		ring_out(&rings[0], "x", 1);
	ring_in(&rings[0], 8);
	CHECK_EQ(write(pipe_fds[1], "abc", 3), 3);
	kick(0);
	UNTIL(ring_used_index(&rings[0]) == SIZE);
	for (unsigned i = 0; i < SIZE - 1; i++)
		CHECK(ring_take(&rings[0], &id, &len) && len == 0);
	CHECK(ring_take(&rings[0], &id, &len) && len == 3);
	make_output();
	drive(FEATURES);
	open_port(1, 0);
	ring_in(&rings[1], 8);
	ring_out(&rings[1], "y", 1);
	kick(1);
	CHECK(read_pipe(&byte, 1) && byte == 'y');
	UNTIL(ring_used_index(&rings[1]) == 2);
}

/* A driver that knows nothing of ports has one, and it is open. */
static void without_ports(void)
{
	char bytes[2];

	make_output();
	drive(BIT64(VIRTIO_F_VERSION_1));
	UNTIL(COUNT(opens) == 1);
	ring_out(&rings[1], "ok", 2);
	kick(1);
	CHECK(read_pipe(bytes, 2) && !memcmp(bytes, "ok", 2));
	say(0, VIRTIO_CONSOLE_PORT_OPEN, 0); /* there is no control queue */
	ring_out(&rings[1], "ok", 2);
	kick(1);
	CHECK(read_pipe(bytes, 2));
	CHECK_EQ(ring_used_index(&rings[3]), 0);
	virtio_device_write_status(dev, 0);
	UNTIL(COUNT(closes) == 1);
}

static unsigned open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* Ports may share a file; and nothing is left of a console, however far it came. */
static void descriptors(void)
{
	struct virtio_console_port ports[3];
	char bytes[2];
	unsigned before;

	make_pipe();
	for (unsigned i = 0; i < 3; i++)
		ports[i] = (struct virtio_console_port){ .in_fd = -1, .out_fd = pipe_fds[1] };
	make(ports, 3);
	drive(FEATURES);
	open_port(3, 1);
	ring_out(&rings[tx(1)], "a", 1);
	kick(tx(1));
	CHECK(read_pipe(bytes, 1));
	ring_out(&rings[tx(2)], "b", 1);
	kick(tx(2));
	CHECK(read_pipe(bytes, 1) && bytes[0] == 'b');
	virtio_device_unplug(dev);
	virtio_console_destroy(console);
	console = NULL;
	dev = NULL;
	before = open_fds();
	ports[2].in_fd = 9999;
	CHECK_EQ(virtio_console_create(ports, 3, &console), -EBADF);
	CHECK_ERROR("descriptor 9999");
	CHECK_EQ(virtio_console_create(ports, 0, &console), -EINVAL);
	error_clear();
	CHECK_EQ(virtio_console_create(ports, 17, &console), -EINVAL);
	error_clear();
	ports[2].in_fd = -1;
	CHECK(!virtio_console_create(ports, 3, &console));
	virtio_console_destroy(console);
	console = NULL;
	CHECK_EQ(open_fds(), before);
}

static const struct test tests[] = {
	TEST(handshake),
	TEST(output),
	TEST(slow_reader),
	TEST(input),
	TEST(end_of_input),
	TEST(file_input),
	TEST(end_of_input_with_output),
	TEST(broken_pipe),
	TEST(functions),
	TEST(close_comes_last),
	TEST(reset_loses_nothing),
	TEST(reset_with_a_buffer_in_hand),
	TEST(last_bytes),
	TEST(last_bytes_after_a_reset),
	TEST(nobody_reads),
	TEST(resize),
	TEST(control_lies),
	TEST(broken_queues),
	TEST(useless_buffers),
	TEST(without_ports),
	TEST(descriptors),
};
TEST_MAIN(tests)
