/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resets of a device (include/uapi/linux/vfio.h). A hot reset hits functions beside the device, and
 * VFIO wants to see that they are ours: by the iommufd, for devices that were had by their cdevs; by
 * the files of their groups else. Above both look the same: functions are told apart by devid.
 *
 * Main thread, or under the loop's lock.
 */
#include "vfio_group.h"
#include "vfio_refused.h"

#include <base/error.h>
#include <errno.h>
#include <host/call.h>
#include <host/explain.h>
#include <host/seal.h>
#include <host/sysfs.h>
#include <stdlib.h>
#include <string.h>

int vfio_device_reset(struct vfio_device *dev)
{
	int r = HOST_IOCTL(dev->fd, VFIO_DEVICE_RESET, 0);

	/* vfio-pci says EINVAL where its reset at open did not work (vfio_pci_ioctl_reset()). */
	if (r == -EINVAL || r == -ENOTTY)
		return -ENOTTY;
	/* The host is taking the device away and resets it itself (vfio_pci_core_disable()). */
	if (r == -EAGAIN)
		return -EAGAIN;
	return r < 0 ? vfio_refused(dev, "VFIO_DEVICE_RESET", r) : 0;
}

static int get_info(const struct vfio_device *dev, struct vfio_pci_hot_reset_info **ret)
{
	struct vfio_pci_hot_reset_info *info = NULL;
	unsigned room = 0;
	int r = -ENOSPC;

	if (explain_on)
		explain_device(dev->fd, dev->bdf);
	/* Functions may come between two calls; a bus has 256 at most, a few buses below it more. */
	for (unsigned tries = 0; r == -ENOSPC && tries < 4; tries++) {
		size_t size = sizeof(*info) + room * sizeof(info->devices[0]);

		free(info);
		info = calloc(1, size);
		if (!info)
			return fail(STATUS_FAILURE, ENOMEM, "%s: out of memory", dev->name);
		info->argsz = (uint32_t)size;
		r = HOST_IOCTL(dev->fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info);
		room = info->count;
	}
	if (!r) {
		*ret = info;
		return 0;
	}
	free(info);
	if (r == -ENODEV || r == -ENOTTY || r == -EINVAL)
		return -ENODEV;
	return vfio_refused(dev, "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", r);
}

/*
 * Whether VFIO has the function: a hot reset takes no others (vfio_pci_is_device_in_set()). Sealed, this process can
 * only say what it saw when the devices were bound.
 */
static bool is_vfios(struct bdf bdf)
{
	static struct {
		struct bdf bdf;
		bool is;
	} known[VFIO_GROUPS_MAX * 8];
	static unsigned n_known;
	struct host_function fn;
	unsigned i = 0;
	bool is = false;

	while (i < n_known && memcmp(&known[i].bdf, &bdf, sizeof(bdf)))
		i++;
	if (seal_is_on())
		return i < n_known && known[i].is;
	if (sysfs_function(bdf, &fn))
		error_clear();
	else
		is = fn.has_vfio_dev || strstr(fn.driver, "vfio");
	if (i == n_known && n_known < ARRAY_SIZE(known))
		known[n_known++].bdf = bdf;
	if (i < n_known)
		known[i].is = is;
	return is;
}

/*
 * By groups the kernel names the group of each function: one of ours is owned, whether it is open or
 * not. The same words as it has for cdevs.
 */
static void groups_to_devids(const struct vfio_device *dev, struct vfio_pci_hot_reset_info *info)
{
	const struct vfio_space *space = dev->space;

	info->flags = VFIO_PCI_HOT_RESET_FLAG_DEV_ID | VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
	for (unsigned i = 0; i < info->count; i++) {
		struct vfio_pci_dependent_device *hit = &info->devices[i];
		struct bdf bdf = bdf_near(dev->bdf, hit->segment, hit->bus, hit->devfn);
		uint32_t devid = group_devid(space, bdf);
		bool ours = group_is_ours(space, (int)hit->group_id);

		if (!devid && (!ours || !is_vfios(bdf)))
			devid = (uint32_t)VFIO_PCI_DEVID_NOT_OWNED;
		if (devid == (uint32_t)VFIO_PCI_DEVID_NOT_OWNED)
			info->flags &= ~(uint32_t)VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
		hit->devid = devid;
	}
}

int vfio_hot_reset_info(const struct vfio_device *dev, struct vfio_pci_hot_reset_info **ret)
{
	int r = get_info(dev, ret);

	if (!r && dev->group)
		groups_to_devids(dev, *ret);
	return r;
}

/* The files of the groups that it hits, each once. */
static int by_groups(const struct vfio_device *dev, const struct vfio_pci_hot_reset_info *info)
{
	const struct vfio_space *space = dev->space;
	struct vfio_pci_hot_reset *arg = calloc(
		1, sizeof(*arg) + VFIO_GROUPS_MAX * sizeof(arg->group_fds[0]));
	int r;

	if (!arg)
		return -ENOMEM;
	for (unsigned g = 0; g < space->n_groups; g++)
		for (unsigned i = 0; i < info->count; i++)
			if (info->devices[i].group_id == (uint32_t)space->groups[g].number) {
				arg->group_fds[arg->count++] = space->groups[g].fd;
				break;
			}
	arg->argsz = (uint32_t)(sizeof(*arg) + arg->count * sizeof(arg->group_fds[0]));
	r = HOST_IOCTL(dev->fd, VFIO_DEVICE_PCI_HOT_RESET, arg);
	free(arg);
	return r;
}

int vfio_hot_reset(const struct vfio_device *dev)
{
	struct vfio_pci_hot_reset arg = { .argsz = sizeof(arg) };
	struct vfio_pci_hot_reset_info *info;
	int r;

	if (!dev->group)
		return HOST_IOCTL(dev->fd, VFIO_DEVICE_PCI_HOT_RESET, &arg);
	r = get_info(dev, &info);
	if (r) {
		error_clear();
		return r;
	}
	r = by_groups(dev, info);
	free(info);
	return r;
}
