/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of VFIO groups (drivers/vfio/group.c for what each errno means). A group is opened once at a
 * time, and must have a container before it gives a device; devices of one group share it.
 *
 * Main thread.
 */
#include "vfio_group.h"
#include "vfio_refused.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <host/call.h>
#include <host/holder.h>
#include <host/sysfs.h>
#include <stdio.h>
#include <string.h>

bool group_is_ours(const struct vfio_space *space, int number)
{
	for (unsigned i = 0; i < space->n_groups; i++)
		if (space->groups[i].number == number)
			return true;
	return false;
}

uint32_t group_devid(const struct vfio_space *space, struct bdf bdf)
{
	for (unsigned i = 0; i < space->n_given; i++)
		if (!memcmp(&space->given[i], &bdf, sizeof(bdf)))
			return i + 1;
	return 0;
}

static struct vfio_group *find(struct vfio_space *space, int number)
{
	for (unsigned i = 0; i < space->n_groups; i++)
		if (space->groups[i].number == number)
			return &space->groups[i];
	return NULL;
}

static int add(struct vfio_space *space, struct vfio_device *dev, int number, int fd)
{
	struct vfio_group *group = &space->groups[space->n_groups];

	if (space->n_groups == VFIO_GROUPS_MAX)
		return fail(STATUS_HOST, E2BIG, "%s: more than %d IOMMU groups; leave some out",
			    dev->name, VFIO_GROUPS_MAX);
	*group = (struct vfio_group){ .number = number, .fd = fd };
	space->n_groups++;
	dev->group = group;
	return 0;
}

/* The group is opened as a whole, so whoever has one of its devices has it. */
static int open_refused(const struct vfio_device *dev, const struct host_function *fn,
			const char *path, int err)
{
	pid_t pid = err == -EBUSY ? holder_of_function(fn) : 0;

	if (pid)
		return fail(STATUS_HOST, EBUSY,
			    "%s: its IOMMU group is in use by process %d (%s); end that guest "
			    "first",
			    dev->name, (int)pid, path);
	if (err == -EBUSY)
		return fail(STATUS_HOST, EBUSY,
			    "%s: its IOMMU group is in use by another process (%s), which is to "
			    "end first",
			    dev->name, path);
	if (err == -EACCES || err == -EPERM)
		return fail(STATUS_HOST, EACCES,
			    "%s: no permission to open %s; run as root, or: chown $USER %s",
			    dev->name, path, path);
	if (err == -ENOENT)
		return fail(STATUS_HOST, ENOENT,
			    "%s: %s does not exist; run: thru bind %s (kernel option "
			    "CONFIG_VFIO_GROUP)",
			    dev->name, path, dev->name);
	return fail(STATUS_HOST, -err, "%s: cannot open %s: %s", dev->name, path, strerror(-err));
}

int group_open_device(struct vfio_space *space, const struct host_function *fn,
		      struct vfio_device *dev)
{
	_cleanup_fd_ int fd = -1;
	char path[32];
	int r;

	dev->bdf = fn->bdf;
	memcpy(dev->mdev, fn->mdev, sizeof(dev->mdev));
	dev->space = space;
	dev->group = find(space, fn->group);
	if (dev->group)
		return 0;
	snprintf(path, sizeof(path), "/dev/vfio/%d", fn->group);
	fd = host_open(path);
	if (fd < 0)
		return open_refused(dev, fn, path, fd);
	r = add(space, dev, fn->group, fd);
	if (!r)
		fd = -1;
	return r;
}

int vfio_space_take_group(struct vfio_space *space, struct vfio_device *dev, int number, int fd)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int r;

	dev->space = space;
	dev->group = find(space, number);
	if (dev->group) {
		if (dev->group->fd != fd)
			fd_close(&fd);
		return 0;
	}
	if (HOST_IOCTL(fd, VFIO_GROUP_GET_STATUS, &status))
		return fail(STATUS_HOST, EBADF,
			    "%s: descriptor %d is not its VFIO group; hand over /dev/vfio/%d, see "
			    "thru open",
			    dev->name, fd, number);
	r = add(space, dev, number, fd);
	if (!r)
		dev->group->inside = status.flags & VFIO_GROUP_FLAGS_CONTAINER_SET;
	return r;
}

int group_refused(const struct vfio_device *dev, const char *name, int err)
{
	switch (err) {
	case -EBUSY:
		return fail(STATUS_HOST, EBUSY,
			    "%s: is in use, or another of IOMMU group %d is bound to a host "
			    "driver; see: thru devices",
			    dev->name, dev->group->number);
	case -EINVAL:
		if (dev->has_token)
			return fail(STATUS_HOST, EINVAL,
				    "%s: takes no VF token: neither it nor its physical function "
				    "is one that vfio-pci has and makes virtual ones of; leave "
				    "vf-token out",
				    dev->name);
		return fail(STATUS_HOST, EINVAL,
			    "%s: the IOMMU refuses it: the host's firmware uses it (`direct` in "
			    "its group's reserved_regions) and no guest can have it, or other "
			    "devices of the guest do not go with it (leave one out)",
			    dev->name);
	}
	return vfio_owning_refused(dev, name, err);
}

int group_is_elsewhere(const struct vfio_device *dev)
{
	return fail(STATUS_HOST, EINVAL,
		    "%s: its group is in another container than the one that is handed over; hand "
		    "over both of one: group-fd=N,container-fd=N",
		    dev->name);
}

/* Viable: no driver of the host's has any of the group. With a container set it always looks so. */
static int check_viable(const struct vfio_device *dev)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int r = HOST_IOCTL(dev->group->fd, VFIO_GROUP_GET_STATUS, &status);

	if (r < 0)
		return group_refused(dev, "VFIO_GROUP_GET_STATUS", r);
	if (status.flags & VFIO_GROUP_FLAGS_VIABLE)
		return 0;
	return fail(STATUS_HOST, EBUSY,
		    "%s: another of IOMMU group %d is bound to a host driver; see: thru devices",
		    dev->name, dev->group->number);
}

int group_join(struct vfio_space *space, struct vfio_device *dev)
{
	int32_t container = space->fd;
	int r = check_viable(dev);

	if (r)
		return r;
	r = HOST_IOCTL(dev->group->fd, VFIO_GROUP_SET_CONTAINER, &container);
	/* Of kernels before 6.2, for the reasons above. */
	if (r == -EPERM && !space->made)
		r = -EBUSY;
	if (r < 0)
		return group_refused(dev, "VFIO_GROUP_SET_CONTAINER", r);
	dev->group->inside = true;
	return 0;
}

/* RFC 9562 §4. */
static void format_token(const uint8_t token[16], char *text)
{
	for (unsigned i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*text++ = '-';
		text += sprintf(text, "%02x", token[i]);
	}
}

int group_get_device(struct vfio_space *space, struct vfio_device *dev)
{
	char name[MDEV_TEXT], text[96], token[40] = "";
	int r;

	if (space->n_given == ARRAY_SIZE(space->given))
		return fail(STATUS_HOST, E2BIG, "%s: more than %d devices; leave some out",
			    dev->name, VFIO_GROUPS_MAX);
	if (*dev->mdev)
		memcpy(name, dev->mdev, sizeof(name));
	else
		bdf_format(dev->bdf, name);
	if (dev->has_token)
		format_token(dev->token, token);
	/* As vfio_pci_core_match() reads it. */
	snprintf(text, sizeof(text), "%s%s%s", name, dev->has_token ? " vf_token=" : "", token);
	r = HOST_IOCTL(dev->group->fd, VFIO_GROUP_GET_DEVICE_FD, text);
	if (r == -ENODEV)
		return fail(STATUS_HOST, ENODEV,
			    "%s: is not in IOMMU group %d, or not bound to vfio-pci; see: thru "
			    "devices",
			    dev->name, dev->group->number);
	if (r < 0)
		return group_refused(dev, "VFIO_GROUP_GET_DEVICE_FD", r);
	dev->fd = r;
	space->given[space->n_given++] = dev->bdf;
	dev->devid = space->n_given;
	dev->bound = true;
	dev->state = VFIO_DEVICE_BOUND;
	return 0;
}

int group_attach(struct vfio_space *space, struct vfio_device *dev)
{
	(void)space;
	dev->attached = true;
	return 0;
}

int group_detach(struct vfio_space *space, struct vfio_device *dev)
{
	(void)space;
	dev->attached = false;
	return 0;
}
