/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is behind the guest's serial port: the terminal, a file, a file of bounded size, or nothing. With
 * --panic-on-console what the kernel prints there is looked at. Opened on the machine's thread; on_sent() on a
 * vcpu's.
 */
#include "run_serial.h"

#include <base/error.h>
#include <base/fd.h>
#include <host/seal.h>
#include <stdio.h>
#include <string.h>

void run_serial_init(struct run_serial *serial)
{
	serial->fd = serial->rotate.fd = serial->rotate.spare = -1;
}

/* With the device lock held. */
static void on_sent(void *ctx, uint8_t byte)
{
	struct run_serial *serial = ctx;

	if (panic_line_feed(&serial->panic, byte))
		loop_post(serial->loop, VM_EVENT_PANIC, 0);
}

/* PATH and PATH.1 exchange their names (devices/rotate.h). */
static void permit_renames(struct run_serial *serial, const char *path)
{
	const char *slash = strrchr(path, '/');

	snprintf(serial->folder, sizeof(serial->folder), "%.*s",
		 slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	seal_permit_rename(serial->folder);
}

static int open_file(struct run_serial *serial, const struct run_options *options,
		     struct serial_config *ret)
{
	const char *path = options->serial_path;
	int r;

	ret->out_name = path;
	if (options->serial_max) {
		permit_renames(serial, path);
		r = rotate_open(&serial->rotate, path, options->serial_max);
		ret->rotate = &serial->rotate;
		ret->out_fd = serial->rotate.fd;
		return r;
	}
	r = fd_open_output(path, &serial->fd);
	ret->out_fd = serial->fd;
	return r ? fail(STATUS_OUTPUT, -r,
			"--serial file:%s: %s; choose a path that can be written", path,
			strerror(-r))
		 : 0;
}

int run_serial_open(struct run_serial *serial, const struct run_options *options, int in_fd,
		    int out_fd, struct loop *loop, struct serial_config *ret)
{
	*ret = (struct serial_config){ .in_fd = -1, .out_fd = -1 };
	serial->loop = loop;
	if (options->panic_on_console) {
		ret->sent = on_sent;
		ret->sent_ctx = serial;
	}
	switch (options->serial) {
	case SERIAL_NONE:
		return 0;
	case SERIAL_FILE:
		return open_file(serial, options, ret);
	case SERIAL_STDIO:
		break;
	}
	ret->in_fd = in_fd;
	ret->out_fd = out_fd;
	ret->out_name = "standard output";
	return 0;
}

void run_serial_close(struct run_serial *serial)
{
	rotate_close(&serial->rotate);
	fd_close(&serial->fd);
}
