/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network card over a tap (host/tap.h): the host's kernel moves its frames (vhost-net). A checksum that is
 * not filled in and a frame that is not cut to size yet go as they are, with a header that says so, as far
 * as driver and tap agree (VIRTIO 1.3 §5.1.6.2). Under the device lock.
 */
#include "net.h"
#include "vhost.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <host/tap.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdlib.h>

#define PATH "/dev/vhost-net"

/* The tap's part: the header that goes with a frame is read and written there. */
#define OFFLOADS                                                         \
	(BIT64(VIRTIO_NET_F_CSUM) | BIT64(VIRTIO_NET_F_GUEST_CSUM) |     \
	 BIT64(VIRTIO_NET_F_HOST_TSO4) | BIT64(VIRTIO_NET_F_HOST_TSO6) | \
	 BIT64(VIRTIO_NET_F_GUEST_TSO4) | BIT64(VIRTIO_NET_F_GUEST_TSO6))

struct net_tap {
	struct vhost vhost;
	int fd;
};

static struct net_tap *of_device(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_net, dev)->ctx;
}

static unsigned offloads(const struct virtio_device *dev)
{
	unsigned flags = 0;

	/* §5.1.3.1: the others need this one; the driver should know. */
	if (!virtio_device_has(dev, VIRTIO_NET_F_GUEST_CSUM))
		return 0;
	flags |= TUN_F_CSUM;
	if (virtio_device_has(dev, VIRTIO_NET_F_GUEST_TSO4))
		flags |= TUN_F_TSO4;
	if (virtio_device_has(dev, VIRTIO_NET_F_GUEST_TSO6))
		flags |= TUN_F_TSO6;
	return flags;
}

static void tap_stop(struct virtio_device *dev)
{
	struct net_tap *tap = of_device(dev);

	for (unsigned i = 0; i < NET_QUEUES; i++)
		if (vhost_net_run(&tap->vhost, i, -1))
			error_clear();
}

static void tap_start(struct virtio_device *dev)
{
	struct net_tap *tap = of_device(dev);
	int r = virtio_vhost_prepare(&tap->vhost, dev, NET_QUEUES);

	r = r ? r : tap_set_offload(tap->fd, offloads(dev));
	for (unsigned i = 0; i < NET_QUEUES && !r; i++)
		r = vhost_net_run(&tap->vhost, i, tap->fd);
	if (r)
		virtio_vhost_failed(dev);
}

static int tap_make(struct virtio_net *net, int fd)
{
	struct net_tap *tap = calloc(1, sizeof(*tap));

	if (!tap) {
		fd_close(&fd);
		return fail(STATUS_FAILURE, ENOMEM, "virtio net: out of memory");
	}
	*tap = (struct net_tap){ .vhost.fd = -1, .fd = fd };
	net->ctx = tap;
	return virtio_vhost_init(&tap->vhost, &net->dev, PATH, NET_QUEUES,
				 OFFLOADS | BIT64(VIRTIO_NET_F_MAC) | BIT64(VIRTIO_NET_F_STATUS) |
					 BIT64(VIRTIO_NET_F_MTU));
}

static void tap_destroy(struct virtio_net *net)
{
	struct net_tap *tap = net->ctx;

	if (!tap)
		return;
	virtio_vhost_deinit(&tap->vhost, &net->dev);
	fd_close(&tap->fd);
	free(tap);
}

const struct virtio_net_way virtio_net_tap = {
	.ops = { .start = tap_start, .stop = tap_stop },
	.features = OFFLOADS | BIT64(VIRTIO_NET_F_MRG_RXBUF),
	.make = tap_make,
	.destroy = tap_destroy,
};
