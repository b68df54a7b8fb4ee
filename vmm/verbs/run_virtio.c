/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which virtio devices a guest has: the console of thru test, entropy, disks. On the machine's thread.
 */
#include "run_virtio.h"

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

int run_virtio_open(struct run_virtio *virtio, const struct run_options *options,
		    const struct virtio_console_port *ports, unsigned n_ports,
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
	for (unsigned i = 0; !r && i < options->n_disks; i++)
		r = open_disk(&options->disks[i], &virtio->disks[i]);
	/* The machine counts places down, Linux counts disks upwards: the first is to be /dev/vda. */
	for (unsigned i = options->n_disks; !r && i > 0; i--)
		virtio->devices[virtio->n++] = virtio_block_device(virtio->disks[i - 1]);
	board->virtio = virtio->devices;
	board->n_virtio = virtio->n;
	return r;
}

void run_virtio_close(struct run_virtio *virtio)
{
	for (unsigned i = 0; i < OPTIONS_DISK_MAX; i++)
		virtio_block_destroy(virtio->disks[i]);
	virtio_rng_destroy(virtio->rng);
	virtio_console_destroy(virtio->console);
}
