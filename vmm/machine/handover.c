/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device's descriptor, or its group's, from wherever it is had: opened here (by address or path),
 * inherited by number, or sent through a socket (SCM_RIGHTS, unix(7)); and /dev/iommu or a container
 * likewise. What is given decides by which way all of a guest's devices are had. Whoever opened it may
 * have bound it. Nothing is done to the device yet. Main thread only.
 */
#include "handover.h"

#include <hostfn/hostfn.h>
#include <hostfn/hostway.h>

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <host/explain.h>
#include <host/iommufd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

static int open_bdf(struct vfio_space *space, struct vfio_device *dev, struct bdf bdf)
{
	struct host_function fn;
	int r = sysfs_function(bdf, &fn);

	return r ? r : vfio_space_open_device(space, &fn, dev);
}

static int open_mdev(struct vfio_space *space, struct vfio_device *dev, const char *uuid)
{
	struct host_function fn;
	int r = sysfs_mdev(uuid, &fn);

	snprintf(dev->name, sizeof(dev->name), "%.36s", uuid);
	return r ? r : vfio_space_open_device(space, &fn, dev);
}

/* Its address, also for messages, where sysfs tells; else what it was called by. */
static void name_by_number(struct vfio_device *dev, const struct stat *st, const char *other)
{
	if (sysfs_cdev_function(major(st->st_rdev), minor(st->st_rdev), &dev->bdf))
		bdf_format(dev->bdf, dev->name);
	else
		snprintf(dev->name, sizeof(dev->name), "%.31s", other);
}

static int noiommu(const struct vfio_device *dev)
{
	return fail(STATUS_HOST, EPERM, "%s " HOSTFN_NOIOMMU "; use a host with an IOMMU",
		    dev->name);
}

static int open_path(struct vfio_device *dev, const char *path)
{
	const char *last = strrchr(path, '/') + 1;
	struct stat st;

	dev->fd = open(path, O_RDWR | O_CLOEXEC);
	if (dev->fd < 0 || fstat(dev->fd, &st) < 0)
		return fail(STATUS_HOST, errno, "%s: %s; see thru devices for what is there", path,
			    strerror(errno));
	name_by_number(dev, &st, last);
	return sysfs_cdev_noiommu(major(st.st_rdev), minor(st.st_rdev)) ? noiommu(dev) : 0;
}

/* A device that somebody else opened, and perhaps bound. */
static int take_fd(struct vfio_device *dev, int fd, const char *what)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode))
		return fail(STATUS_HOST, EBADF,
			    "--vfio %s: not an open VFIO device; open one and hand it over, see "
			    "thru open",
			    what);
	dev->fd = fd;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	name_by_number(dev, &st, what);
	if (sysfs_cdev_noiommu(major(st.st_rdev), minor(st.st_rdev)))
		return noiommu(dev);
	return vfio_device_is_bound(dev, &dev->bound);
}

/* A group that has one device of VFIO's needs no address beside it. */
static int only_device(struct vfio_device *dev, int group)
{
	struct group_member *members;
	struct host_function fn;
	unsigned n, found = 0;
	int r = sysfs_group(group, &members, &n);

	if (r)
		return r;
	for (unsigned i = 0; i < n; i++)
		if (members[i].is_function && !sysfs_function(members[i].bdf, &fn) &&
		    hostfn_is_vfio(&fn) && !found++)
			dev->bdf = members[i].bdf;
	free(members);
	if (found != 1)
		return fail(STATUS_USAGE, EINVAL,
			    "--vfio group-fd=...: IOMMU group %d has %u devices of VFIO's; say "
			    "which: --vfio BDF,group-fd=N",
			    group, found);
	bdf_format(dev->bdf, dev->name);
	return 0;
}

/* What of the group the host still has: the kernel says only that there is something. */
static int check_members(const struct vfio_device *dev)
{
	struct host_function fn;
	char why[HOSTFN_WHY];
	int r;

	if (sysfs_function(dev->bdf, &fn)) {
		error_clear(); /* it is in no sysfs here; the kernel has the word */
		return 0;
	}
	if (!hostfn_driver_is_vfio(fn.driver))
		return 0;
	r = hostfn_group_free(&fn, NULL, 0, why, sizeof(why));
	return r ? fail(STATUS_HOST, -r, "%s %s", dev->name, why) : 0;
}

/* A group that somebody else opened: which one, its number says. */
static int take_group(struct vfio_space *space, struct vfio_device *dev, int fd, bool has_bdf)
{
	bool is_noiommu = false;
	int r = 0, group = -1;
	struct stat st;

	if (!has_bdf)
		snprintf(dev->name, sizeof(dev->name), "group-fd=%d", fd);
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) ||
	    !sysfs_cdev_group(major(st.st_rdev), minor(st.st_rdev), &group, &is_noiommu))
		return fail(STATUS_HOST, EBADF,
			    "%s: descriptor %d is not an open VFIO group; open /dev/vfio/GROUP and "
			    "hand it over, see thru open",
			    dev->name, fd);
	if (is_noiommu)
		return noiommu(dev);
	if (!has_bdf)
		r = only_device(dev, group);
	if (!r)
		r = check_members(dev);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return r ? r : vfio_space_take_group(space, dev, group, fd);
}

/* The container, or the iommufd in its place; several devices name the same one. */
static int take_container(struct vfio_space *space, int fd, const char *name)
{
	struct stat st;

	if (fd < 0 || fd == space->fd)
		return 0;
	if (space->fd >= 0 || fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode))
		return fail(STATUS_HOST, EBADF,
			    "%s: container-fd=%d: not an open container, or another than its "
			    "neighbour's; all devices of a guest have one",
			    name, fd);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	space->fd = fd;
	return 0;
}

static int open_fd(struct vfio_device *dev, int fd)
{
	char what[16];

	snprintf(what, sizeof(what), "fd=%d", fd);
	return take_fd(dev, fd, what);
}

/*
 * See vmm/verbs/open.c: one message, the device's name, and "group" after it when it comes by that; the
 * device or its group, and perhaps the iommufd or container.
 */
static int receive(int from, int fds[2], char name[64])
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	struct iovec text = { name, 64 - 1 };
	struct msghdr message = {
		.msg_iov = &text,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	struct cmsghdr *header;
	ssize_t n;

	do {
		n = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	header = CMSG_FIRSTHDR(&message);
	if (n < 0)
		return -errno;
	name[n] = 0;
	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return -ENODATA;
	memcpy(fds, CMSG_DATA(header),
	       MIN(header->cmsg_len - CMSG_LEN(0), 2 * sizeof(int)) / sizeof(int) * sizeof(int));
	return fds[0] < 0 ? -ENODATA : 0;
}

/* The first one says how all come. */
static int take_message(struct vfio_space *space, struct vfio_device *dev, const char *name,
			const int fds[2], bool first)
{
	char address[64];
	bool group = sscanf(name, "%63s group", address) == 1 && strstr(name, " group");
	enum vfio_way way = VFIO_WAY_CDEV;

	if (group)
		way = iommufd_is(fds[1]) ? VFIO_WAY_GROUP_IOMMUFD : VFIO_WAY_GROUP;
	if (first)
		space->way = way;
	if (space->way != way)
		return fail(STATUS_USAGE, EINVAL,
			    "--vfio socket=...: devices come by their cdevs or by groups, not by "
			    "both; open them all by one thru open");
	if (!group)
		return take_fd(dev, fds[0], "socket");
	if (!bdf_parse(address, &dev->bdf))
		return fail(STATUS_HOST, EPROTO, "--vfio socket=...: sends no PCI address");
	bdf_format(dev->bdf, dev->name);
	return take_group(space, dev, fds[0], true);
}

static int open_socket(struct vfio_space *space, struct vfio_device *dev, const char *path,
		       bool first)
{
	_cleanup_fd_ int from = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fds[2] = { -1, -1 }, r = 0;
	char name[64] = "";

	if (strlen(path) >= sizeof(address.sun_path))
		return fail(STATUS_USAGE, ENAMETOOLONG, "--vfio socket=%s: too long; give another",
			    path);
	strcpy(address.sun_path, path);
	if (from < 0 || connect(from, (struct sockaddr *)&address, sizeof(address)))
		r = -errno;
	if (!r)
		r = receive(from, fds, name);
	if (r)
		return fail(STATUS_HOST, -r,
			    "--vfio socket=%s: %s; serve it with thru open --socket", path,
			    strerror(-r));
	r = take_message(space, dev, name, fds, first);
	if (r && dev->fd != fds[0]) /* what was refused is nobody's */
		fd_close(&fds[0]);
	if (space->fd < 0)
		space->fd = fds[1];
	else
		fd_close(&fds[1]);
	return r;
}

static int open_rom(const char *name, const char *path, int *ret_fd)
{
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*ret_fd >= 0)
		return 0;
	return fail(STATUS_HOST, errno, "%s: rom=%s: %s; give on, off, or a readable file", name,
		    path, strerror(errno));
}

static int open_one(const struct passthrough_device *which, struct vfio_space *space,
		    struct vfio_device *dev, bool first)
{
	int r = take_container(space, which->container_fd, dev->name);

	if (r)
		return r;
	switch (which->by) {
	case PASSTHROUGH_BY_BDF:
		return which->group_fd >= 0 ? take_group(space, dev, which->group_fd, true)
					    : open_bdf(space, dev, which->bdf);
	case PASSTHROUGH_BY_PATH:
		return open_path(dev, which->path);
	case PASSTHROUGH_BY_FD:
		return open_fd(dev, which->fd);
	case PASSTHROUGH_BY_SOCKET:
		return open_socket(space, dev, which->path, first);
	case PASSTHROUGH_BY_MDEV:
		return open_mdev(space, dev, which->path);
	case PASSTHROUGH_BY_GROUP:
		return take_group(space, dev, which->group_fd, false);
	}
	return -EINVAL;
}

int handover_device(const struct passthrough_device *which, struct vfio_space *space,
		    struct vfio_device *dev, int *rom_fd, bool first)
{
	int r;

	*rom_fd = -1;
	*dev = (struct vfio_device){ .fd = -1, .no_reset = which->no_reset };
	dev->has_token = which->token;
	if (which->token)
		memcpy(dev->token, which->token, sizeof(dev->token));
	dev->bdf = which->bdf;
	bdf_format(which->bdf, dev->name);
	r = open_one(which, space, dev, first);
	if (*which->name)
		snprintf(dev->name, sizeof(dev->name), "%s", which->name);
	if (!r && *which->rom_path)
		r = open_rom(dev->name, which->rom_path, rom_fd);
	return r;
}

int handover_iommufd(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode))
		return fail(
			STATUS_HOST, EBADF,
			"--iommufd fd=%d: not an open /dev/iommu; open it and hand it down, see "
			"thru open",
			fd);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return 0;
}

void handover_recognise(struct passthrough_device *device)
{
	bool is_noiommu;
	struct stat st;
	int group;

	if (device->by != PASSTHROUGH_BY_FD || fstat(device->fd, &st) || !S_ISCHR(st.st_mode) ||
	    !sysfs_cdev_group(major(st.st_rdev), minor(st.st_rdev), &group, &is_noiommu))
		return;
	device->by = PASSTHROUGH_BY_GROUP;
	device->group_fd = device->fd;
}

/* By which way the descriptors come that were handed over; HOSTWAY_ANY: none were. */
static int way_of_descriptors(const struct passthrough_config *c, int *ret)
{
	bool cdevs = false, groups = false;
	int container = c->iommufd;

	for (unsigned i = 0; i < c->n; i++) {
		const struct passthrough_device *d = &c->devices[i];

		cdevs |= d->by == PASSTHROUGH_BY_PATH || d->by == PASSTHROUGH_BY_FD;
		groups |= d->group_fd >= 0;
		container = d->container_fd >= 0 ? d->container_fd : container;
	}
	if (cdevs && groups)
		return fail(STATUS_USAGE, EINVAL,
			    "--vfio: devices come by their cdevs or by groups, not by both; give "
			    "all of a guest's in one way");
	*ret = HOSTWAY_ANY;
	if (cdevs)
		*ret = VFIO_WAY_CDEV;
	if (groups)
		*ret = container >= 0 && iommufd_is(container) ? VFIO_WAY_GROUP_IOMMUFD
							       : VFIO_WAY_GROUP;
	return 0;
}

int handover_check_api(const struct passthrough_config *c, enum vfio_way given)
{
	if (c->api == HOSTWAY_ANY || c->api == (int)given)
		return 0;
	return fail(STATUS_USAGE, EINVAL,
		    "--vfio-api %s: what is handed over is %s; leave the option out",
		    vfio_way_name((enum vfio_way)c->api), vfio_way_name(given));
}

/* By what sysfs knows, with nothing handed over. */
static bool is_named(const struct passthrough_device *which)
{
	return which->by == PASSTHROUGH_BY_MDEV ||
	       (which->by == PASSTHROUGH_BY_BDF && which->group_fd < 0);
}

static int look_up(const struct passthrough_device *which, struct host_function *fn)
{
	char why[HOSTFN_WHY], name[MDEV_TEXT];
	int r = which->by == PASSTHROUGH_BY_MDEV ? sysfs_mdev(which->path, fn)
						 : sysfs_function(which->bdf, fn);

	if (!r && hostfn_ready(fn, why, sizeof(why)))
		r = fail(STATUS_HOST, ENODEV, "%s %s", host_function_name(fn, name), why);
	return r;
}

/* For --explain: by which way, and where it was not chosen by hand what a better one takes. */
static void tell_way(enum vfio_way way, bool free)
{
	static char text[160];
	const char *lacks;

	if (!explain_on)
		return;
	lacks = free ? hostway_lacks(way) : "";
	snprintf(text, sizeof(text), "devices by: %s%s%s", hostway_words(way),
		 *lacks ? "; for a better way " : "", lacks);
	explain_phase(text);
}

int handover_choose(const struct passthrough_config *c, struct vfio_space *space)
{
	struct host_function fns[PASSTHROUGH_MAX];
	char why[HOSTFN_WHY], name[MDEV_TEXT];
	int given, r = way_of_descriptors(c, &given);
	unsigned n = 0;

	if (!r && given != HOSTWAY_ANY)
		r = handover_check_api(c, (enum vfio_way)given);
	for (unsigned i = 0; !r && i < c->n; i++)
		if (is_named(&c->devices[i]))
			r = look_up(&c->devices[i], &fns[n++]);
	given = given == HOSTWAY_ANY ? c->api : given;
	if (!r && !n && given != HOSTWAY_ANY)
		space->way = (enum vfio_way)given;
	if (!r && n && hostway_find(fns, n, given, &space->way, why, sizeof(why)))
		r = fail(STATUS_HOST, ENODEV, "%s %s", host_function_name(&fns[0], name), why);
	if (!r && (n || given != HOSTWAY_ANY))
		tell_way(space->way, given == HOSTWAY_ANY);
	return r;
}
