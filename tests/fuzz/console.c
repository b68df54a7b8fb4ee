/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ports and control queues of a virtio console under a driver that fills its rings with anything, without the
 * console's thread: what that would be woken for is done at once. What comes out of a port is in order and no more
 * than what the guest had handed over; the owner hears of an open and of a close in turn; a message to the guest fits.
 * Bytes: operations.
 *
 * Fuzzes: devices/virtio/console_control.c devices/virtio/console_port.c devices/virtio/queue.c
 */
#include "fuzz.h"

#include "virtio-driver.h"

#include <devices/virtio/console_control.h>
#include <linux/falloc.h>
#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>

#define PORTS      3
#define QUEUES     (2 + 2 * PORTS)
#define SIZE       16
#define OPERATIONS 256
#define BUFFER     512

static struct virtio_queue queues[QUEUES];
static struct virtio_device dev;
static struct virtio_worker worker;
static struct port ports[PORTS];
static struct console_control control;
static struct ring rings[QUEUES];
static uint8_t bounce[PORT_BOUNCE];
static unsigned accepts; /* bytes that the host takes at once */
static unsigned types;   /* bytes that it has */
static bool is_open[PORTS], is_live;

static void interrupt(void *ctx, unsigned queue)
{
	MUST(queue < QUEUES);
}

static void config_interrupt(void *ctx)
{
}

static const struct virtio_transport_ops transport = { interrupt, config_interrupt, NULL };

static void nothing(struct virtio_device *d)
{
}

static const struct virtio_device_ops device_ops = { nothing, nothing, NULL };

static size_t port_out(void *ctx, const void *bytes, size_t len)
{
	size_t n = MIN(len, (size_t)accepts);

	MUST(len <= PORT_BOUNCE);
	/* Each byte is there to be read, and is looked at by the sanitizer. */
	for (size_t i = 0; i < n; i++)
		bounce[i] ^= ((const uint8_t *)bytes)[i];
	accepts -= (unsigned)n;
	return n;
}

static ssize_t port_in(void *ctx, void *bytes, size_t room)
{
	size_t n = MIN(room, (size_t)types);

	MUST(room && room <= PORT_BOUNCE);
	memset(bytes, 'x', n);
	types -= (unsigned)n;
	return (ssize_t)n;
}

static void port_opened(void *ctx, bool open)
{
	bool *was = ctx;

	MUST(*was != open);
	*was = open;
}

static void start(uint64_t features)
{
	static const uint64_t always = BIT64(VIRTIO_F_VERSION_1);

	virtio_device_write_status(&dev, 0);
	virtio_device_accept(&dev, 0, (uint32_t)features);
	virtio_device_accept(&dev, 1, (uint32_t)(always >> 32));
	virtio_device_write_status(&dev, 11);
	for (unsigned i = 0; i < QUEUES; i++) {
		rings[i] = ring_init(i, SIZE);
		ring_connect(&rings[i], &queues[i]);
	}
	virtio_device_write_status(&dev, 15);
	is_live = worker.running = dev.started;
	control.multiport = virtio_device_has(&dev, VIRTIO_CONSOLE_F_MULTIPORT);
	ports[0].guest_ready = ports[0].guest_open = !control.multiport;
}

static void stop(bool final)
{
	/* The queues are still there, and not used any more after that. */
	for (unsigned i = 0; i < PORTS && is_live; i++)
		port_stop(&ports[i], final);
	is_live = worker.running = false;
	virtio_device_write_status(&dev, 0);
	for (unsigned i = 0; i < PORTS; i++)
		port_send(&ports[i]);
}

static void begin(void)
{
	if (!ram.hva)
		ram_init();
	if (fallocate(ram.memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)ram.size))
		abort();
	memset(&worker, 0, sizeof(worker));
	memset(ports, 0, sizeof(ports));
	memset(is_open, 0, sizeof(is_open));
	accepts = types = 0;
	dev = (struct virtio_device){ .ops = &device_ops,
				      .name = "console",
				      .type = VIRTIO_ID_CONSOLE,
				      .offered = BIT64(VIRTIO_CONSOLE_F_MULTIPORT) |
						 BIT64(VIRTIO_CONSOLE_F_SIZE),
				      .queues = queues,
				      .n_queues = QUEUES,
				      .config_size = 12 };
	for (unsigned i = 0; i < QUEUES; i++)
		if (virtio_queue_init(&queues[i], SIZE))
			abort();
	virtio_device_init(&dev);
	virtio_device_plug(&dev, &ram, &transport, NULL);
	worker.dev = &dev;
	for (unsigned i = 0; i < PORTS; i++) {
		struct virtio_console_port config = { .name = i ? "a.port" : NULL,
						      .console = !i,
						      .ctx = &is_open[i],
						      .in_fd = -1,
						      .out_fd = -1,
						      .in = port_in,
						      .out = i < 2 ? port_out : NULL,
						      .opened = port_opened };

		ports[i] = (struct port){ .worker = &worker,
					  .bounce = bounce,
					  .index = i,
					  .rx = i ? 2 + 2 * i : 0,
					  .tx = i ? 3 + 2 * i : 1,
					  .size = 80 | 24 << 16 };
		if (port_init(&ports[i], &config))
			abort();
	}
	control = (struct console_control){ .dev = &dev, .ports = ports, .n = PORTS };
}

static void end(void)
{
	stop(false);
	accepts = UINT32_MAX;
	for (unsigned i = 0; i < PORTS; i++) {
		port_send(&ports[i]);
		MUST(!is_open[i]); /* all is out, and the guest is gone */
		port_deinit(&ports[i]);
	}
	virtio_device_unplug(&dev);
	virtio_device_deinit(&dev);
	for (unsigned i = 0; i < QUEUES; i++)
		virtio_queue_deinit(&queues[i]);
}

/* What the worker does for a queue. */
static void work(unsigned queue)
{
	if (!is_live)
		return;
	if (queue == CONTROL_TX)
		console_control_receive(&control);
	else if (queue == CONTROL_RX)
		console_control_send(&control);
	else if (queue & 1)
		port_send(&ports[queue == 1 ? 0 : (queue - 3) / 2]);
	else
		port_receive(&ports[queue ? (queue - 2) / 2 : 0]);
	for (unsigned i = 0; i < QUEUES; i++)
		if (queues[i].broken && !virtio_device_broken(&dev))
			virtio_device_needs_reset(&dev, "a queue", queues[i].why);
	console_control_send(&control);
}

static void say_control(struct input *in)
{
	uint8_t message[12];

	store_le32(message, take8(in) % (PORTS + 1));
	store_le16(message + 4, take8(in) % 9);
	store_le16(message + 6, take8(in) & 1);
	ring_out(&rings[CONTROL_TX], message, 4u + take8(in) % 9);
	work(CONTROL_TX);
}

static void operate(struct input *in)
{
	uint8_t op = take8(in), q = take8(in) % QUEUES;
	uint8_t bytes[BUFFER] = { 0 };

	if (!is_live && op % 10 > 1)
		return;
	switch (op % 10) {
	case 0:
		stop(op & 16);
		start((uint64_t)(take8(in) & 3) | BIT64(VIRTIO_RING_F_EVENT_IDX) * (op >> 5 & 1) |
		      BIT64(VIRTIO_RING_F_INDIRECT_DESC));
		break;
	case 1:
		accepts += take16(in);
		types += take16(in);
		break;
	case 2:
		say_control(in);
		break;
	case 3: /* room, also where the guest only sends */
		ring_in(&rings[q], take16(in) % 4096);
		break;
	case 4:
		ring_out(&rings[q], bytes, 1u + take16(in) % BUFFER);
		break;
	case 5: /* any descriptor, and its head */
		ring_desc(&rings[q], op >> 4, take64(in), take16(in), take8(in) & 7,
			  take8(in) % (SIZE + 1));
		ring_give(&rings[q], op >> 4);
		break;
	case 6:
		store_le64(at(0x10000 + 0x8000ull * q + take16(in) % 0x7ff8), take64(in));
		break;
	case 7:
		ports[q % PORTS].tell |= TELL_SIZE;
		ports[q % PORTS].size = take32(in);
		break;
	default:
		work(q);
	}
}

static void fuzz(struct input *in)
{
	begin();
	start(BIT64(VIRTIO_CONSOLE_F_MULTIPORT));
	for (unsigned i = 0; i < OPERATIONS && in->n; i++) {
		operate(in);
		for (unsigned k = 0; k < PORTS; k++)
			MUST(ports[k].left_at <= ports[k].left_n && !(ports[k].tell >> TELL_N));
		MUST(!*error_message());
	}
	end();
}
