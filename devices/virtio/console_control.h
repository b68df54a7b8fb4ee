/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control queues of a console, which tell the guest of its ports (console_control.c). Under the
 * worker's lock.
 */
#pragma once

#include "console_port.h"

/* §5.3.2: port 0 has queues 0 and 1, control 2 and 3, further ports 4 and on; first to the guest. */
#define CONTROL_RX 2
#define CONTROL_TX 3

#define CONTROL_ENTRIES 16

struct console_control {
	struct virtio_device *dev;
	bool multiport; /* the driver knows control queues */
	struct port *ports;
	unsigned n;
	struct virtio_chain chain; /* a message; too large for a stack */
};

/* Tell what is to be told of the ports, as far as there is room. */
void console_control_send(struct console_control *control);

/* Hear what the guest says. */
void console_control_receive(struct console_control *control);
