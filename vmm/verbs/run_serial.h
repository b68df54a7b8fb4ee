/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is behind the guest's serial port (run_serial.c).
 */
#pragma once

#include <base/types.h>
#include <cli/options.h>
#include <core/loop.h>
#include <devices/serial.h>
#include <watch/panic_line.h>

struct run_serial {
	struct rotate rotate;    /* --serial file:,max= */
	char folder[4096];       /* where that is */
	int fd;                  /* --serial file: */
	struct loop *loop;       /* a panic is posted there */
	struct panic_line panic; /* --panic-on-console */
};

/* Fds at -1, so that it can be closed. */
void run_serial_init(struct run_serial *serial);

/* Open what the options say; in_fd and out_fd are the terminal's, for --serial stdio. */
int run_serial_open(struct run_serial *serial, const struct run_options *options, int in_fd,
		    int out_fd, struct loop *loop, struct serial_config *ret) _must_check_;
void run_serial_close(struct run_serial *serial);
