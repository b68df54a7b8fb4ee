/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way by groups in a container of VFIO's own, type1: what every kernel with VFIO has had since
 * 3.6 (Documentation/driver-api/vfio.rst). A group is attached as it joins the container, before its
 * device is had from it; memory goes in by address.
 */
#include "container.h"
#include "vfio_group.h"
#include "way.h"

#include <errno.h>

static int open(struct vfio_space *space)
{
	return space->fd >= 0 ? container_check(space->fd) : container_open(&space->fd);
}

/* As it does anyway. */
static int account_process(struct vfio_space *space)
{
	(void)space;
	return 0;
}

/* Against mm->locked_vm, of the process that maps (vfio_lock_acct()). */
static bool accounts_process(const struct vfio_space *space)
{
	(void)space;
	return true;
}

static int bind(struct vfio_space *space, struct vfio_device *dev)
{
	bool given = dev->group->inside;
	int r = given ? 0 : group_join(space, dev);

	/* The IOMMU's driver is chosen when the first group is there, and attaches it. */
	if (!r && !space->made) {
		r = container_has_iommu(space->fd) ? 0 : container_set_type1(space->fd);
		/* vfio_ioctl_set_iommu(): it has no group. */
		if (r == -EINVAL && given)
			return group_is_elsewhere(dev);
		if (r)
			return group_refused(dev, "VFIO_SET_IOMMU", r);
		space->made = true;
	}
	return r ? r : group_get_device(space, dev);
}

static int ranges(struct vfio_space *space, struct range *spans, unsigned *n)
{
	return container_ranges(space->fd, spans, n);
}

/* A group that does not reach what is mapped is refused by the kernel as it joins. */
static int keep(struct vfio_space *space, const struct range *spans, unsigned n)
{
	(void)space, (void)spans, (void)n;
	return 0;
}

static int check_room(struct vfio_space *space, unsigned n)
{
	return container_check_room(space->fd, n);
}

static int map(struct vfio_space *space, const struct vfio_memory *memory, iova_t iova)
{
	return container_map(space->fd, memory->hva, memory->size, iova);
}

static int map_bar(struct vfio_space *space, const struct vfio_device *dev, unsigned index,
		   struct range part, void *hva, iova_t iova)
{
	(void)dev, (void)index;
	return container_map(space->fd, hva, part.size, iova);
}

static int unmap(struct vfio_space *space, iova_t iova, uint64_t size)
{
	return container_unmap(space->fd, iova, size);
}

const struct way way_group = {
	.open = open,
	.account_process = account_process,
	.accounts_process = accounts_process,
	.open_device = group_open_device,
	.bind = bind,
	.attach = group_attach,
	.detach = group_detach,
	.ranges = ranges,
	.keep = keep,
	.check_room = check_room,
	.map = map,
	.map_bar = map_bar,
	.unmap = unmap,
};
