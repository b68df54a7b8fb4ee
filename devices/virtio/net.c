/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network card (VIRTIO 1.3 §5.1): configuration and life. Frames are moved by net_tap.c or net_stream.c.
 *
 * Left out on purpose: several pairs of queues, the control queue (a guest sees all frames that come, and
 * sets no filters), announcements, RSS. Under the device lock.
 */
#include "net.h"

#include <base/bytes.h>
#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>

#define CLASS_ETHERNET 0x02000001

int virtio_net_create(const struct virtio_net_link *config, struct virtio_net **ret)
{
	struct virtio_net *net = calloc(1, sizeof(*net));
	int fd = config->fd, r;

	if (!net) {
		fd_close(&fd);
		return fail(STATUS_FAILURE, ENOMEM, "virtio net: out of memory");
	}
	net->way = config->tap ? &virtio_net_tap : &virtio_net_stream;
	net->name = config->name;
	net->dev = (struct virtio_device){
		.ops = &net->way->ops,
		.name = "virtio net",
		.type = VIRTIO_ID_NET,
		.pci_class = CLASS_ETHERNET,
		.offered = BIT64(VIRTIO_NET_F_MAC) | BIT64(VIRTIO_NET_F_STATUS) |
			   net->way->features,
		.config_size = NET_CONFIG_SIZE,
	};
	memcpy(net->dev.config, config->mac, sizeof(config->mac));
	store_le16(net->dev.config + NET_CONFIG_STATUS, VIRTIO_NET_S_LINK_UP);
	store_le16(net->dev.config + NET_CONFIG_PAIRS, 1);
	if (config->mtu) {
		net->dev.offered |= BIT64(VIRTIO_NET_F_MTU);
		store_le16(net->dev.config + NET_CONFIG_MTU, (uint16_t)config->mtu);
	}
	virtio_device_init(&net->dev);
	r = net->way->make(net, fd);
	if (r) {
		virtio_net_destroy(net);
		return r;
	}
	*ret = net;
	return 0;
}

void virtio_net_destroy(struct virtio_net *net)
{
	if (!net)
		return;
	net->way->destroy(net);
	virtio_device_deinit(&net->dev);
	free(net);
}

struct virtio_device *virtio_net_device(struct virtio_net *net)
{
	return &net->dev;
}
