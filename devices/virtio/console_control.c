/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control queues of a console (VIRTIO 1.3 §5.3.6.2).
 *
 * What the guest is to be told of a port is kept as bits, not as messages: a guest that gives no buffers
 * costs no memory, and when it does it learns the latest state, such as the last of many resizes. What a
 * guest says is checked, and believed only about the port that it names.
 *
 * Runs under the worker's lock.
 */
#include "console_control.h"

#include <base/bytes.h>
#include <base/fd.h>
#include <linux/virtio_console.h>
#include <string.h>

/* struct virtio_console_control (§5.3.6.2): le32 id, le16 event, le16 value; behind it a name or size */
#define CONTROL_SIZE 8
#define NAME_MAX_LEN 64

/* The message for one bit of port->tell. Returns its length. */
static size_t control_message(const struct port *port, unsigned bit,
			      uint8_t message[CONTROL_SIZE + NAME_MAX_LEN])
{
	static const uint16_t events[TELL_N] = {
		VIRTIO_CONSOLE_PORT_ADD, VIRTIO_CONSOLE_CONSOLE_PORT, VIRTIO_CONSOLE_PORT_NAME,
		VIRTIO_CONSOLE_RESIZE,   VIRTIO_CONSOLE_PORT_OPEN,
	};
	size_t len = CONTROL_SIZE;

	store_le32(message, port->index);
	store_le16(message + 4, events[bit]);
	store_le16(message + 6, BIT(bit) == TELL_OPEN ? !port->host_closed : 1);
	if (BIT(bit) == TELL_SIZE) {
		store_le32(message + len, port->size); /* le16 cols, le16 rows */
		len += 4;
	} else if (BIT(bit) == TELL_NAME) {
		size_t name = strnlen(port->config.name, NAME_MAX_LEN);

		memcpy(message + len, port->config.name, name);
		len += name;
	}
	return len;
}

static bool tell_one(struct console_control *c, struct port *port, unsigned bit)
{
	struct virtio_queue *q = &c->dev->queues[CONTROL_RX];
	struct virtio_chain *chain = &c->chain;
	uint8_t message[CONTROL_SIZE + NAME_MAX_LEN];
	size_t len = control_message(port, bit, message);

	if (!virtio_queue_pop(q, chain))
		return false;
	if (chain->in_len < len) {
		virtio_device_needs_reset(c->dev, "a control buffer", "it is too small");
		return false;
	}
	len = virtio_iov_write(chain->iov + chain->n_out, chain->n_in, 0, message, len);
	virtio_queue_push(q, chain->head, (uint32_t)len);
	port->tell &= ~BIT(bit);
	return true;
}

/* Tell what is to be told, as far as the guest has given buffers; bounded by ports and bits. */
void console_control_send(struct console_control *c)
{
	bool room = true;

	if (!c->multiport || virtio_device_broken(c->dev))
		return;
	for (unsigned i = 0; i < c->n; i++)
		for (unsigned bit = 0; bit < TELL_N; bit++)
			if (room && c->ports[i].tell & BIT(bit))
				room = tell_one(c, &c->ports[i], bit);
	virtio_device_interrupt(c->dev, CONTROL_RX);
	if (!room && virtio_queue_listen(&c->dev->queues[CONTROL_RX]))
		fd_event_signal(c->dev->queues[CONTROL_RX].kick_fd);
}

/* The guest has made the port: now it can be told of its properties (§5.3.6.2). */
static void port_ready(struct port *port)
{
	port->guest_ready = true;
	port->tell |= TELL_OPEN | (port->config.console ? TELL_CONSOLE : 0) |
		      (port->config.name ? TELL_NAME : 0) |
		      (port->config.console && port->size ? TELL_SIZE : 0);
}

static void control_one(struct console_control *c, uint32_t id, unsigned event, bool value)
{
	struct port *port = id < c->n ? &c->ports[id] : NULL;

	if (event == VIRTIO_CONSOLE_DEVICE_READY && value) {
		for (unsigned i = 0; i < c->n; i++)
			c->ports[i].tell |= TELL_ADD;
	} else if (port && event == VIRTIO_CONSOLE_PORT_READY && value) {
		port_ready(port);
	} else if (port && event == VIRTIO_CONSOLE_PORT_OPEN) {
		port_guest_open(port, value);
		port_send(port);
		port_receive(port);
	} else {
		log_guest(&c->dev->rl, "%s: control message %u of port %u is not understood",
			  c->dev->name, event, id);
	}
}

void console_control_receive(struct console_control *c)
{
	struct virtio_queue *q = &c->dev->queues[CONTROL_TX];
	uint8_t message[CONTROL_SIZE];

	if (!c->multiport || virtio_device_broken(c->dev))
		return;
	for (unsigned n = 0; n < CONTROL_ENTRIES && virtio_queue_pop(q, &c->chain); n++) {
		uint16_t head = c->chain.head;

		if (virtio_iov_read(c->chain.iov, c->chain.n_out, 0, message, sizeof(message)) ==
		    sizeof(message))
			control_one(c, load_le32(message), load_le16(message + 4),
				    load_le16(message + 6));
		virtio_queue_push(q, head, 0);
	}
	console_control_send(c);
	virtio_device_interrupt(c->dev, CONTROL_TX);
	if (virtio_queue_listen(q))
		fd_event_signal(q->kick_fd);
}
