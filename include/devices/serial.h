/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 16550A UART (National Semiconductor PC16550D data sheet) between the guest and two file
 * descriptors. Input waits in the descriptor until the FIFO has room; output that the descriptor
 * does not take waits in the transmit FIFO, and the guest waits as it would for a slow line.
 */
#pragma once

#include <base/types.h>
#include <core/irq.h>
#include <core/loop.h>

#define SERIAL_REGISTERS 8
#define SERIAL_FIFO      16

struct serial_config {
	int in_fd;  /* -1: no input */
	int out_fd; /* -1: output is thrown away */
	/*
	 * Sees input before the guest does and may shorten it (a terminal's escape key). Returns
	 * the bytes left. NULL: none.
	 */
	size_t (*filter)(void *ctx, uint8_t *bytes, size_t len);
	void *filter_ctx;
	unsigned stride_shift; /* registers are 1 << stride_shift bytes apart; 0 on x86_64 */
};

struct serial {
	struct serial_config config;
	struct loop *loop;
	struct irq_line irq;
	struct loop_source in, out;
	bool in_watched, out_watched; /* on the loop at all */
	uint8_t ier, lcr, mcr, lsr, scr, fcr, dll, dlm;
	bool thre_pending;
	uint8_t rx[SERIAL_FIFO], tx[SERIAL_FIFO];
	unsigned rx_head, rx_n, tx_head, tx_n;
};

int serial_init(struct serial *serial, const struct serial_config *config, struct loop *loop,
		struct irq_line irq) _must_check_;

/* Writes what the FIFO still holds, then lets go of the descriptors (they stay the caller's). */
void serial_deinit(struct serial *serial);

/* bus_handler; ctx is the struct serial. */
void serial_access(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write);
