/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options that name devices (--vfio, --iommufd, --allow) become a struct passthrough_config, so that
 * what opens devices need not know options. The machine's thread.
 */
#include "run.h"

static enum passthrough_by by(enum device_by option)
{
	switch (option) {
	case DEVICE_BY_PATH:
		return PASSTHROUGH_BY_PATH;
	case DEVICE_BY_FD:
		return PASSTHROUGH_BY_FD;
	case DEVICE_BY_SOCKET:
		return PASSTHROUGH_BY_SOCKET;
	case DEVICE_BY_MDEV:
		return PASSTHROUGH_BY_MDEV;
	case DEVICE_BY_GROUP:
		return PASSTHROUGH_BY_GROUP;
	case DEVICE_BY_BDF:
		break;
	}
	return PASSTHROUGH_BY_BDF;
}

int run_open_devices(struct passthrough *pt, const struct run_options *options)
{
	struct passthrough_config config = {
		.n = options->n_vfio,
		.iommufd = options->iommufd,
		.api = options->vfio_api,
		.allow = options->allow,
		.mem = options->mem,
	};

	_Static_assert(OPTIONS_VFIO_MAX <= PASSTHROUGH_MAX, "every device has its place");
	for (unsigned i = 0; i < config.n; i++) {
		const struct device_option *o = &options->vfio[i];

		config.devices[i] = (struct passthrough_device){
			.by = by(o->by),
			.bdf = o->bdf,
			.path = o->path,
			.fd = o->fd,
			.group_fd = o->group_fd,
			.container_fd = o->container_fd,
			.name = o->name,
			.devfn = o->devfn,
			.no_reset = o->reset == DEVICE_RESET_NONE,
			.rom = o->rom,
			.rom_path = o->rom_path,
			.p2p = o->p2p,
			.no_d3cold = o->no_d3cold,
			.token = o->has_token ? o->token : NULL,
		};
	}
	return passthrough_open(pt, &config);
}
