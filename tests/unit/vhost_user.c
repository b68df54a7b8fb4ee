/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device whose queues a vhost-user back end serves, against one that is written here (fake-backend.h): the
 * right words in the right order, and every kind of wrong one at every message.
 */
#include "virtio-driver.h"
#include "virtio-events.h"

#include "fake-backend.h"

#include <base/clock.h>
#include <base/error.h>
#include <devices/virtio/device.h>
#include <devices/virtio_vhost_user.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_ids.h>
#include <pthread.h>

#define SIZE 64

static struct fake fake;
static struct virtio_vhost_user *front;
static struct virtio_device *dev;
static struct ring ring;
static struct virtio_vhost_user_config config;
static char lost_why[200];
static atomic_uint losses;
static int vector_fd = -1;

static void config_interrupt(void *ctx)
{
	fd_event_signal(event_fd);
}

static int queue_fd(void *ctx, unsigned queue)
{
	return queue == 0 ? vector_fd : -1;
}

static const struct virtio_transport_ops transport = { queue_interrupt, config_interrupt,
						       queue_fd };

static void lost(void *ctx, const char *why)
{
	snprintf(lost_why, sizeof(lost_why), "%s", why);
	losses++;
	fd_event_signal(event_fd);
}

static void unplug(void)
{
	if (dev)
		virtio_device_unplug(dev);
	virtio_vhost_user_destroy(front);
	fake_end(&fake);
	fd_close(&vector_fd);
	front = NULL;
	dev = NULL;
	error_clear();
}

/* A back end that can do everything, and what is asked of it. */
static void prepare(void)
{
	unplug();
	events_init();
	fd_event_take(event_fd);
	fake_init(&fake);
	losses = 0;
	lost_why[0] = 0;
	config = (struct virtio_vhost_user_config){
		.name = "--share /src",
		.fd = fake.other,
		.type = VIRTIO_ID_FS,
		.queues = 2,
		.config_size = 44,
		.answer_s = 20,
		.lost = lost,
	};
	fake.config_size = 44;
	memcpy(fake.config, "tag", 4);
}

static int make(void)
{
	int r;

	fake_start(&fake);
	r = virtio_vhost_user_create(&config, &front);
	if (r)
		return r;
	dev = virtio_vhost_user_device(front);
	ram_init();
	virtio_device_plug(dev, &ram, &transport, NULL);
	return 0;
}

static void drive(void)
{
	uint64_t features = dev->offered & ~BIT64(VIRTIO_RING_F_EVENT_IDX);

	driver_ready(dev, features);
	ring = ring_init(0, SIZE);
	ring_connect(&ring, &dev->queues[0]);
	virtio_device_write_status(dev, LIVE);
}

/* One request through the ring. False: it does not come back. */
static bool request(void)
{
	uint16_t head = ring_in(&ring, 16);
	uint32_t id, len;

	*at(ring_buffer(&ring, head)) = 0;
	fd_event_signal(dev->queues[0].kick_fd);
	while (!ring_take(&ring, &id, &len))
		if (!event())
			return false;
	return id == head && len == 1 && *at(ring_buffer(&ring, head)) == 0x5a;
}

/* The messages from `first` on are these. */
static bool said(unsigned first, const uint8_t *want, unsigned n)
{
	if (fake.n < first + n)
		return false;
	return !memcmp(fake.log + first, want, n);
}

static bool has_said(unsigned message)
{
	for (unsigned i = 0; i < fake.n; i++)
		if (fake.log[i] == message)
			return true;
	return false;
}

static void right_sequence(void)
{
	static const uint8_t hello[] = { 1, 15, 16, 17, 3, 24 },
			     ready[] = { 2, 5, 8, 10, 9, 13, 14, 12, 18 };

	prepare();
	CHECK_EQ(make(), 0);
	CHECK(said(0, hello, sizeof(hello)));
	CHECK_EQ(fake.values[2], BIT64(0) | BIT64(3) | BIT64(9) | BIT64(15));
	CHECK(!memcmp(dev->config, "tag", 4));
	CHECK_EQ(dev->n_queues, 2);
	/* Of all that a back end may say: what a split ring of ours has, and what is the type's own. */
	CHECK_EQ(dev->offered,
		 (BIT64(24) - 1) | BIT64(28) | BIT64(29) | BIT64(32) | ~(BIT64(50) - 1));
	drive();
	CHECK(request());
	CHECK(said(sizeof(hello), ready, sizeof(ready)));
	CHECK_EQ(fake.n, sizeof(hello) + sizeof(ready));
	CHECK_EQ(fake.values[sizeof(hello)], dev->features | BIT64(30));
	CHECK_EQ(fake.values[sizeof(hello) + 1] & 0xffffffff, 2);
	CHECK_EQ(fake.values[sizeof(hello) + 2], (uint64_t)SIZE << 32);
	for (unsigned i = 0; i < 200; i++)
		CHECK(request());
	CHECK_EQ(fake.served, 201);
	CHECK_EQ(losses, 0);
	unplug();
	CHECK(has_said(11));
	CHECK_EQ(losses, 0);
}

/* The vector's own eventfd, where the driver has one: nothing of it comes by here. */
static void interrupts_of_the_vector(void)
{
	struct pollfd p = { .events = POLLIN };

	prepare();
	CHECK_EQ(fd_event(&vector_fd), 0);
	CHECK_EQ(make(), 0);
	drive();
	ring_in(&ring, 16);
	fd_event_signal(dev->queues[0].kick_fd);
	p.fd = vector_fd;
	CHECK_EQ(poll(&p, 1, 10000), 1);
	CHECK_EQ(fd_event_take(event_fd), 0);
	unplug();
}

/* What was there before the back end had its queue. */
static void requests_before_the_start(void)
{
	prepare();
	CHECK_EQ(make(), 0);
	drive();
	for (unsigned i = 0; i < 8; i++)
		ring_in(&ring, 16);
	while (ring_used_index(&ring) < 8)
		CHECK(event());
	unplug();
}

static void reset_and_again(void)
{
	prepare();
	CHECK_EQ(make(), 0);
	for (unsigned i = 0; i < 20; i++) {
		drive();
		if (i % 3)
			CHECK(request());
	}
	CHECK_EQ(losses, 0);
	virtio_device_write_status(dev, 0);
	CHECK(fake.kick < 0);
	/* Another machine, with memory of its own. */
	virtio_device_unplug(dev);
	ram_init();
	virtio_device_plug(dev, &ram, &transport, NULL);
	drive();
	CHECK(request());
	unplug();
}

/* A back end of the oldest kind: no protocol features, so no acknowledgements and no queue numbers. */
static void old_back_end(void)
{
	static const uint8_t all[] = { 1, 3, 2, 5, 8, 10, 9, 13, 14, 12 };
	static const char tag[44] = "mount tag";

	prepare();
	fake.features = BIT64(VIRTIO_F_VERSION_1);
	config.config = tag;
	CHECK_EQ(make(), 0);
	CHECK(!memcmp(dev->config, "mount tag", 9));
	drive();
	CHECK(request());
	CHECK(said(0, all, sizeof(all)));
	CHECK_EQ(fake.values[2], BIT64(VIRTIO_F_VERSION_1));
	unplug();
}

static void memory_in_many_pieces(void)
{
	struct range regions[12];
	struct memory many;

	for (unsigned i = 0; i < ARRAY_SIZE(regions); i++)
		regions[i] = (struct range){ i * MIB(64), MIB(1) };
	CHECK_EQ(memory_init(&many, -1, regions, ARRAY_SIZE(regions)), 0);
	for (unsigned turn = 0; turn < 3; turn++) {
		prepare();
		if (turn == 1)
			fake.slots = 11;
		if (turn == 2)
			fake.protocol &= ~BIT64(15);
		CHECK_EQ(make(), 0);
		virtio_device_unplug(dev);
		virtio_device_plug(dev, &many, &transport, NULL);
		for (unsigned i = 0; i < 2; i++) {
			drive();
			if (turn) {
				UNTIL(losses);
				CHECK(strstr(lost_why, "more pieces than it takes"));
				break;
			}
			while (!has_said(18))
				CHECK(request() || true);
			virtio_device_write_status(dev, 0);
			CHECK_EQ(fake.n_regions, 12);
		}
		CHECK_EQ(losses, turn ? 1 : 0);
		CHECK(!has_said(5));
		unplug();
	}
	memory_deinit(&many);
}

static void lies_beforehand(void)
{
	prepare();
	fake.features &= ~BIT64(VIRTIO_F_VERSION_1);
	CHECK_EQ(make(), -EPROTO);
	CHECK_ERROR("no VIRTIO_F_VERSION_1");
	for (unsigned i = 0; i < 4; i++) {
		static const uint64_t numbers[] = { 1, 0, UINT64_MAX, 100000 };

		prepare();
		config.queues = i < 1 ? 2 : 0;
		fake.queues = numbers[i];
		CHECK_EQ(make(), -EPROTO);
		CHECK_ERROR("queues");
	}
	prepare();
	fake.config_size = 12;
	CHECK_EQ(make(), -EPROTO);
	CHECK_ERROR("gives no configuration");
	prepare();
	fake.protocol &= ~BIT64(9);
	CHECK_EQ(make(), -EPROTO);
	CHECK_ERROR("gives no configuration");
	/* Where it is no must, what is in it is not offered. */
	prepare();
	fake.config_size = 0;
	config.of_config = BIT64(5);
	CHECK_EQ(make(), 0);
	CHECK(!dev->config_size && !(dev->offered & BIT64(5)) && dev->offered & BIT64(6));
	prepare();
	config.without = BIT64(0);
	CHECK_EQ(make(), 0);
	CHECK(!(dev->offered & 1));
	unplug();
}

static unsigned open_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* From the first message to the last. True: the device was refused, or lost once, with a reason. */
static bool whole_life(void)
{
	uint64_t began = clock_ns();
	int r = make();

	if (r)
		return strstr(error_message(), "does not come up: ") != NULL;
	drive();
	/* A reset before the thread has looked would be none. */
	while (!losses && !has_said(18))
		sched_yield();
	virtio_device_write_status(dev, 0);
	/* What came behind the last answer is seen as soon as the thread looks. */
	while (!losses && event()) {
	}
	return losses == 1 && *lost_why && clock_ns() - began < 9 * NS_PER_S;
}

static void wrong_at_each_message(void)
{
	static const uint8_t messages[] = { 1, 15, 17, 3, 24, 2, 5, 8, 10, 9, 13, 14, 12, 18, 11 };
	unsigned before = 0;

	for (unsigned fault = FAULT_TYPE; fault < FAULT_SILENT; fault++)
		for (unsigned i = 0; i < ARRAY_SIZE(messages); i++) {
			bool number = messages[i] == 1 || messages[i] == 15 || messages[i] == 17 ||
				      messages[i] == 11 || messages[i] == 24;

			if (fault == FAULT_REFUSES && number)
				continue; /* that is no refusal there, but an answer */
			prepare();
			if (!before)
				before = open_descriptors();
			fake.fault = fault;
			fake.fault_at = messages[i];
			if (!whole_life()) {
				snprintf(test_why, sizeof(test_why),
					 "fault %u at message %u: losses %u, \"%s\", \"%s\"", fault,
					 messages[i], losses, lost_why, error_message());
				test_failed = true;
				return;
			}
			unplug();
		}
	prepare();
	CHECK_EQ(open_descriptors(), before);
	unplug();
}

static void end_at_each_message(void)
{
	static const uint8_t messages[] = { 1, 15, 17, 3, 24, 2, 5, 8, 10, 9, 13, 14, 12, 18, 11 };

	for (unsigned fault = FAULT_END; fault <= FAULT_CHATTER; fault++)
		for (unsigned i = 0; i < ARRAY_SIZE(messages); i++) {
			prepare();
			fake.fault = fault;
			fake.fault_at = messages[i];
			if (!whole_life()) {
				snprintf(test_why, sizeof(test_why), "%s at message %u: \"%s\"",
					 fault == FAULT_END ? "end" : "chatter", messages[i],
					 lost_why);
				test_failed = true;
				return;
			}
			unplug();
		}
}

/* Who says nothing is waited for, but not for long; least where the guest waits. */
static void silence(void)
{
	static const struct {
		uint8_t at;
		bool comes_up;
	} when[] = { { 1, false }, { 5, true }, { 11, true } };

	for (unsigned i = 0; i < ARRAY_SIZE(when); i++) {
		uint64_t began;

		prepare();
		fake.fault = FAULT_SILENT;
		fake.fault_at = when[i].at;
		config.answer_s = 1;
		began = clock_ns();
		CHECK_EQ(make(), when[i].comes_up ? 0 : -EPROTO);
		if (!when[i].comes_up) {
			CHECK_ERROR("did not answer in time");
		} else {
			drive();
			if (when[i].at == 11)
				CHECK(request());
			else
				while (!has_said(5))
					sched_yield();
			virtio_device_write_status(dev, 0);
			UNTIL(losses);
		}
		CHECK(clock_ns() - began < 7 * NS_PER_S);
		unplug();
	}
}

static void back_end_dies(void)
{
	prepare();
	CHECK_EQ(make(), 0);
	drive();
	CHECK(request());
	shutdown(fake.fd, SHUT_RDWR);
	UNTIL(losses);
	CHECK(strstr(lost_why, "hung up"));
	/* The guest knows nothing of it and goes on. */
	virtio_device_write_status(dev, 0);
	drive();
	CHECK_EQ(losses, 1);
	unplug();
	/* Before the guest was there. */
	prepare();
	CHECK_EQ(make(), 0);
	shutdown(fake.fd, SHUT_RDWR);
	UNTIL(losses);
	unplug();
}

static void words_that_nobody_asked_for(void)
{
	prepare();
	CHECK_EQ(make(), 0);
	drive();
	CHECK(request());
	fake_send(&fake, 1, 5, 8, fake.config, 8, 3);
	UNTIL(losses);
	CHECK(strstr(lost_why, "not asked"));
	unplug();
}

/* Its word for a ring that is beyond help. */
static void ring_given_up(void)
{
	prepare();
	CHECK_EQ(make(), 0);
	drive();
	CHECK(request());
	fd_event_signal(fake.error);
	UNTIL(virtio_device_broken(dev));
	drive();
	CHECK(request());
	CHECK(!virtio_device_broken(dev));
	unplug();
}

/* A function that may not master the bus reaches no memory. */
static void halted(void)
{
	prepare();
	CHECK_EQ(make(), 0);
	drive();
	CHECK(request());
	virtio_device_halt(dev, "for this test");
	CHECK(virtio_device_broken(dev));
	CHECK(fake.kick < 0);
	CHECK_EQ(losses, 0);
	unplug();
}

static void rubbish(void)
{
	uint64_t x = 88172645463325252ull, until = clock_ns() + 3 * NS_PER_S;
	unsigned n = 0;

	while (clock_ns() < until || n < 20) {
		static const uint8_t messages[] = { 1,  15, 17, 3,  24, 2,  5, 8,
						    10, 9,  13, 14, 12, 18, 11 };

		prepare();
		test_random(&x);
		fake.fault = FAULT_RANDOM;
		fake.chance = x | 1;
		fake.fault_at = messages[x % ARRAY_SIZE(messages)];
		config.answer_s = 1;
		if (!make()) {
			drive();
			virtio_device_write_status(dev, 0);
		}
		/* What it left unsaid is not waited for. */
		shutdown(fake.fd, SHUT_RDWR);
		unplug();
		n++;
	}
	CHECK(losses <= 1);
}

static const struct test tests[] = {
	TEST(right_sequence),
	TEST(interrupts_of_the_vector),
	TEST(requests_before_the_start),
	TEST(reset_and_again),
	TEST(old_back_end),
	TEST(memory_in_many_pieces),
	TEST(lies_beforehand),
	TEST(wrong_at_each_message),
	TEST(end_at_each_message),
	TEST(silence),
	TEST(back_end_dies),
	TEST(words_that_nobody_asked_for),
	TEST(ring_given_up),
	TEST(halted),
	TEST(rubbish),
};

TEST_MAIN(tests)
