/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio network card (VIRTIO 1.3 §5.1) of one pair of queues. Behind it is a tap of the host, whose frames
 * the kernel moves (vhost-net), or a stream socket, on which each frame comes after its length in 4 bytes,
 * big endian: the way of passt and of QEMU's `-netdev stream`.
 */
#pragma once

#include <devices/virtio.h>

#define VIRTIO_NET_MTU_MIN 68    /* §5.1.4.1 */
#define VIRTIO_NET_MTU_MAX 65520 /* what fits into a frame of 64 KiB */

struct virtio_net_link {
	const char *name; /* what is behind it, for messages; outlives the card */
	int fd;           /* the tap or the socket: the card's from now on, also after a failure */
	bool tap;
	uint8_t mac[6];
	unsigned mtu; /* what the guest is told; 0: nothing, 1500 */
};

struct virtio_net;

/* Before the seal, and after signals are blocked. */
int virtio_net_create(const struct virtio_net_link *config, struct virtio_net **ret) _must_check_;

/* It is not plugged in any more. NULL is harmless. */
void virtio_net_destroy(struct virtio_net *net);

/* What a machine plugs in. */
struct virtio_device *virtio_net_device(struct virtio_net *net);
