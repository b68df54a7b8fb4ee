/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the registers of a serial port (serial.c) and its descriptors (serial_host.c), which share
 * a struct serial. With the device lock held.
 */
#pragma once

#include <devices/serial.h>

/* Watch s->config's descriptors. On failure serial_host_deinit() undoes what was done. */
int serial_host_init(struct serial *s) _must_check_;
void serial_host_deinit(struct serial *s); /* what is staged is written first */

/* The next byte of input; false: there is none now. */
bool serial_host_take(struct serial *s, uint8_t *ret_byte);

/* After one or more of those: read on where there is room. */
void serial_host_listen(struct serial *s);

/* Stage a byte for output. s->out_blocked tells whether the descriptor takes more. */
void serial_host_send(struct serial *s, uint8_t byte);

/* In serial.c, for the descriptors' events: move input to where the guest reads, set the output line. */
void serial_feed(struct serial *s);
void serial_update_irq(struct serial *s);
