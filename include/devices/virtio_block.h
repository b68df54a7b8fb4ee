/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio block device (VIRTIO 1.3 §5.2; in Linux /dev/vdX) whose content is a file or a block device of
 * the host, byte for byte: image formats are a matter of other programs (qemu-storage-daemon).
 *
 * What the guest has flushed is on the disk of the host; a guest whose driver does not know of flushes gets
 * every write there. The work is done by threads of the device's own, without the device lock.
 */
#pragma once

#include <devices/virtio.h>

#define VIRTIO_BLOCK_SERIAL 20 /* bytes (§5.2.6) */

struct virtio_block_config {
	const char *path;   /* opened, and named in messages; outlives the device */
	bool read_only;     /* nothing is written, and the file is opened so */
	bool discard;       /* the guest may give blocks back (§5.2.6.1) */
	const char *serial; /* up to VIRTIO_BLOCK_SERIAL bytes; NULL: none */
};

struct virtio_block;

/*
 * Opens and locks the file: a writer is alone, readers are together (fcntl(2), open file description
 * locks); a block device that the host has mounted is refused. Starts the threads: before the seal, and
 * after signals are blocked. STATUS_HOST or STATUS_USAGE with what to do.
 */
int virtio_block_create(const struct virtio_block_config *config,
			struct virtio_block **ret) _must_check_;

/* It is not plugged in any more. NULL is harmless. */
void virtio_block_destroy(struct virtio_block *block);

/* What a machine plugs in. */
struct virtio_device *virtio_block_device(struct virtio_block *block);
