/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way by a device's own file (Documentation/driver-api/vfio.rst, "VFIO device cdev"): bound to an
 * iommufd, attached to an IOAS there. Also what a group on an iommufd has in common with it: from the
 * IOAS on all is the same (Documentation/userspace-api/iommufd.rst).
 */
#include "way.h"

#include <base/fd.h>
#include <errno.h>
#include <host/iommufd.h>
#include <string.h>

int way_iommufd_open(struct vfio_space *space)
{
	return space->fd >= 0 ? 0 : iommufd_open(&space->fd);
}

int way_iommufd_account_process(struct vfio_space *space)
{
	return iommufd_account_process(space->fd);
}

bool way_iommufd_accounts_process(const struct vfio_space *space)
{
	return iommufd_accounts_process(space->fd);
}

int way_iommufd_ranges(struct vfio_space *space, struct range *ranges, unsigned *n)
{
	return ioas_iova_ranges(space->fd, space->ioas, ranges, n);
}

int way_iommufd_keep(struct vfio_space *space, const struct range *ranges, unsigned n)
{
	return ioas_allow_iovas(space->fd, space->ioas, ranges, n);
}

/* An iommufd has no limit but on pinned pages. */
int way_iommufd_check_room(struct vfio_space *space, unsigned n)
{
	(void)space, (void)n;
	return 0;
}

int way_iommufd_map(struct vfio_space *space, const struct vfio_memory *memory, iova_t iova)
{
	int r = ioas_map_file(space->fd, space->ioas, memory->fd, memory->offset, memory->size,
			      iova);

	if (r == -EOPNOTSUPP || r == -ENOTTY)
		r = ioas_map(space->fd, space->ioas, memory->hva, memory->size, iova);
	return r;
}

/* By way of a dma-buf: IOMMU_IOAS_MAP of a BAR's pages is EFAULT. */
int way_iommufd_map_bar(struct vfio_space *space, const struct vfio_device *dev, unsigned index,
			struct range part, void *hva, iova_t iova)
{
	_cleanup_fd_ int fd = -1;

	(void)hva;
	if (vfio_region_dmabuf(dev, index, part, &fd))
		return -ENOTTY;
	return ioas_map_file(space->fd, space->ioas, fd, 0, part.size, iova);
}

int way_iommufd_unmap(struct vfio_space *space, iova_t iova, uint64_t size)
{
	return ioas_unmap(space->fd, space->ioas, iova, size);
}

static int open_device(struct vfio_space *space, const struct host_function *fn,
		       struct vfio_device *dev)
{
	(void)space;
	memcpy(dev->mdev, fn->mdev, sizeof(dev->mdev));
	return sysfs_cdev_open(fn, &dev->fd);
}

static int bind(struct vfio_space *space, struct vfio_device *dev)
{
	return vfio_device_bind(dev, space->fd);
}

static int attach(struct vfio_space *space, struct vfio_device *dev)
{
	int r = space->made ? 0 : ioas_alloc(space->fd, &space->ioas);

	if (!r)
		space->made = true;
	return r ? r : vfio_device_attach(dev, space->ioas);
}

static int detach(struct vfio_space *space, struct vfio_device *dev)
{
	(void)space;
	return vfio_device_detach(dev);
}

const struct way way_cdev = {
	.open = way_iommufd_open,
	.account_process = way_iommufd_account_process,
	.accounts_process = way_iommufd_accounts_process,
	.open_device = open_device,
	.bind = bind,
	.attach = attach,
	.detach = detach,
	.ranges = way_iommufd_ranges,
	.keep = way_iommufd_keep,
	.check_room = way_iommufd_check_room,
	.map = way_iommufd_map,
	.map_bar = way_iommufd_map_bar,
	.unmap = way_iommufd_unmap,
};
