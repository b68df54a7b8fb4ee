/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the parts of a console: console.c is the device and its thread, console_control.c its
 * control queues; console_port.c moves the bytes of a port. All under the console's lock.
 */
#pragma once

#include "device.h"

#include <core/lock.h>
#include <core/loop.h>
#include <devices/virtio_console.h>

/* §5.3.2: port 0 has queues 0 and 1, control 2 and 3, further ports 4 and on; first to the guest. */
#define CONTROL_RX 2
#define CONTROL_TX 3

#define CONTROL_ENTRIES 16

/* What the guest is still to be told of a port, in this order (§5.3.6.2). */
#define TELL_ADD     BIT(0)
#define TELL_CONSOLE BIT(1)
#define TELL_NAME    BIT(2)
#define TELL_SIZE    BIT(3)
#define TELL_OPEN    BIT(4) /* open or closed, as it is when it is told */
#define TELL_N       5

struct port {
	struct virtio_console_port config; /* descriptors are ours */
	struct virtio_console *console;
	unsigned index;
	unsigned rx, tx; /* queues: to the guest, from the guest */
	unsigned tell;
	uint32_t size;     /* cols | rows << 16, 0: not known */
	uint32_t new_size; /* atomic: as last set */

	bool guest_ready; /* the guest knows the port */
	bool guest_open;  /* the guest listens */
	bool told_open;   /* what the owner was told last */
	bool closing;     /* closed, once what came before is out: up to close_at */
	uint16_t close_at;
	bool host_closed; /* the guest has been, or is to be, told of the end of input */

	/* Input. A request of the guest's is held while there is nothing to put into it. */
	struct loop_source in;
	bool in_pollable, in_watched, in_end;
	bool rx_held;
	struct virtio_chain rx_chain;

	/* Output: `tx_done` bytes of the request that is held are out. */
	struct loop_source out;
	bool out_watched, out_blocked, out_lost;
	bool tx_held;
	size_t tx_done;
	struct virtio_chain tx_chain;
	/* What the guest had handed over when it was reset and the host had not taken. */
	uint8_t *left;
	size_t left_at, left_n;
};

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
	bool running; /* between start and stop */
	bool multiport;
	struct loop_source wake;
	struct virtio_queue *queues;
	struct queue_source *kicks;
	unsigned n_queues_made; /* their eventfds, and their sources */
	unsigned n;
	struct port ports[VIRTIO_CONSOLE_PORTS];
	struct virtio_chain control; /* a control message; too large for a stack */
	uint8_t bounce[65536];       /* what a function is shown, or gives */
};

/* Tell what is to be told, as far as there is room; hear what the guest says. */
void console_control_send(struct virtio_console *c);
void console_control_receive(struct virtio_console *c);

/* The guest is to be told of the port; it is as soon as it has given a buffer for that. */
void console_tell(struct port *port, unsigned what);

/* Has the guest broken a queue? Then the device needs a reset. After each use of queues. */
void console_check(struct virtio_console *c);

/* Duplicates the descriptors. */
int port_init(struct port *port) _must_check_;
void port_deinit(struct port *port);

/* Move what can be moved now, without waiting; both ask for events where they stopped. */
void port_send(struct port *port);
void port_receive(struct port *port);

/* The guest says that it opened or closed the port. */
void port_guest_open(struct port *port, bool open);

/*
 * The guest is reset, or gone: its queues are not touched any more. What it had handed over is kept for
 * the host, within bounds; not when it had its last chance (`final`).
 */
void port_stop(struct port *port, bool final);

/* Bytes that the guest has handed over and the host has not taken. */
bool port_has_output(const struct port *port);
