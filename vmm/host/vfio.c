/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VFIO device cdevs (Documentation/driver-api/vfio.rst, "VFIO device cdev"; include/uapi/linux/
 * vfio.h; drivers/vfio/ for what each errno means).
 *
 * Main thread, or under the device lock.
 */
#include "sysfs_path.h"
#include "vfio_refused.h"

#include <base/error.h>
#include <errno.h>
#include <host/call.h>
#include <host/holder.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int vfio_refused(const struct vfio_device *dev, const char *name, int err)
{
	return fail(STATUS_HOST, -err, "%s: %s failed: %s", dev->name, name, strerror(-err));
}

/*
 * EINVAL from the bind has four causes: another file has the device open (drivers/vfio/vfio_main.c,
 * vfio_df_open()); a token that does not belong here; memory of type `direct` that the firmware has
 * (iommu.c, __iommu_device_set_domain()); an IOMMU whose DMA is not coherent (iommufd's device.c,
 * iommufd_device_bind()). The first three can be looked up, so the fourth is what is left; no IOMMU of
 * x86 is like that.
 */
static int bind_invalid(const struct vfio_device *dev)
{
	struct host_function fn = { .group = -1 };
	struct stat st = { .st_rdev = 0 };
	struct bdf bdf;
	bool known = !fstat(dev->fd, &st) &&
		     sysfs_cdev_function(major(st.st_rdev), minor(st.st_rdev), &bdf) &&
		     sysfs_read_function(bdf, &fn);
	const struct holder_node node = { S_IFCHR, st.st_rdev };
	pid_t pid = known ? holder_of_function(&fn) : holder_of(&node, 1, NULL);

	if (pid)
		return fail(STATUS_HOST, EBUSY, "%s: is in use by process %d; end that guest first",
			    dev->name, (int)pid);
	if (dev->has_token)
		return fail(
			STATUS_HOST, EINVAL,
			"%s: takes no VF token: neither it nor its physical function is one that "
			"vfio-pci has and makes virtual ones of, or the kernel is older than "
			"6.18; leave vf-token out",
			dev->name);
	if (known && sysfs_group_reserves(fn.group, "direct"))
		return fail(
			STATUS_HOST, EINVAL,
			"%s: the host's firmware uses it by DMA (`direct` in the reserved_regions "
			"of its group %d), so no guest can have it; choose another, or turn that "
			"use off in the firmware",
			dev->name, fn.group);
	return fail(
		STATUS_HOST, EINVAL,
		"%s: the kernel refused it (EINVAL), and nobody is seen to use it: its IOMMU does "
		"not keep DMA coherent with caches (an SMMU that the firmware calls so), and no "
		"guest can have it; or a process that may not be looked at has it: run thru probe "
		"as root",
		dev->name);
}

int vfio_owning_refused(const struct vfio_device *dev, const char *name, int err)
{
	switch (err) {
	case -EPERM:
		return fail(
			STATUS_HOST, EPERM,
			"%s: the host cannot keep its interrupts apart from others' (no interrupt "
			"remapping); enable it in the firmware and on the kernel's command line "
			"(intremap=on)",
			dev->name);
	case -EACCES:
		return fail(STATUS_HOST, EACCES,
			    dev->has_token
				    ? "%s: its VF token is not the one that its physical function "
				      "was opened with; give that: BDF,vf-token=UUID"
				    : "%s: belongs with other functions of one card that a user "
				      "has, who says so by a VF token; give theirs: "
				      "BDF,vf-token=UUID",
			    dev->name);
	case -EAGAIN:
		return fail(STATUS_HOST, EAGAIN,
			    "%s: it is being reset or reconfigured by the host; try again",
			    dev->name);
	}
	return vfio_refused(dev, name, err);
}

static int bind_refused(const struct vfio_device *dev, int err)
{
	switch (err) {
	case -EBUSY:
		return fail(
			STATUS_HOST, EBUSY,
			"%s: in use by another process, or a member of its IOMMU group is bound "
			"to a host driver; see: thru devices",
			dev->name);
	case -EINVAL:
		return bind_invalid(dev);
	}
	return vfio_owning_refused(dev, "VFIO_DEVICE_BIND_IOMMUFD", err);
}

int vfio_device_bind(struct vfio_device *dev, int iommufd)
{
	struct vfio_device_bind_iommufd arg = {
		.argsz = sizeof(arg),
		.iommufd = iommufd,
		.flags = dev->has_token ? VFIO_DEVICE_BIND_FLAG_TOKEN : 0,
		.token_uuid_ptr = dev->has_token ? (uintptr_t)dev->token : 0,
	};
	int r = HOST_IOCTL(dev->fd, VFIO_DEVICE_BIND_IOMMUFD, &arg);

	if (r < 0)
		return bind_refused(dev, r);
	dev->devid = arg.out_devid;
	dev->bound = true;
	dev->state = VFIO_DEVICE_BOUND;
	return 0;
}

int vfio_device_is_bound(const struct vfio_device *dev, bool *ret)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int r = HOST_IOCTL(dev->fd, VFIO_DEVICE_GET_INFO, &info);

	if (r == -ENOTTY)
		return fail(STATUS_HOST, EBADF,
			    "descriptor %d: not a VFIO device; give one of /dev/vfio/devices",
			    dev->fd);
	/* Until then every other call is EINVAL (vfio_device_fops_unl_ioctl()). */
	*ret = !r;
	return 0;
}

int vfio_device_attach(struct vfio_device *dev, uint32_t ioas)
{
	struct vfio_device_attach_iommufd_pt arg = { .argsz = sizeof(arg), .pt_id = ioas };
	int r = HOST_IOCTL(dev->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &arg);

	if (r == -EPERM || r == -EADDRINUSE)
		return fail(
			STATUS_HOST, -r,
			"%s: its IOMMU reserves addresses that guest memory takes; ask for less "
			"memory (--mem)",
			dev->name);
	/* Bound by somebody else, so it is looked for in what that was bound to. */
	if ((r == -ENOENT || r == -EINVAL) && !dev->devid)
		return fail(STATUS_HOST, -r,
			    "%s: is bound to another iommufd than the one given; hand over the one "
			    "that it was bound to",
			    dev->name);
	if (r < 0)
		return vfio_refused(dev, "VFIO_DEVICE_ATTACH_IOMMUFD_PT", r);
	dev->attached = true;
	return 0;
}

int vfio_device_detach(struct vfio_device *dev)
{
	struct vfio_device_detach_iommufd_pt arg = { .argsz = sizeof(arg) };
	int r = HOST_IOCTL(dev->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &arg);

	dev->attached = false;
	return r < 0 ? vfio_refused(dev, "VFIO_DEVICE_DETACH_IOMMUFD_PT", r) : 0;
}

int vfio_device_info(const struct vfio_device *dev, struct vfio_device_info *ret)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int r = HOST_IOCTL(dev->fd, VFIO_DEVICE_GET_INFO, &info);

	if (r < 0)
		return vfio_refused(dev, "VFIO_DEVICE_GET_INFO", r);
	if (!(info.flags & VFIO_DEVICE_FLAGS_PCI))
		return fail(STATUS_HOST, ENODEV, "%s: not a PCI function; see: thru devices",
			    dev->name);
	*ret = info;
	return 0;
}

static int feature(const struct vfio_device *dev, uint32_t flags)
{
	struct vfio_device_feature arg = { .argsz = sizeof(arg), .flags = flags };

	return HOST_IOCTL(dev->fd, VFIO_DEVICE_FEATURE, &arg);
}

int vfio_low_power_enter(const struct vfio_device *dev, int wake_fd)
{
	const struct vfio_device_low_power_entry_with_wakeup body = { .wakeup_eventfd = wake_fd };
	uint32_t room[(sizeof(struct vfio_device_feature) + sizeof(body)) / 4];
	struct vfio_device_feature *arg = (struct vfio_device_feature *)room;

	if (wake_fd < 0)
		return feature(dev, VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY);
	*arg = (struct vfio_device_feature){
		.argsz = sizeof(room),
		.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP,
	};
	memcpy(arg->data, &body, sizeof(body));
	return HOST_IOCTL(dev->fd, VFIO_DEVICE_FEATURE, arg);
}

int vfio_low_power_exit(const struct vfio_device *dev)
{
	return feature(dev, VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_EXIT);
}

bool vfio_can_wake(const struct vfio_device *dev)
{
	struct stat st;

	if (feature(dev, VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET |
				 VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP))
		return false;
	/* What a group gave is a file without a number. */
	if (dev->group)
		return sysfs_can_wake(dev->bdf);
	return !fstat(dev->fd, &st) && sysfs_cdev_can_wake(major(st.st_rdev), minor(st.st_rdev));
}
