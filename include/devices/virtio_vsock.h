/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio socket device (VIRTIO 1.3 §5.10; AF_VSOCK in the guest and in the host): streams and packets
 * between programs of the guest and of the host, without a network. The kernel of the host does the work
 * (vhost-vsock).
 */
#pragma once

#include <devices/virtio.h>

/* §5.10.4: 0, 1 and 2 are nobody's, the loopback and the host; all-ones is any. */
#define VIRTIO_VSOCK_CID_MIN 3u
#define VIRTIO_VSOCK_CID_MAX 0xfffffffeu

struct virtio_vsock;

/* The guest's address, that no other guest has. Before the seal. */
int virtio_vsock_create(uint32_t cid, struct virtio_vsock **ret) _must_check_;

/* It is not plugged in any more. NULL is harmless. */
void virtio_vsock_destroy(struct virtio_vsock *vsock);

/* What a machine plugs in. */
struct virtio_device *virtio_vsock_device(struct virtio_vsock *vsock);
