/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network card, and the two ways to serve it: net_tap.c, net_stream.c.
 */
#pragma once

#include "device.h"

#include <devices/virtio_net.h>

#define NET_RX     0 /* queues (§5.1.2) */
#define NET_TX     1
#define NET_QUEUES 2

/* struct virtio_net_hdr (§5.1.6), with num_buffers, which there always is since VIRTIO 1.0 */
#define NET_HEADER      12
#define NET_NUM_BUFFERS 10

/* struct virtio_net_config (§5.1.4): mac, le16 status, max_virtqueue_pairs, mtu */
#define NET_CONFIG_STATUS 6
#define NET_CONFIG_PAIRS  8
#define NET_CONFIG_MTU    10
#define NET_CONFIG_SIZE   12

struct virtio_net {
	struct virtio_device dev;
	const struct virtio_net_way *way;
	void *ctx; /* the way's own */
	const char *name;
};

/* ops are the device's; make() may take away from dev.offered. */
struct virtio_net_way {
	struct virtio_device_ops ops;
	uint64_t features; /* that it can do beside MAC, MTU and STATUS */
	int (*make)(struct virtio_net *net, int fd);
	void (*destroy)(struct virtio_net *net);
};

extern const struct virtio_net_way virtio_net_tap, virtio_net_stream;
