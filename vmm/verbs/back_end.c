/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the front end has to know of a kind of device: how many queues it has where its back end does not
 * say, how much configuration, and which features are not the back end's to have, for they want something
 * of the front end that is not here.
 */
#include "back_end.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_fs.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ANSWER_S 20

/* Bits from `from` to `to`. */
#define BITS(from, to) ((BIT64((to) - (from)) - 1) << (from) | BIT64(to))

static const struct kind {
	unsigned type;
	uint32_t class; /* PCI class and revision */
	unsigned queues, config;
	uint64_t without;   /* wanted of us */
	uint64_t of_config; /* mean something with a configuration only */
} kinds[] = {
	/* Notifications want a queue more. */
	{ VIRTIO_ID_FS, 0x01800001, 2, sizeof(struct virtio_fs_config), BITS(0, 23), 0 },
	/* A cache that the driver switches is a write to the configuration; what is behind byte 60 is left out. */
	{ VIRTIO_ID_BLOCK, 0x01800001, 1, 60,
	  BIT64(VIRTIO_BLK_F_CONFIG_WCE) | BIT64(VIRTIO_BLK_F_MQ) | BITS(15, 23) | BITS(50, 63),
	  0 },
	/* A control queue is the front end's own, and so is all that is asked for by it. */
	{ VIRTIO_ID_NET, 0x02000001, 2, 12,
	  BIT64(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) | BITS(VIRTIO_NET_F_CTRL_VQ, 23) | BITS(50, 63),
	  BIT64(VIRTIO_NET_F_MTU) | BIT64(VIRTIO_NET_F_MAC) | BIT64(VIRTIO_NET_F_STATUS) },
	{ 0, 0xff000001, 0, 0, 0, 0 },
};

static const struct kind *kind_of(unsigned type)
{
	const struct kind *kind = kinds;

	while (kind->type && kind->type != type)
		kind++;
	return kind;
}

/* On the device's thread. */
static void on_lost(void *ctx, const char *why)
{
	struct back_end *b = ctx;

	loop_post_why(b->loop, VM_EVENT_DEVICE_LOST, STATUS_DEVICE_LOST,
		      "%s: its back end is lost: %s; the guest cannot go on without it: see what "
		      "it says, start both again",
		      b->name, why);
}

static int connect_to(struct back_end *b, const char *path, int *ret_fd)
{
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, path, strnlen(path, sizeof(address.sun_path) - 1));
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fail(STATUS_HOST, errno,
			    "%s: %s; start the back end, which makes that socket", b->name,
			    strerror(errno));
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int back_end_open(struct back_end *b, const struct vhost_user_option *option, struct loop *loop)
{
	const struct kind *kind = kind_of(option->type);
	struct virtio_fs_config fs = { 0 };
	struct virtio_vhost_user_config config = {
		.name = b->name,
		.type = (uint16_t)option->type,
		.pci_class = kind->class,
		.queues = option->queues ? option->queues : kind->queues,
		.config_size = option->config ? option->config : kind->config,
		.without = kind->without,
		.of_config = kind->of_config,
		.answer_s = ANSWER_S,
		.lost = on_lost,
		.ctx = b,
	};
	int r;

	*b = (struct back_end){ .loop = loop };
	snprintf(b->name, sizeof(b->name), "--vhost-user %s", option->socket);
	if (option->type == VIRTIO_ID_BLOCK && option->queues > 1)
		config.without &= ~BIT64(VIRTIO_BLK_F_MQ);
	if (*option->tag) {
		memcpy(fs.tag, option->tag, strlen(option->tag));
		fs.num_request_queues = config.queues - 1;
		config.config = &fs;
	}
	r = connect_to(b, option->socket, &config.fd);
	return r ? r : virtio_vhost_user_create(&config, &b->device);
}

void back_end_close(struct back_end *b)
{
	virtio_vhost_user_destroy(b->device);
	b->device = NULL;
}
