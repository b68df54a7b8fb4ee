/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 16550A UART (National Semiconductor PC16550D data sheet) between the guest and two file
 * descriptors. Input waits in the descriptor until the guest listens and its FIFO has room; output
 * that the descriptor does not take waits here, and the guest waits as it would for a slow line.
 */
#pragma once

#include <base/types.h>
#include <core/irq.h>
#include <core/loop.h>
#include <devices/rotate.h>

#define SERIAL_REGISTERS 8
#define SERIAL_FIFO      16
#define SERIAL_STAGE     256 /* bytes between a FIFO and its descriptor, each way */

struct serial_config {
	int in_fd;             /* -1: no input */
	int out_fd;            /* -1: output is thrown away; else non-blocking, or a regular file */
	struct rotate *rotate; /* output goes here instead; NULL: to out_fd */
	const char *out_name;  /* for messages: "standard output", a path; NULL: not known */
	void (*sent)(void *ctx, uint8_t byte); /* sees output as the guest sends it; NULL: none */
	void *sent_ctx;
	bool breaks;           /* an input byte of FFh is a break on the line */
	unsigned stride_shift; /* registers are 1 << stride_shift bytes apart; 0 on x86_64 */
};

/* The two descriptors: what was read ahead, what is still to be written (serial_host.c). */
struct serial_host {
	struct serial_config config;
	struct loop *loop;
	/* On the loop: there is input to take; the output is free again. */
	void (*has_input)(struct serial_host *host);
	void (*has_room)(struct serial_host *host);
	struct loop_source in, out, timer;
	bool in_watched, out_watched, timer_watched; /* on the loop at all */
	bool in_pollable;                            /* regular files and /dev/null are not */
	bool in_end;                                 /* no more input will come */
	bool out_blocked;                            /* the descriptor takes no more for now */
	uint64_t out_dropped;                        /* bytes that the guest sent all the same */
	bool out_lost;                               /* it failed: output is thrown away */
	bool timer_armed;
	uint8_t in_stage[SERIAL_STAGE], out_stage[SERIAL_STAGE];
	unsigned in_head, in_n, out_n;
};

struct serial {
	struct serial_host host;
	struct irq_line irq;
	uint8_t ier, lcr, mcr, lsr, msr, scr, fcr, dll, dlm;
	bool thre_pending;
	bool irq_level;
	unsigned lsr_polls; /* reads of LSR in a row */
	uint8_t rx[SERIAL_FIFO];
	unsigned rx_head, rx_n;
	bool break_due, break_in; /* it comes when all before it is read; it is the byte in rx */
};

int serial_init(struct serial *serial, const struct serial_config *config, struct loop *loop,
		struct irq_line irq) _must_check_;

/* Writes what is still held, then lets go of the descriptors (they stay the caller's). */
void serial_deinit(struct serial *serial);

/* bus_handler; ctx is the struct serial. */
void serial_access(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write);
