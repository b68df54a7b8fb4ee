/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways to a device (include/host/way.h): each call goes to the file of the way that was chosen.
 */
#include "way.h"

#include <base/fd.h>
#include <host/iommufd.h>

static const struct {
	const char *name;
	const struct way *way;
} ways[VFIO_WAYS] = {
	[VFIO_WAY_CDEV] = { "cdev", &way_cdev },
	[VFIO_WAY_GROUP_IOMMUFD] = { "group-iommufd", &way_group_iommufd },
	[VFIO_WAY_GROUP] = { "group", &way_group },
};

static const struct way *way(const struct vfio_space *space)
{
	return ways[space->way].way;
}

const char *vfio_way_name(enum vfio_way which)
{
	return ways[which].name;
}

void vfio_space_init(struct vfio_space *space)
{
	*space = (struct vfio_space){ .way = VFIO_WAY_CDEV, .fd = -1 };
}

int vfio_space_open(struct vfio_space *space)
{
	return way(space)->open(space);
}

void vfio_space_close(struct vfio_space *space)
{
	while (space->n_groups)
		fd_close(&space->groups[--space->n_groups].fd);
	/* An IOAS of our own; with a group it ends with the file. */
	if (space->made && space->way == VFIO_WAY_CDEV)
		iommufd_destroy(space->fd, space->ioas);
	space->made = false;
	fd_close(&space->fd);
}

int vfio_space_account_process(struct vfio_space *space)
{
	return way(space)->account_process(space);
}

bool vfio_space_accounts_process(const struct vfio_space *space)
{
	return way(space)->accounts_process(space);
}

int vfio_space_open_device(struct vfio_space *space, const struct host_function *fn,
			   struct vfio_device *dev)
{
	return way(space)->open_device(space, fn, dev);
}

const char *vfio_device_wants_space(const struct vfio_device *dev)
{
	if (dev->group && dev->group->inside)
		return "its group has a container already; hand that over as well: container-fd=N";
	return dev->bound ? "is bound to an iommufd already; hand that over as well: --iommufd fd=N"
			  : NULL;
}

int vfio_device_file(const struct vfio_device *dev)
{
	return dev->group ? dev->group->fd : dev->fd;
}

/*
 * A mediated device is made anew by its driver for each that opens it, or has a reset: nothing is left
 * in it that a reset of a bus would have to wipe out.
 */
static int needs_reset(struct vfio_device *dev)
{
	struct vfio_device_info info;
	int r = vfio_device_info(dev, &info);

	if (!r && !(info.flags & VFIO_DEVICE_FLAGS_RESET))
		dev->no_reset = true;
	return r;
}

int vfio_space_bind(struct vfio_space *space, struct vfio_device *dev)
{
	int r = dev->bound ? 0 : way(space)->bind(space, dev);

	return r || !*dev->mdev ? r : needs_reset(dev);
}

int vfio_space_attach(struct vfio_space *space, struct vfio_device *dev)
{
	return dev->attached ? 0 : way(space)->attach(space, dev);
}

int vfio_space_detach(struct vfio_space *space, struct vfio_device *dev)
{
	return dev->attached ? way(space)->detach(space, dev) : 0;
}

int vfio_space_ranges(struct vfio_space *space, struct range *ranges, unsigned *n)
{
	return way(space)->ranges(space, ranges, n);
}

int vfio_space_keep(struct vfio_space *space, const struct range *ranges, unsigned n)
{
	return way(space)->keep(space, ranges, n);
}

int vfio_space_check_room(struct vfio_space *space, unsigned n)
{
	return way(space)->check_room(space, n);
}

int vfio_space_map(struct vfio_space *space, const struct vfio_memory *memory, iova_t iova)
{
	return way(space)->map(space, memory, iova);
}

int vfio_space_map_bar(struct vfio_space *space, const struct vfio_device *dev, unsigned index,
		       struct range part, void *hva, iova_t iova)
{
	return way(space)->map_bar(space, dev, index, part, hva, iova);
}

int vfio_space_unmap(struct vfio_space *space, iova_t iova, uint64_t size)
{
	return way(space)->unmap(space, iova, size);
}
