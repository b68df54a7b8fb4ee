/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio entropy device (VIRTIO 1.3 §5.4; in Linux /dev/hwrng): the host's random numbers, up to
 * VIRTIO_RNG_REQUEST bytes a request, on a thread of its own.
 */
#pragma once

#include <devices/virtio.h>

#define VIRTIO_RNG_REQUEST 4096

struct virtio_rng;

/* Starts the thread: before the seal, and after signals are blocked. */
int virtio_rng_create(struct virtio_rng **ret) _must_check_;

/* It is not plugged in any more. NULL is harmless. */
void virtio_rng_destroy(struct virtio_rng *rng);

/* What a machine plugs in. */
struct virtio_device *virtio_rng_device(struct virtio_rng *rng);
