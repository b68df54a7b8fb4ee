/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The descriptors of a serial port (serial_host.c), apart from its registers. With the device lock held.
 */
#pragma once

#include <devices/serial.h>

/* Watch config's descriptors; has_input and has_room are set. On failure serial_host_deinit() undoes it. */
int serial_host_init(struct serial_host *host, const struct serial_config *config,
		     struct loop *loop) _must_check_;
void serial_host_deinit(struct serial_host *host); /* what is staged is written first */

/* The next byte of input; false: there is none now. */
bool serial_host_take(struct serial_host *host, uint8_t *ret_byte);

/* After one or more of those: read on where there is room. */
void serial_host_listen(struct serial_host *host);

/* Stage a byte for output. host->out_blocked tells whether the descriptor takes more. */
void serial_host_send(struct serial_host *host, uint8_t byte);
