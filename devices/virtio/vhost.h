/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device whose first queues the kernel serves (host/vhost.h): doorbells go from KVM to it, interrupts
 * from it to KVM, and no request passes through this process. Used in ops->start and ops->stop, under the
 * device lock; the kernel's calls there are short.
 */
#pragma once

#include "device.h"

#include <host/vhost.h>

/*
 * Open `path`, own it, and leave of the device's features those that the kernel has, too, beside `ours`,
 * which are a matter of this process. Its queues are made: `n` of 256 entries.
 */
int virtio_vhost_init(struct vhost *vhost, struct virtio_device *dev, const char *path, unsigned n,
		      uint64_t ours) _must_check_;
/* Harmless when half done; also frees the queues. */
void virtio_vhost_deinit(struct vhost *vhost, struct virtio_device *dev);

/* Features, memory, and the first `n` queues, which do not run yet. -errno: recorded. */
int virtio_vhost_prepare(struct vhost *vhost, struct virtio_device *dev, unsigned n) _must_check_;

/* What was recorded goes to a line, and the driver is told. */
void virtio_vhost_failed(struct virtio_device *dev);
