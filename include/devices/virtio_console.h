/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio console with ports (VIRTIO 1.3 §5.3; in Linux /dev/hvcN and /dev/virtio-ports/NAME). A port
 * leads to two descriptors, to functions, or to one of each. Memory is bounded: what the host does not
 * take waits in the guest, whose writer waits; what the guest does not take stays where it is.
 *
 * The work is done by a thread of the console's own, without the device lock. The functions that an owner
 * gives are called there, and where the guest resets the device or has ended: they do not wait, take no lock
 * that is held when machines are made or vcpus run, and call nothing here but virtio_console_wake().
 */
#pragma once

#include <base/types.h>
#include <devices/virtio.h>
#include <sys/types.h>

#define VIRTIO_CONSOLE_PORTS 16

/*
 * End of input. With output as well it is not told: closing the port is the only way to tell, and Linux
 * lets nothing be written to a closed port. A port for input only is closed, and its reader in the guest
 * sees the end once it has read all.
 */
struct virtio_console_port {
	const char *name; /* NULL: none; it outlives the console */
	bool console;     /* the guest makes a terminal of it, not a stream */
	void *ctx;        /* of the functions */

	/* Input. A descriptor (-1: none) does not block; a regular file is one that never does. */
	int in_fd;
	/* Put up to `room` bytes there. How many; 0: none for now, wake when there are; -1: the end. */
	ssize_t (*in)(void *ctx, void *bytes, size_t room);

	/* Output, in the same way; what has nowhere to go is thrown away. */
	int out_fd;
	/* Take some of the bytes. How many; fewer than `len`: wake when there is room. */
	size_t (*out)(void *ctx, const void *bytes, size_t len);
	/* The descriptor failed (errnum): further output is thrown away, so that the guest does not hang. */
	void (*lost)(void *ctx, int errnum);

	/* The guest opened it, or closed it: then after all that it had written. Also when it is reset. */
	void (*opened)(void *ctx, bool open);
};

struct virtio_console;

/*
 * Port 0 first; up to VIRTIO_CONSOLE_PORTS. Descriptors are duplicated here and the thread starts: before
 * the seal, and after signals are blocked.
 */
int virtio_console_create(const struct virtio_console_port *ports, unsigned n,
			  struct virtio_console **ret) _must_check_;

/* It is not plugged in any more. NULL is harmless. */
void virtio_console_destroy(struct virtio_console *console);

/* What a machine plugs in. */
struct virtio_device *virtio_console_device(struct virtio_console *console);

/* A function that had nothing, or no room, has some now. Any thread; never waits. */
void virtio_console_wake(struct virtio_console *console);

/* The terminal behind a console port has a new size. Any thread; never waits. */
void virtio_console_resize(struct virtio_console *console, unsigned port, uint16_t cols,
			   uint16_t rows);
