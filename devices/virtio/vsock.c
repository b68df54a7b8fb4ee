/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The socket device (VIRTIO 1.3 §5.10): configuration and life; packets are the kernel's (vhost-vsock). Of
 * its three queues rx and tx are served there. The third would carry events, of which there is one, for a
 * guest that has moved to another host: none here moves.
 *
 * Under the device lock.
 */
#include "vhost.h"

#include <base/bytes.h>
#include <base/error.h>
#include <devices/virtio_vsock.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_vsock.h>
#include <stdlib.h>

#define PATH        "/dev/vhost-vsock"
#define QUEUES      3
#define SERVED      2
#define CONFIG_SIZE 8 /* struct virtio_vsock_config (§5.10.4): le64 guest_cid */

struct virtio_vsock {
	struct virtio_device dev;
	struct vhost vhost;
};

static struct virtio_vsock *of_device(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_vsock, dev);
}

static void vsock_start(struct virtio_device *dev)
{
	struct vhost *vhost = &of_device(dev)->vhost;

	if (virtio_vhost_prepare(vhost, dev, SERVED) || vhost_vsock_run(vhost, true))
		virtio_vhost_failed(dev);
}

/* What it cannot stop it has not begun. */
static void vsock_stop(struct virtio_device *dev)
{
	if (vhost_vsock_run(&of_device(dev)->vhost, false))
		error_clear();
}

static const struct virtio_device_ops vsock_ops = { .start = vsock_start, .stop = vsock_stop };

int virtio_vsock_create(uint32_t cid, struct virtio_vsock **ret)
{
	struct virtio_vsock *vsock = calloc(1, sizeof(*vsock));
	int r;

	if (!vsock)
		return fail(STATUS_FAILURE, ENOMEM, "virtio vsock: out of memory");
	vsock->vhost.fd = -1;
	vsock->dev = (struct virtio_device){
		.ops = &vsock_ops,
		.name = "virtio vsock",
		.type = VIRTIO_ID_VSOCK,
		.pci_class = VIRTIO_CLASS_COMMUNICATION,
		.offered = BIT64(VIRTIO_VSOCK_F_SEQPACKET),
		.config_size = CONFIG_SIZE,
	};
	store_le64(vsock->dev.config, cid);
	virtio_device_init(&vsock->dev);
	r = virtio_vhost_init(&vsock->vhost, &vsock->dev, PATH, QUEUES, 0);
	if (!r)
		r = vhost_vsock_cid(&vsock->vhost, cid);
	if (r) {
		virtio_vsock_destroy(vsock);
		return r;
	}
	*ret = vsock;
	return 0;
}

void virtio_vsock_destroy(struct virtio_vsock *vsock)
{
	if (!vsock)
		return;
	virtio_vhost_deinit(&vsock->vhost, &vsock->dev);
	virtio_device_deinit(&vsock->dev);
	free(vsock);
}

struct virtio_device *virtio_vsock_device(struct virtio_vsock *vsock)
{
	return &vsock->dev;
}
