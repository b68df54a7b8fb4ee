/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio devices of a guest: made once, plugged into each of its machines (--on-reboot restart).
 * On the machine's thread.
 */
#pragma once

#include "back_end.h"
#include "file_server.h"

#include <arch/arch.h>
#include <cli/options.h>
#include <devices/virtio_block.h>
#include <devices/virtio_console.h>
#include <devices/virtio_net.h>
#include <devices/virtio_rng.h>
#include <devices/virtio_vsock.h>

struct run_virtio {
	struct virtio_console *console;
	struct virtio_rng *rng;
	struct virtio_block *disks[OPTIONS_DISK_MAX];
	struct virtio_net *nets[OPTIONS_NET_MAX];
	char net_names[OPTIONS_NET_MAX][NET_NAME + 8]; /* as they were given, for messages */
	struct virtio_vsock *vsock;
	struct file_server servers[OPTIONS_SHARE_MAX + 1];
	unsigned n_servers;
	struct back_end back_ends[OPTIONS_VHOST_USER_MAX];
	struct virtio_device *devices[OPTIONS_DISK_MAX + OPTIONS_NET_MAX + OPTIONS_SHARE_MAX +
				      OPTIONS_VHOST_USER_MAX + 4];
	unsigned n;
};

/* `options` and `loop` outlive them. On failure run_virtio_close() cleans up. */
int run_virtio_open(struct run_virtio *virtio, const struct run_options *options,
		    const struct virtio_console_port *ports, unsigned n_ports, struct loop *loop,
		    struct board_config *board) _must_check_;
void run_virtio_close(struct run_virtio *virtio);
