/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console device (VIRTIO 1.3 §5.3): configuration, life, and what its worker's thread does for the control
 * queues (console_control.c) and for all ports (console_port.c). Features: VIRTIO_CONSOLE_F_SIZE, VIRTIO_CONSOLE_F_MULTIPORT.
 *
 * All under the worker's lock (worker.h), by its thread: doorbells come from KVM, descriptors and the
 * owners' wake-ups are sources in its loop, interrupts go to KVM. Who resets the device, on a vcpu, or ends
 * it, takes that lock and waits for one pass over the ports at most.
 *
 * Left out on purpose: VIRTIO_CONSOLE_F_EMERG_WRITE (boards have a serial port), ports that come and go.
 */
#include "console_control.h"

#include <base/bytes.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/fd.h>
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

struct virtio_console {
	struct virtio_device dev;
	struct virtio_worker worker;
	struct loop_source wake;
	unsigned n;
	struct port ports[VIRTIO_CONSOLE_PORTS];
	struct console_control control;
	uint8_t bounce[PORT_BOUNCE];
};

static struct virtio_console *of_device(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_console, dev);
}

static struct virtio_console *of_port(const struct port *port)
{
	return container_of(port->worker, struct virtio_console, worker);
}

/* What the queues and ports left: words to the guest, and a queue that it broke, which takes a reset. */
static void settle(struct virtio_console *c)
{
	bool tell = false;

	for (unsigned i = 0; i < c->n; i++)
		tell |= c->ports[i].tell != 0;
	if (c->worker.running && tell)
		console_control_send(&c->control);
	for (unsigned i = 0; i < c->dev.n_queues && c->worker.running; i++)
		if (c->dev.queues[i].broken && !virtio_device_broken(&c->dev))
			virtio_device_needs_reset(&c->dev, "a queue", c->dev.queues[i].why);
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

static void kicked(struct virtio_worker *worker, unsigned queue)
{
	struct virtio_console *c = container_of(worker, struct virtio_console, worker);
	struct port *port = port_of(c, queue);

	if (queue == CONTROL_RX)
		console_control_send(&c->control);
	else if (queue == CONTROL_TX)
		console_control_receive(&c->control);
	else if (queue == port->rx)
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
		if (i == 0 && c->worker.running &&
		    virtio_device_has(&c->dev, VIRTIO_CONSOLE_F_SIZE))
			virtio_device_config_changed(&c->dev);
	}
}

/* Something has changed: look at everything. */
static void work(struct virtio_console *c)
{
	take_sizes(c);
	if (c->worker.running && !virtio_device_broken(&c->dev)) {
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

	lock_take(&c->worker.lock);
	c->worker.running = true;
	c->control.multiport = virtio_device_has(dev, VIRTIO_CONSOLE_F_MULTIPORT);
	/* §5.3.5: without control queues there is one port, and it is open. */
	if (!c->control.multiport)
		port_guest_open(&c->ports[0], true);
	/* The driver may have read the size before it was what it is now. */
	if (c->ports[0].size && virtio_device_has(dev, VIRTIO_CONSOLE_F_SIZE))
		virtio_device_config_changed(dev);
	lock_drop(&c->worker.lock);
	virtio_console_wake(c);
}

static void stop(struct virtio_console *c, bool final)
{
	work(c); /* what the host takes at once */
	for (unsigned i = 0; i < c->n; i++)
		port_stop(&c->ports[i], final);
	c->worker.running = false;
	for (unsigned i = 0; i < c->n; i++)
		port_send(&c->ports[i]);
}

static void console_stop(struct virtio_device *dev)
{
	struct virtio_console *c = of_device(dev);

	lock_take(&c->worker.lock);
	if (c->worker.running)
		stop(c, false);
	lock_drop(&c->worker.lock);
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

	lock_take(&c->worker.lock);
	do {
		fd_event_take(c->wake.fd);
		work(c);
	} while (wait_for_room(c, end));
	stop(c, true);
	lock_drop(&c->worker.lock);
}

static const struct virtio_device_ops console_ops = {
	.start = console_start,
	.stop = console_stop,
	.drain = console_drain,
};

static int add_queues(struct virtio_console *c)
{
	unsigned n = 2 * (c->n + 1);
	int r = virtio_worker_prepare(&c->worker, n);

	for (unsigned i = 0; !r && i < n; i++)
		r = virtio_worker_add_queue(&c->worker,
					    port_of(c, i) ? PORT_ENTRIES : CONTROL_ENTRIES);
	return r;
}

static int add_wake(struct virtio_console *c)
{
	int r = fd_event(&c->wake.fd);

	if (r)
		return r;
	c->wake.handler = woken;
	r = loop_add(&c->worker.loop, &c->wake, EPOLLIN);
	return r ? fail(STATUS_HOST, -r, "virtio console: %s", strerror(-r)) : 0;
}

static int make(struct virtio_console *c, const struct virtio_console_port *ports)
{
	int r = add_queues(c);

	if (!r)
		r = add_wake(c);
	for (unsigned i = 0; !r && i < c->n; i++)
		r = port_init(&c->ports[i], &ports[i]);
	return r ? r : virtio_worker_launch(&c->worker);
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
	c->wake.fd = -1;
	c->dev = (struct virtio_device){
		.ops = &console_ops,
		.name = "virtio console",
		.type = VIRTIO_ID_CONSOLE,
		.pci_class = VIRTIO_CLASS_COMMUNICATION,
		.offered = BIT64(VIRTIO_CONSOLE_F_SIZE) | BIT64(VIRTIO_CONSOLE_F_MULTIPORT),
		.config_size = CONFIG_SIZE,
	};
	store_le32(c->dev.config + CONFIG_MAX_PORTS, n);
	virtio_device_init(&c->dev);
	c->worker.dev = c->control.dev = &c->dev;
	c->worker.work = kicked;
	c->control.ports = c->ports;
	c->control.n = n;
	for (unsigned i = 0; i < n; i++) {
		struct port *port = &c->ports[i];

		port->worker = &c->worker;
		port->bounce = c->bounce;
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
	lock_take(&c->worker.lock);
	loop_remove(&c->worker.loop, &c->wake);
	for (unsigned i = 0; i < c->n; i++)
		port_deinit(&c->ports[i]);
	lock_drop(&c->worker.lock);
	virtio_worker_deinit(&c->worker);
	fd_close(&c->wake.fd);
	virtio_device_deinit(&c->dev);
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
