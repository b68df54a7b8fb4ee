/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A port of a console: the bytes between its two queues and what is behind it (console_port.c). Ports
 * share the console's worker and know nothing of the console; what a port has to say to the guest stays in
 * `tell` until the control queues have room (console_control.c). All under the worker's lock.
 */
#pragma once

#include "worker.h"

#include <devices/virtio_console.h>

/* What the guest is still to be told of a port, in this order (§5.3.6.2). */
#define TELL_ADD     BIT(0)
#define TELL_CONSOLE BIT(1)
#define TELL_NAME    BIT(2)
#define TELL_SIZE    BIT(3)
#define TELL_OPEN    BIT(4) /* open or closed, as it is when it is told */
#define TELL_N       5

#define PORT_BOUNCE 65536

struct port {
	struct virtio_console_port config; /* descriptors are ours */
	struct virtio_worker *worker;      /* queues may be touched while it is `running` */
	uint8_t *bounce; /* PORT_BOUNCE bytes: what a function is shown, or gives */
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
	struct loop_source in; /* its handler is the console's, and calls port_receive() */
	bool in_pollable, in_watched, in_end;
	bool rx_held;
	struct virtio_chain rx_chain;

	/* Output: `tx_done` bytes of the request that is held are out. */
	struct loop_source out; /* likewise, port_send() */
	bool out_watched, out_blocked, out_lost;
	bool tx_held;
	size_t tx_done;
	struct virtio_chain tx_chain;
	/* What the guest had handed over when it was reset and the host had not taken. */
	uint8_t *left;
	size_t left_at, left_n;
};

/* What is behind the port; its descriptors are duplicated. */
int port_init(struct port *port, const struct virtio_console_port *config) _must_check_;
void port_deinit(struct port *port);

/*
 * Move what can be moved now, without waiting; both ask for events where they stopped. Afterwards a queue
 * may be broken, and there may be something to tell.
 */
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
