/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way by groups whose container is an iommufd (drivers/vfio/group.c,
 * vfio_group_ioctl_set_container()): for kernels that have iommufd and no cdevs. The group makes an
 * address space there for VFIO's sake, or finds one (IOMMU_VFIO_IOAS); its devices are bound and
 * attached to it when they are had from the group. From there on all is as by the cdev.
 */
#include "vfio_group.h"
#include "way.h"

#include <base/error.h>
#include <errno.h>
#include <host/iommufd.h>

static int bind(struct vfio_space *space, struct vfio_device *dev)
{
	bool given = dev->group->inside;
	int r = given ? 0 : group_join(space, dev);

	if (!r && !space->made) {
		r = ioas_of_groups(space->fd, &space->ioas);
		/* iommufd_vfio_ioas(): no group has come to it. */
		if (r == -ENODEV && given) {
			error_clear();
			return group_is_elsewhere(dev);
		}
		space->made = !r;
	}
	return r ? r : group_get_device(space, dev);
}

const struct way way_group_iommufd = {
	.open = way_iommufd_open,
	.account_process = way_iommufd_account_process,
	.accounts_process = way_iommufd_accounts_process,
	.open_device = group_open_device,
	.bind = bind,
	.attach = group_attach,
	.detach = group_detach,
	.ranges = way_iommufd_ranges,
	.keep = way_iommufd_keep,
	.check_room = way_iommufd_check_room,
	.map = way_iommufd_map,
	.map_bar = way_iommufd_map_bar,
	.unmap = way_iommufd_unmap,
};
