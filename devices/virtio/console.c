/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console device (VIRTIO 1.3 §5.3): configuration, life, and the thread that does the work of the control
 * queues (console_control.c) and of all ports (console_port.c). Features: VIRTIO_CONSOLE_F_SIZE, VIRTIO_CONSOLE_F_MULTIPORT.
 *
 * The thread runs a loop of its own under a lock of its own. Doorbells come to it from KVM, interrupts go
 * to KVM; it never takes the device lock. A vcpu takes the console's lock, below the device lock, to start
 * and to reset; it waits for one pass over the ports at most. Owners only wake the thread.
 *
 * Left out on purpose: VIRTIO_CONSOLE_F_EMERG_WRITE (boards have a serial port), ports that come and go.
 */
#include "console_control.h"

#include <base/bytes.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/fd.h>
#include <core/lock.h>
#include <errno.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define PORT_ENTRIES 64

/* struct virtio_console_config (§5.3.4): le16 cols, rows; le32 max_nr_ports, emerg_wr */
#define CONFIG_SIZE      12
#define CONFIG_MAX_PORTS 4

#define QUIET_MS 1000  /* a reader that takes nothing for so long has had its chance */
#define FINAL_MS 10000 /* so has one that takes a little now and then */

#define CLASS_COMMUNICATION_OTHER 0x07800001

struct queue_source {
	struct loop_source source;
	struct virtio_console *console;
	unsigned queue;
};

struct virtio_console {
	struct virtio_device dev;
	struct lock lock;
	struct loop loop;
	pthread_t thread;
	bool has_loop, has_thread;
	struct loop_source wake;
	struct virtio_queue *queues;
	struct queue_source *kicks;
	unsigned n_queues_made; /* their eventfds, and their sources */
	unsigned n;
	struct port ports[VIRTIO_CONSOLE_PORTS];
	struct port_shared shared; /* of the ports; shared.running: between start and stop */
	struct console_control control;
};

static struct virtio_console *of_device(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_console, dev);
}

static struct virtio_console *of_port(const struct port *port)
{
	return container_of(port->shared, struct virtio_console, shared);
}

/* What the queues and ports left: words to the guest, and a queue that it broke, which takes a reset. */
static void settle(struct virtio_console *c)
{
	bool tell = false;

	for (unsigned i = 0; i < c->n; i++)
		tell |= c->ports[i].tell != 0;
	if (c->shared.running && tell)
		console_control_send(&c->control);
	for (unsigned i = 0; i < c->dev.n_queues && c->shared.running; i++)
		if (c->queues[i].broken && !virtio_device_broken(&c->dev))
			virtio_device_needs_reset(&c->dev, "a queue", c->queues[i].why);
}

static void in_ready(struct loop_source *source, uint32_t events)
{
	struct port *port = container_of(source, struct port, in);

	port_receive(port);
	settle(of_port(port));
}

static void out_ready(struct loop_source *source, uint32_t events)
{
	struct port *port = container_of(source, struct port, out);

	port_send(port);
	settle(of_port(port));
}

/* Which port a queue belongs to; NULL: control. */
static struct port *port_of(struct virtio_console *c, unsigned queue)
{
	if (queue == CONTROL_RX || queue == CONTROL_TX)
		return NULL;
	return &c->ports[queue < 2 ? 0 : queue / 2 - 1];
}

static void kicked(struct loop_source *source, uint32_t events)
{
	struct queue_source *kick = container_of(source, struct queue_source, source);
	struct virtio_console *c = kick->console;
	struct port *port = port_of(c, kick->queue);

	fd_event_take(source->fd);
	if (!c->shared.running || virtio_device_broken(&c->dev))
		return;
	if (kick->queue == CONTROL_RX)
		console_control_send(&c->control);
	else if (kick->queue == CONTROL_TX)
		console_control_receive(&c->control);
	else if (kick->queue == port->rx)
		port_receive(port);
	else
		port_send(port);
	settle(c);
}

/* Sizes as they are now. */
static void take_sizes(struct virtio_console *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		struct port *port = &c->ports[i];
		uint32_t size = __atomic_load_n(&port->new_size, __ATOMIC_ACQUIRE);
		uint8_t config[4];

		if (size == port->size)
			continue;
		port->size = size;
		if (port->config.console && port->guest_ready)
			port->tell |= TELL_SIZE;
		store_le32(config, size);
		if (i == 0)
			virtio_device_config_set(&c->dev, 0, config, sizeof(config));
		if (i == 0 && c->shared.running &&
		    virtio_device_has(&c->dev, VIRTIO_CONSOLE_F_SIZE))
			virtio_device_config_changed(&c->dev);
	}
}

/* Something has changed: look at everything. */
static void work(struct virtio_console *c)
{
	take_sizes(c);
	if (c->shared.running && !virtio_device_broken(&c->dev)) {
		console_control_receive(&c->control);
		for (unsigned i = 0; i < c->n; i++)
			port_receive(&c->ports[i]);
	}
	for (unsigned i = 0; i < c->n; i++)
		port_send(&c->ports[i]);
	settle(c);
}

static void woken(struct loop_source *source, uint32_t events)
{
	fd_event_take(source->fd);
	work(container_of(source, struct virtio_console, wake));
}

static void console_start(struct virtio_device *dev)
{
	struct virtio_console *c = of_device(dev);

	lock_take(&c->lock);
	c->shared.running = true;
	c->control.multiport = virtio_device_has(dev, VIRTIO_CONSOLE_F_MULTIPORT);
	/* §5.3.5: without control queues there is one port, and it is open. */
	if (!c->control.multiport)
		port_guest_open(&c->ports[0], true);
	/* The driver may have read the size before it was what it is now. */
	if (c->ports[0].size && virtio_device_has(dev, VIRTIO_CONSOLE_F_SIZE))
		virtio_device_config_changed(dev);
	lock_drop(&c->lock);
	virtio_console_wake(c);
}

static void stop(struct virtio_console *c, bool final)
{
	work(c); /* what the host takes at once */
	for (unsigned i = 0; i < c->n; i++)
		port_stop(&c->ports[i], final);
	c->shared.running = false;
	for (unsigned i = 0; i < c->n; i++)
		port_send(&c->ports[i]);
}

static void console_stop(struct virtio_device *dev)
{
	struct virtio_console *c = of_device(dev);

	lock_take(&c->lock);
	if (c->shared.running)
		stop(c, false);
	lock_drop(&c->lock);
}

/* Wait until something that holds output up may take more. False: nothing does, or the time is over. */
static bool wait_for_room(struct virtio_console *c, uint64_t end)
{
	struct pollfd fds[VIRTIO_CONSOLE_PORTS + 1] = { { .fd = c->wake.fd, .events = POLLIN } };
	uint64_t now = clock_ns();
	unsigned n = 1;
	bool waits = false;

	for (unsigned i = 0; i < c->n; i++) {
		struct port *port = &c->ports[i];

		if (!port_has_output(port))
			continue;
		waits = true;
		if (!port->config.out && port->config.out_fd >= 0)
			fds[n++] = (struct pollfd){ port->config.out_fd, POLLOUT, 0 };
	}
	if (!waits || now >= end)
		return false;
	return poll(fds, n, (int)MIN((end - now) / 1000000 + 1, (uint64_t)QUIET_MS)) > 0;
}

static void console_drain(struct virtio_device *dev)
{
	struct virtio_console *c = of_device(dev);
	uint64_t end = clock_ns() + FINAL_MS * 1000000ull;

	lock_take(&c->lock);
	do {
		fd_event_take(c->wake.fd);
		work(c);
	} while (wait_for_room(c, end));
	stop(c, true);
	lock_drop(&c->lock);
}

static const struct virtio_device_ops console_ops = {
	.start = console_start,
	.stop = console_stop,
	.drain = console_drain,
};

static void *run(void *arg)
{
	struct virtio_console *c = arg;
	int value;

	loop_run(&c->loop, &value);
	return NULL;
}

static int add_queue(struct virtio_console *c)
{
	unsigned i = c->n_queues_made;
	struct queue_source *kick = &c->kicks[i];
	uint16_t entries = i == CONTROL_RX || i == CONTROL_TX ? CONTROL_ENTRIES : PORT_ENTRIES;
	int r = virtio_queue_init(&c->queues[i], entries);

	if (r)
		return r;
	c->n_queues_made++;
	kick->console = c;
	kick->queue = i;
	kick->source = (struct loop_source){ .fd = c->queues[i].kick_fd, .handler = kicked };
	r = loop_add(&c->loop, &kick->source, EPOLLIN);
	return r ? fail(STATUS_HOST, -r, "virtio console: doorbell: %s", strerror(-r)) : 0;
}

static int make_loop(struct virtio_console *c)
{
	int r;

	lock_init(&c->lock);
	r = loop_init(&c->loop, &c->lock);
	c->has_loop = !r;
	if (!r)
		r = fd_event(&c->wake.fd);
	if (r)
		return r;
	c->wake.handler = woken;
	r = loop_add(&c->loop, &c->wake, EPOLLIN);
	return r ? fail(STATUS_HOST, -r, "virtio console: %s", strerror(-r)) : 0;
}

static int make(struct virtio_console *c, const struct virtio_console_port *ports)
{
	int r = make_loop(c);

	c->queues = calloc(c->dev.n_queues, sizeof(*c->queues));
	c->kicks = calloc(c->dev.n_queues, sizeof(*c->kicks));
	if (!r && (!c->queues || !c->kicks))
		r = fail(STATUS_FAILURE, ENOMEM, "virtio console: out of memory");
	c->dev.queues = c->queues;
	while (!r && c->n_queues_made < c->dev.n_queues)
		r = add_queue(c);
	for (unsigned i = 0; !r && i < c->n; i++)
		r = port_init(&c->ports[i], &ports[i]);
	if (r)
		return r;
	r = pthread_create(&c->thread, NULL, run, c);
	c->has_thread = !r;
	return r ? fail(STATUS_HOST, r, "virtio console: no thread: %s", strerror(r)) : 0;
}

int virtio_console_create(const struct virtio_console_port *ports, unsigned n,
			  struct virtio_console **ret)
{
	struct virtio_console *c;
	int r;

	if (!n || n > VIRTIO_CONSOLE_PORTS)
		return fail(STATUS_USAGE, EINVAL, "virtio console: %u ports; it has 1 to %u", n,
			    VIRTIO_CONSOLE_PORTS);
	c = calloc(1, sizeof(*c));
	if (!c)
		return fail(STATUS_FAILURE, ENOMEM, "virtio console: out of memory");
	c->n = n;
	c->wake.fd = c->loop.epoll_fd = c->loop.wake_fd = -1;
	c->dev = (struct virtio_device){
		.ops = &console_ops,
		.name = "virtio console",
		.type = VIRTIO_ID_CONSOLE,
		.pci_class = CLASS_COMMUNICATION_OTHER,
		.offered = BIT64(VIRTIO_CONSOLE_F_SIZE) | BIT64(VIRTIO_CONSOLE_F_MULTIPORT),
		.n_queues = 2 * (n + 1),
		.config_size = CONFIG_SIZE,
	};
	store_le32(c->dev.config + CONFIG_MAX_PORTS, n);
	virtio_device_init(&c->dev);
	c->shared.dev = c->control.dev = &c->dev;
	c->shared.loop = &c->loop;
	c->control.ports = c->ports;
	c->control.n = n;
	for (unsigned i = 0; i < n; i++) {
		struct port *port = &c->ports[i];

		port->shared = &c->shared;
		port->index = i;
		port->rx = i ? 2 * (i + 1) : 0;
		port->tx = port->rx + 1;
		port->config.in_fd = port->config.out_fd = -1;
		port->in.handler = in_ready;
		port->out.handler = out_ready;
	}
	r = make(c, ports);
	if (r) {
		virtio_console_destroy(c);
		return r;
	}
	*ret = c;
	return 0;
}

void virtio_console_destroy(struct virtio_console *c)
{
	if (!c)
		return;
	if (c->has_thread) {
		loop_post(&c->loop, VM_EVENT_POWEROFF, 0); /* its loop's end, nobody else's */
		pthread_join(c->thread, NULL);
	}
	for (unsigned i = 0; i < c->n; i++)
		port_deinit(&c->ports[i]);
	while (c->n_queues_made)
		virtio_queue_deinit(&c->queues[--c->n_queues_made]);
	fd_close(&c->wake.fd);
	if (c->has_loop)
		loop_deinit(&c->loop);
	lock_deinit(&c->lock);
	virtio_device_deinit(&c->dev);
	free(c->queues);
	free(c->kicks);
	free(c);
}

struct virtio_device *virtio_console_device(struct virtio_console *c)
{
	return &c->dev;
}

void virtio_console_wake(struct virtio_console *c)
{
	fd_event_signal(c->wake.fd);
}

void virtio_console_resize(struct virtio_console *c, unsigned port, uint16_t cols, uint16_t rows)
{
	if (port >= c->n)
		return;
	__atomic_store_n(&c->ports[port].new_size, cols | (uint32_t)rows << 16, __ATOMIC_RELEASE);
	virtio_console_wake(c);
}
