/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which virtio devices a guest has: the console of thru test, entropy, disks, network cards,
 * sockets, folders, and what others serve. On the machine's thread.
 */
#include "run_virtio.h"

#include "passt.h"

#include <base/error.h>
#include <errno.h>
#include <fcntl.h>
#include <host/tap.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

static int open_disk(const struct disk_option *option, struct virtio_block **ret)
{
	const struct virtio_block_config config = {
		.path = option->path,
		.read_only = option->read_only,
		.discard = option->discard,
		.serial = option->serial,
	};

	return virtio_block_create(&config, ret);
}

/* A stream of frames, or a tap; the caller's number stays his. */
static int take_fd(int fd, struct virtio_net_link *link)
{
	int type = 0;
	socklen_t size = sizeof(type);
	int r = 0;

	link->tap = tap_is(fd);
	if (link->tap)
		r = tap_take(fd, link->name);
	else if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) && errno == EBADF)
		r = fail(STATUS_USAGE, EBADF, "--net %s: not open; hand it over as in 5<>FILE",
			 link->name);
	else if (type != SOCK_STREAM)
		r = fail(STATUS_USAGE, EINVAL,
			 "--net %s: neither a tap nor a stream socket; give one of these",
			 link->name);
	if (r)
		return r;
	link->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return link->fd < 0 ? fail(STATUS_HOST, errno, "--net %s: %s", link->name, strerror(errno))
			    : 0;
}

/* One that nobody else has, as far as chance goes: several guests may be on one bridge. */
static void any_mac(uint8_t *mac)
{
	if (getrandom(mac, 6, 0) != 6)
		passt_mac(0xff, mac);
	mac[0] = (uint8_t)((mac[0] & ~1u) | 2);
}

static int open_net(struct run_virtio *virtio, const struct run_options *options, unsigned i)
{
	struct net_option option = options->nets[i];
	struct virtio_net_link link = { .name = virtio->net_names[i], .fd = -1 };
	int r;

	if (!option.mtu && option.kind == NET_PASST)
		option.mtu = VIRTIO_NET_MTU_MAX;
	if (option.kind == NET_PASST) {
		strcpy(virtio->net_names[i], "passt");
		passt_mac(i, link.mac);
		r = passt_start(&option, &link.fd);
	} else if (option.kind == NET_TAP) {
		snprintf(virtio->net_names[i], sizeof(virtio->net_names[i]), "tap=%s", option.name);
		any_mac(link.mac);
		link.tap = true;
		r = tap_open(option.name, &link.fd);
	} else {
		snprintf(virtio->net_names[i], sizeof(virtio->net_names[i]), "fd=%d", option.fd);
		any_mac(link.mac);
		r = take_fd(option.fd, &link);
	}
	if (r)
		return r;
	if (option.has_mac)
		memcpy(link.mac, option.mac, sizeof(link.mac));
	link.mtu = option.mtu ? option.mtu
		   : link.tap ? MIN(tap_mtu(link.fd), VIRTIO_NET_MTU_MAX)
			      : 0;
	return virtio_net_create(&link, &virtio->nets[i]);
}

static int open_shares(struct run_virtio *virtio, const struct run_options *options,
		       struct loop *loop)
{
	char path[4096];
	int r = 0;

	for (unsigned i = 0; !r && i < options->n_shares; i++) {
		const struct share_option *share = &options->shares[i];
		struct file_server *server = &virtio->servers[i];

		if (!i)
			r = file_server_find(share->whole ? "--root" : "--share",
					     options->virtiofsd, path, sizeof(path));
		if (r)
			return r;
		virtio->n_servers++;
		r = file_server_start(server, share, path, loop);
		if (!r)
			virtio->devices[virtio->n++] = virtio_vhost_user_device(server->device);
	}
	return r;
}

int run_virtio_open(struct run_virtio *virtio, const struct run_options *options,
		    const struct virtio_console_port *ports, unsigned n_ports, struct loop *loop,
		    struct board_config *board)
{
	int r = 0;

	if (n_ports) {
		r = virtio_console_create(ports, n_ports, &virtio->console);
		if (!r)
			virtio->devices[virtio->n++] = virtio_console_device(virtio->console);
	}
	if (!r)
		r = virtio_rng_create(&virtio->rng);
	if (!r)
		virtio->devices[virtio->n++] = virtio_rng_device(virtio->rng);
	if (!r && options->vsock)
		r = virtio_vsock_create(options->vsock, &virtio->vsock);
	if (!r && virtio->vsock)
		virtio->devices[virtio->n++] = virtio_vsock_device(virtio->vsock);
	for (unsigned i = 0; !r && i < options->n_nets; i++)
		r = open_net(virtio, options, i);
	for (unsigned i = options->n_nets; !r && i > 0; i--)
		virtio->devices[virtio->n++] = virtio_net_device(virtio->nets[i - 1]);
	for (unsigned i = 0; !r && i < options->n_disks; i++)
		r = open_disk(&options->disks[i], &virtio->disks[i]);
	/* The machine counts places down, Linux counts disks upwards: the first is to be /dev/vda. */
	for (unsigned i = options->n_disks; !r && i > 0; i--)
		virtio->devices[virtio->n++] = virtio_block_device(virtio->disks[i - 1]);
	if (!r)
		r = open_shares(virtio, options, loop);
	for (unsigned i = 0; !r && i < options->n_vhost_user; i++) {
		r = back_end_open(&virtio->back_ends[i], &options->vhost_user[i], loop);
		if (!r)
			virtio->devices[virtio->n++] = virtio_vhost_user_device(
				virtio->back_ends[i].device);
	}
	board->virtio = virtio->devices;
	board->n_virtio = virtio->n;
	return r;
}

void run_virtio_close(struct run_virtio *virtio)
{
	while (virtio->n_servers)
		file_server_stop(&virtio->servers[--virtio->n_servers]);
	for (unsigned i = 0; i < OPTIONS_VHOST_USER_MAX; i++)
		back_end_close(&virtio->back_ends[i]);
	for (unsigned i = 0; i < OPTIONS_DISK_MAX; i++)
		virtio_block_destroy(virtio->disks[i]);
	for (unsigned i = 0; i < OPTIONS_NET_MAX; i++)
		virtio_net_destroy(virtio->nets[i]);
	virtio_vsock_destroy(virtio->vsock);
	virtio_rng_destroy(virtio->rng);
	virtio_console_destroy(virtio->console);
}
