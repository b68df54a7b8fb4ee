/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disk and entropy against a driver written here, on rings in a fake guest's RAM; the disk is a file in
 * memory. Interrupts signal an eventfd that the tests wait for.
 */
#include "virtio-driver.h"
#include "virtio-events.h"

#include <base/error.h>
#include <base/fd.h>
#include <devices/virtio/block_file.h>
#include <devices/virtio/device.h>
#include <devices/virtio_rng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE 64
#define DISK MIB(1)
#define ALL  (~BIT64(VIRTIO_RING_F_EVENT_IDX)) /* the driver here wants every interrupt */

static struct virtio_block *block;
static struct virtio_rng *rng;
static struct virtio_device *dev;
static struct ring ring;
static int disk_fd = -1;
static char path[64];

static void config_interrupt(void *ctx)
{
	fd_event_signal(event_fd);
}

static const struct virtio_transport_ops transport = { queue_interrupt, config_interrupt };

static void unplug(void)
{
	if (dev)
		virtio_device_unplug(dev);
	virtio_block_destroy(block);
	virtio_rng_destroy(rng);
	block = NULL;
	rng = NULL;
	dev = NULL;
	error_clear();
}

static void new_disk(uint64_t size)
{
	unplug();
	events_init();
	fd_close(&disk_fd);
	disk_fd = memfd_create("disk", MFD_CLOEXEC);
	if (disk_fd < 0 || ftruncate(disk_fd, (off_t)size))
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", disk_fd);
}

/* The driver takes what it knows of what is offered, and is ready. */
static void drive(uint64_t features)
{
	features &= dev->offered;
	features |= BIT64(VIRTIO_F_VERSION_1);
	driver_ready(dev, features);
	ring = ring_init(0, SIZE);
	ring_connect(&ring, &dev->queues[0]);
	virtio_device_write_status(dev, LIVE);
}

static void plug(struct virtio_device *device)
{
	dev = device;
	ram_init();
	virtio_device_plug(dev, &ram, &transport, NULL);
}

static int make(struct virtio_block_config config)
{
	int r;

	config.path = path;
	r = virtio_block_create(&config, &block);
	if (!r)
		plug(virtio_block_device(block));
	return r;
}

/*
 * Header, data and status, each with a descriptor of its own; data is read by the device when `out` is
 * given. Returns the head; its buffers are those of the three descriptors.
 */
static uint16_t ask(uint32_t type, uint64_t sector, const void *out, uint32_t len)
{
	uint16_t head = ring.free;
	uint8_t *header = at(ring_buffer(&ring, head));

	store_le32(header, type);
	store_le32(header + 4, 0);
	store_le32(header + 8, (uint32_t)sector);
	store_le32(header + 12, (uint32_t)(sector >> 32));
	ring_desc(&ring, head, ring_buffer(&ring, head), 16, VRING_DESC_F_NEXT,
		  (uint16_t)(head + (len ? 1 : 2)));
	if (out)
		memcpy(at(ring_buffer(&ring, (uint16_t)(head + 1))), out, len);
	ring_desc(&ring, head + 1u, ring_buffer(&ring, (uint16_t)(head + 1)), len,
		  (uint16_t)(VRING_DESC_F_NEXT | (out ? 0 : VRING_DESC_F_WRITE)),
		  (uint16_t)(head + 2));
	*at(ring_buffer(&ring, (uint16_t)(head + 2))) = 0xee;
	ring_desc(&ring, head + 2u, ring_buffer(&ring, (uint16_t)(head + 2)), 1, VRING_DESC_F_WRITE,
		  0);
	ring.free = (uint16_t)((head + 3) % (SIZE - 3));
	ring_give(&ring, head);
	return head;
}

static const uint8_t *answer(uint16_t head)
{
	return at(ring_buffer(&ring, (uint16_t)(head + 1)));
}

static uint8_t status_of(uint16_t head)
{
	return *at(ring_buffer(&ring, (uint16_t)(head + 2)));
}

/* One request from first to last: its status, or 0xff when it never ends. */
static uint8_t result(uint32_t type, uint64_t sector, const void *out, uint32_t len)
{
	uint16_t head = ask(type, sector, out, len);

	fd_event_signal(dev->queues[0].kick_fd);
	while (ring_used_index(&ring) != ring.avail_idx)
		if (!event())
			return 0xff;
	ring.used_idx = ring.avail_idx;
	return status_of(head);
}

static bool disk_has(uint64_t offset, uint8_t byte, size_t n)
{
	uint8_t got[4096];

	if (n > sizeof(got) || pread(disk_fd, got, n, (off_t)offset) != (ssize_t)n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (got[i] != byte)
			return false;
	return true;
}

static void reads_and_writes(void)
{
	uint8_t bytes[4096];
	uint32_t id, len;
	uint16_t head;

	memset(bytes, 0x5a, sizeof(bytes));
	new_disk(DISK);
	CHECK_EQ(make((struct virtio_block_config){ .serial = "disk-one" }), 0);
	CHECK_EQ(load_le64(dev->config), DISK / SECTOR);
	drive(ALL);
	CHECK_EQ(result(VIRTIO_BLK_T_OUT, 8, bytes, sizeof(bytes)), VIRTIO_BLK_S_OK);
	CHECK(disk_has(4096, 0x5a, 4096) && disk_has(0, 0, 4096) && disk_has(8192, 0, 4096));
	CHECK_EQ(result(VIRTIO_BLK_T_FLUSH, 0, NULL, 0), VIRTIO_BLK_S_OK);
	head = ask(VIRTIO_BLK_T_IN, 8, NULL, 4096);
	fd_event_signal(dev->queues[0].kick_fd);
	UNTIL(ring_take(&ring, &id, &len));
	CHECK_EQ(id, head);
	CHECK_EQ(len, 4097);
	CHECK_EQ(status_of(head), VIRTIO_BLK_S_OK);
	CHECK(!memcmp(answer(head), bytes, 4096));
	head = ask(VIRTIO_BLK_T_GET_ID, 0, NULL, 20);
	fd_event_signal(dev->queues[0].kick_fd);
	UNTIL(ring_take(&ring, &id, &len));
	CHECK(!memcmp(answer(head), "disk-one\0\0\0\0\0\0\0\0\0\0\0\0", 20));
}

/* The last sector is there, the next is not; no sum wraps; half sectors are refused. */
static void bounds(void)
{
	static const uint64_t beyond[] = {
		DISK / SECTOR,       DISK / SECTOR - 7,       UINT64_MAX,
		UINT64_MAX / SECTOR, UINT64_MAX / SECTOR + 1, UINT64_MAX - 7
	};
	uint8_t bytes[4096] = { 0 };

	new_disk(DISK);
	CHECK_EQ(make((struct virtio_block_config){ 0 }), 0);
	drive(ALL);
	CHECK_EQ(result(VIRTIO_BLK_T_IN, DISK / SECTOR - 8, NULL, 4096), VIRTIO_BLK_S_OK);
	CHECK_EQ(result(VIRTIO_BLK_T_OUT, DISK / SECTOR - 8, bytes, 4096), VIRTIO_BLK_S_OK);
	for (unsigned i = 0; i < ARRAY_SIZE(beyond); i++) {
		CHECK_EQ(result(VIRTIO_BLK_T_IN, beyond[i], NULL, 4096), VIRTIO_BLK_S_IOERR);
		CHECK_EQ(result(VIRTIO_BLK_T_OUT, beyond[i], bytes, 4096), VIRTIO_BLK_S_IOERR);
	}
	CHECK_EQ(result(VIRTIO_BLK_T_IN, 0, NULL, 513), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(result(VIRTIO_BLK_T_OUT, 0, bytes, 100), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(result(VIRTIO_BLK_T_SCSI_CMD, 0, NULL, 512), VIRTIO_BLK_S_UNSUPP);
	CHECK_EQ(result(77, 0, NULL, 0), VIRTIO_BLK_S_UNSUPP);
	CHECK(!virtio_device_broken(dev));
}

static void read_only(void)
{
	uint8_t bytes[512];

	memset(bytes, 1, sizeof(bytes));
	new_disk(1000); /* an odd file: its end reads as zeroes */
	CHECK_EQ(pwrite(disk_fd, bytes, 488, 512), 488);
	CHECK_EQ(make((struct virtio_block_config){ .read_only = true, .discard = true }), 0);
	CHECK(dev->offered & BIT64(VIRTIO_BLK_F_RO));
	CHECK(!(dev->offered & (BIT64(VIRTIO_BLK_F_DISCARD) | BIT64(VIRTIO_BLK_F_WRITE_ZEROES))));
	CHECK_EQ(load_le64(dev->config), 2);
	drive(ALL);
	CHECK_EQ(result(VIRTIO_BLK_T_OUT, 0, bytes, 512), VIRTIO_BLK_S_IOERR);
	CHECK(disk_has(0, 0, 512));
	memset(at(ring_buffer(&ring, (uint16_t)(ring.free + 1))), 0xff, 512);
	CHECK_EQ(result(VIRTIO_BLK_T_IN, 1, NULL, 512), VIRTIO_BLK_S_OK);
	CHECK_EQ(answer((uint16_t)(ring.free - 3))[487], 1);
	CHECK_EQ(answer((uint16_t)(ring.free - 3))[488], 0);
	CHECK_EQ(answer((uint16_t)(ring.free - 3))[511], 0);
}

static void ranges(void)
{
	uint8_t bytes[4096], range[32] = { 0 };

	memset(bytes, 7, sizeof(bytes));
	new_disk(DISK);
	CHECK_EQ(make((struct virtio_block_config){ .discard = true }), 0);
	drive(ALL);
	CHECK_EQ(result(VIRTIO_BLK_T_OUT, 0, bytes, 4096), VIRTIO_BLK_S_OK);
	CHECK_EQ(result(VIRTIO_BLK_T_OUT, 8, bytes, 4096), VIRTIO_BLK_S_OK);
	store_le32(range + 8, 8); /* sector 0 among them */
	CHECK_EQ(result(VIRTIO_BLK_T_DISCARD, 0, range, 16), VIRTIO_BLK_S_OK);
	CHECK(disk_has(0, 0, 4096) && disk_has(4096, 7, 4096));
	store_le32(range, 9);
	store_le32(range + 8, 1);
	CHECK_EQ(result(VIRTIO_BLK_T_WRITE_ZEROES, 0, range, 16), VIRTIO_BLK_S_OK);
	CHECK(disk_has(4096, 7, 512) && disk_has(4608, 0, 512) && disk_has(5120, 7, 512));
	store_le32(range, 10);
	store_le32(range + 12, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
	CHECK_EQ(result(VIRTIO_BLK_T_WRITE_ZEROES, 0, range, 16), VIRTIO_BLK_S_OK);
	CHECK(disk_has(5120, 0, 512) && disk_has(5632, 7, 512));
	CHECK_EQ(result(VIRTIO_BLK_T_DISCARD, 0, range, 16), VIRTIO_BLK_S_UNSUPP); /* UNMAP */
	store_le32(range + 12, 2);
	CHECK_EQ(result(VIRTIO_BLK_T_WRITE_ZEROES, 0, range, 16), VIRTIO_BLK_S_UNSUPP);
	store_le32(range + 12, 0);
	CHECK_EQ(result(VIRTIO_BLK_T_DISCARD, 0, range, 15), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(result(VIRTIO_BLK_T_DISCARD, 0, NULL, 0), VIRTIO_BLK_S_IOERR);
	store_le32(range, DISK / SECTOR - 1);
	store_le32(range + 8, 2);
	CHECK_EQ(result(VIRTIO_BLK_T_DISCARD, 0, range, 16), VIRTIO_BLK_S_IOERR);
	store_le32(range + 4, UINT32_MAX);
	store_le32(range + 8, UINT32_MAX);
	CHECK_EQ(result(VIRTIO_BLK_T_WRITE_ZEROES, 0, range, 16), VIRTIO_BLK_S_IOERR);
	drive(0); /* nothing was negotiated */
	CHECK_EQ(result(VIRTIO_BLK_T_DISCARD, 0, range, 16), VIRTIO_BLK_S_UNSUPP);
	CHECK_EQ(result(VIRTIO_BLK_T_OUT, 0, bytes, 4096), VIRTIO_BLK_S_OK);
}

/* A file that somebody cuts, or that is full, is the guest's I/O error and the operator's line. */
static void errors(void)
{
	new_disk(DISK);
	CHECK_EQ(make((struct virtio_block_config){ 0 }), 0);
	drive(ALL);
	CHECK_EQ(ftruncate(disk_fd, 4096), 0);
	CHECK_EQ(result(VIRTIO_BLK_T_IN, 0, NULL, 4096), VIRTIO_BLK_S_OK);
	CHECK_EQ(result(VIRTIO_BLK_T_IN, 8, NULL, 4096), VIRTIO_BLK_S_IOERR);
	CHECK_EQ(result(VIRTIO_BLK_T_IN, 4, NULL, 4096), VIRTIO_BLK_S_IOERR);
	CHECK(!virtio_device_broken(dev));
}

/* Without a header, or without room for its status, a request breaks the device; a reset mends it. */
static void crooked(void)
{
	for (unsigned i = 0; i < 3; i++) {
		new_disk(DISK);
		CHECK_EQ(make((struct virtio_block_config){ 0 }), 0);
		drive(ALL);
		if (i == 0)
			ring_out(&ring, "0123456789abcdef", 16);
		else if (i == 1)
			ring_in(&ring, 513);
		else
			ring_give(&ring, SIZE);
		fd_event_signal(dev->queues[0].kick_fd);
		UNTIL(virtio_device_broken(dev));
		drive(ALL);
		CHECK(!virtio_device_broken(dev));
		CHECK_EQ(result(VIRTIO_BLK_T_IN, 0, NULL, 512), VIRTIO_BLK_S_OK);
	}
}

/* As many as the ring holds at once; each is answered once, with its own bytes. */
static void many(void)
{
	uint8_t bytes[512];
	uint16_t heads[20];
	uint32_t id, len;
	bool seen[SIZE] = { false };

	new_disk(DISK);
	for (unsigned i = 0; i < 20; i++) {
		memset(bytes, (int)i + 1, sizeof(bytes));
		CHECK_EQ(pwrite(disk_fd, bytes, sizeof(bytes), (off_t)(i * 512)), 512);
	}
	CHECK_EQ(make((struct virtio_block_config){ 0 }), 0);
	drive(ALL);
	for (unsigned round = 0; round < 50; round++) {
		memset(seen, 0, sizeof(seen));
		ring.free = 0;
		for (unsigned i = 0; i < 20; i++)
			heads[i] = ask(VIRTIO_BLK_T_IN, i, NULL, 512);
		fd_event_signal(dev->queues[0].kick_fd);
		for (unsigned i = 0; i < 20; i++) {
			UNTIL(ring_take(&ring, &id, &len));
			CHECK(id < SIZE && !seen[id]);
			CHECK_EQ(len, 513);
			seen[id] = true;
		}
		for (unsigned i = 0; i < 20; i++) {
			CHECK_EQ(answer(heads[i])[0], i + 1);
			CHECK_EQ(answer(heads[i])[511], i + 1);
		}
	}
}

/* Reset while requests are under way: when it returns, nothing touches guest memory any more. */
static void reset_in_flight(void)
{
	new_disk(DISK);
	CHECK_EQ(make((struct virtio_block_config){ 0 }), 0);
	for (unsigned round = 0; round < 200; round++) {
		drive(ALL);
		for (unsigned i = 0; i < 20; i++)
			ask(VIRTIO_BLK_T_IN, i, NULL, 4096);
		fd_event_signal(dev->queues[0].kick_fd);
		virtio_device_write_status(dev, 0);
		memset(at(ring_buffer(&ring, 0)), 0xaa, KIB(256));
		for (unsigned i = 0; i < KIB(256); i += 512)
			CHECK_EQ(*at(ring_buffer(&ring, 0) + i), 0xaa);
	}
	drive(ALL);
	CHECK_EQ(result(VIRTIO_BLK_T_IN, 0, NULL, 512), VIRTIO_BLK_S_OK);
}

/* What cannot be a disk is refused in a line that says so. */
static void refusals(void)
{
	struct virtio_block_config config = { .path = path };
	struct virtio_block *second;
	char other[] = "/tmp/thru-disk-XXXXXX";
	int fd = mkstemp(other);

	CHECK(fd >= 0);
	new_disk(DISK);
	config.path = other;
	CHECK_EQ(virtio_block_create(&config, &second), -EINVAL);
	CHECK(strstr(error_message(), "is empty"));
	error_clear();
	CHECK_EQ(ftruncate(fd, 1000), 0);
	CHECK_EQ(virtio_block_create(&config, &second), -EINVAL);
	CHECK(strstr(error_message(), "1000 bytes, is no multiple of 512"));
	error_clear();
	CHECK_EQ(ftruncate(fd, 1024), 0);
	CHECK_EQ(virtio_block_create(&config, &block), 0);
	CHECK_EQ(virtio_block_create(&config, &second), -EBUSY);
	CHECK(strstr(error_message(), "another program has it"));
	error_clear();
	config.read_only = true;
	CHECK_EQ(virtio_block_create(&config, &second), -EBUSY);
	error_clear();
	virtio_block_destroy(block);
	CHECK_EQ(virtio_block_create(&config, &block), 0);
	CHECK_EQ(virtio_block_create(&config, &second), 0);
	virtio_block_destroy(second);
	close(fd);
	unlink(other);
	CHECK_EQ(virtio_block_create(&config, &second), -ENOENT);
	CHECK_EQ(mkfifo(other, 0600), 0);
	error_clear();
	CHECK_EQ(virtio_block_create(&config, &second), -EINVAL);
	CHECK(strstr(error_message(), "is no disk"));
	unlink(other);
	config.path = "/tmp";
	error_clear();
	CHECK_EQ(virtio_block_create(&config, &second), -EINVAL);
	unplug();
}

/* Random bytes come, at most VIRTIO_RNG_REQUEST of them, and where there is room only. */
static void entropy(void)
{
	static const uint8_t none[64];
	uint32_t id, len;

	new_disk(DISK);
	CHECK_EQ(virtio_rng_create(&rng), 0);
	plug(virtio_rng_device(rng));
	drive(ALL);
	ring_in(&ring, 64);
	fd_event_signal(dev->queues[0].kick_fd);
	UNTIL(ring_take(&ring, &id, &len));
	CHECK_EQ(len, 64);
	CHECK(memcmp(at(ring_buffer(&ring, (uint16_t)id)), none, 64));
	CHECK(!memcmp(at(ring_buffer(&ring, (uint16_t)id) + 64), none, 64));
	ring_in(&ring, 65536);
	fd_event_signal(dev->queues[0].kick_fd);
	UNTIL(ring_take(&ring, &id, &len));
	CHECK_EQ(len, VIRTIO_RNG_REQUEST);
	ring_out(&ring, "?", 1); /* no room at all */
	fd_event_signal(dev->queues[0].kick_fd);
	UNTIL(ring_take(&ring, &id, &len));
	CHECK_EQ(len, 0);
	ring_give(&ring, SIZE);
	fd_event_signal(dev->queues[0].kick_fd);
	UNTIL(virtio_device_broken(dev));
	unplug();
}

static const struct test tests[] = {
	TEST(reads_and_writes), TEST(bounds), TEST(read_only),       TEST(ranges),   TEST(errors),
	TEST(crooked),          TEST(many),   TEST(reset_in_flight), TEST(refusals), TEST(entropy),
};
TEST_MAIN(tests)
