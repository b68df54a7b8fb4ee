/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device's descriptor, from wherever it is had: opened here (by address or path), inherited by
 * number, or sent through a socket (SCM_RIGHTS, unix(7)); and /dev/iommu likewise. Whoever opened it
 * may have bound it. Nothing is done to the device yet. Main thread only.
 */
#include "handover.h"

#include <hostfn/hostfn.h>

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

static int open_bdf(struct vfio_space *space, struct vfio_device *dev, struct bdf bdf)
{
	struct host_function fn;
	char why[512];
	int r = sysfs_function(bdf, &fn);

	if (!r && hostfn_ready(&fn, why, sizeof(why)))
		r = fail(STATUS_HOST, ENODEV, "%s %s", dev->name, why);
	return r ? r : vfio_space_open_device(space, &fn, dev);
}

/* Its address for messages, where sysfs tells; else what it was called by. */
static void name_by_number(struct vfio_device *dev, const struct stat *st, const char *other)
{
	struct bdf bdf;

	if (sysfs_cdev_function(major(st->st_rdev), minor(st->st_rdev), &bdf))
		bdf_format(bdf, dev->name);
	else
		snprintf(dev->name, sizeof(dev->name), "%.31s", other);
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
	return 0;
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
	dev->bound = vfio_device_is_bound(dev);
	return 0;
}

static int open_fd(struct vfio_device *dev, int fd)
{
	char what[16];

	snprintf(what, sizeof(what), "fd=%d", fd);
	return take_fd(dev, fd, what);
}

/* See vmm/verbs/open.c: one message, the device and perhaps its iommufd. */
static int receive(int from, int fds[2])
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	char name[64];
	struct iovec text = { name, sizeof(name) };
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
	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return -ENODATA;
	memcpy(fds, CMSG_DATA(header),
	       MIN(header->cmsg_len - CMSG_LEN(0), 2 * sizeof(int)) / sizeof(int) * sizeof(int));
	return fds[0] < 0 ? -ENODATA : 0;
}

static int open_socket(struct vfio_device *dev, const char *path, int *iommufd)
{
	_cleanup_fd_ int from = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fds[2] = { -1, -1 }, r = 0;

	if (strlen(path) >= sizeof(address.sun_path))
		return fail(STATUS_USAGE, ENAMETOOLONG, "--vfio socket=%s: too long; give another",
			    path);
	strcpy(address.sun_path, path);
	if (from < 0 || connect(from, (struct sockaddr *)&address, sizeof(address)))
		r = -errno;
	if (!r)
		r = receive(from, fds);
	if (r)
		return fail(STATUS_HOST, -r,
			    "--vfio socket=%s: %s; serve it with thru open --socket", path,
			    strerror(-r));
	if (*iommufd < 0)
		*iommufd = fds[1];
	else
		fd_close(&fds[1]);
	return take_fd(dev, fds[0], "socket");
}

static int open_rom(const char *name, const char *path, int *ret_fd)
{
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*ret_fd >= 0)
		return 0;
	return fail(STATUS_HOST, errno, "%s: rom=%s: %s; give on, off, or a readable file", name,
		    path, strerror(errno));
}

int handover_device(const struct passthrough_device *which, struct vfio_space *space,
		    struct vfio_device *dev, int *rom_fd)
{
	int r = 0;

	*rom_fd = -1;
	*dev = (struct vfio_device){ .fd = -1, .no_reset = which->no_reset };
	dev->has_token = which->token;
	if (which->token)
		memcpy(dev->token, which->token, sizeof(dev->token));
	dev->bdf = which->bdf;
	bdf_format(which->bdf, dev->name);
	switch (which->by) {
	case PASSTHROUGH_BY_BDF:
		r = open_bdf(space, dev, which->bdf);
		break;
	case PASSTHROUGH_BY_PATH:
		r = open_path(dev, which->path);
		break;
	case PASSTHROUGH_BY_FD:
		r = open_fd(dev, which->fd);
		break;
	case PASSTHROUGH_BY_SOCKET:
		r = open_socket(dev, which->path, &space->fd);
		break;
	}
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
