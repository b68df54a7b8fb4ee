/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru open --socket`: devices go to whoever connects, one each. Every connection gets one message: the
 * device's name as text, and by SCM_RIGHTS the device and the iommufd (unix(7)). Where devices are had by
 * groups, the word "group" comes after the name, and the two are the group and its container.
 *
 * This process is the user's by then: the socket's file is made by its owner, in a folder where that
 * may be done, so that no name is looked up by root in a folder of somebody else's. Its mode says that
 * nobody else may connect. The file goes with the last device, and with a signal. Main thread only; lines are
 * written by the log's (log.h).
 */
#include "serve.h"

#include <base/error.h>
#include <base/fd.h>
#include <base/log.h>
#include <errno.h>
#include <host/way.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct server {
	const char *path;
	int listener, signals;
	struct stat file; /* as it was made */
	bool made;
};

static int listen_at(struct server *s, const char *user)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask = umask(0177);
	int r = 0;

	s->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", s->path);
	s->made = s->listener >= 0 &&
		  !bind(s->listener, (struct sockaddr *)&address, sizeof(address)) &&
		  !lstat(s->path, &s->file);
	if (!s->made || listen(s->listener, SOMAXCONN))
		r = fail(STATUS_HOST, errno,
			 "--socket %s: %s; choose a path that does not exist, in a folder where %s "
			 "may make files",
			 s->path, strerror(errno), user);
	umask(mask);
	return r;
}

/* Unless somebody has put something else there. */
static void remove_file(const struct server *s)
{
	struct stat now;

	if (s->made && !lstat(s->path, &now) && now.st_dev == s->file.st_dev &&
	    now.st_ino == s->file.st_ino)
		unlink(s->path);
}

static int catch_signals(struct server *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signals < 0 ? fail(STATUS_FAILURE, errno, "signalfd: %s; end some processes",
				     strerror(errno))
			      : 0;
}

/* Somebody who connects, or a signal: then -EINTR. -EAGAIN: that somebody is gone again. */
static int await_peer(const struct server *s, int *ret_fd)
{
	struct pollfd fds[] = { { .fd = s->signals, .events = POLLIN },
				{ .fd = s->listener, .events = POLLIN } };
	struct signalfd_siginfo info;

	if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (fds[0].revents && read(s->signals, &info, sizeof(info)) == sizeof(info)) {
		error_put(&(struct error){ .status = STATUS_SIGNAL + info.ssi_signo });
		return -EINTR;
	}
	*ret_fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
	if (*ret_fd >= 0)
		return 0;
	return errno == ECONNABORTED || errno == EINTR ? -EAGAIN : -errno;
}

static int send_device(int peer, const struct vfio_device *device, int iommufd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	char name[sizeof(device->name) + sizeof(" group")];
	struct iovec text = { name, 0 };
	struct msghdr message = {
		.msg_iov = &text,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	int fds[2] = { vfio_device_file(device), iommufd };

	text.iov_len = 1 + (size_t)snprintf(name, sizeof(name), "%s%s", device->name,
					    device->group ? " group" : "");
	control.header.cmsg_len = CMSG_LEN(sizeof(fds));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	return sendmsg(peer, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* What is given away is closed here; a group, with the last of its devices. */
static void close_given(struct vfio_device *device, const struct vfio_device *end)
{
	for (const struct vfio_device *next = device + 1; next < end; next++)
		if (device->group && next->group == device->group)
			return;
	fd_close(device->group ? &device->group->fd : &device->fd);
}

/* Whoever hangs up before it got anything takes nothing from the others. */
static int hand_over(const struct server *s, const struct vfio_device *device, int iommufd)
{
	for (;;) {
		_cleanup_fd_ int peer = -1;
		int r = await_peer(s, &peer);

		if (r == -EAGAIN)
			continue;
		if (r == -EINTR)
			return r;
		if (r)
			return fail(STATUS_HOST, -r, "--socket %s: %s", s->path, strerror(-r));
		r = send_device(peer, device, iommufd);
		if (!r)
			return 0;
		log_warn("--socket: nobody took %s: %s; it waits for the next", device->name,
			 strerror(-r));
	}
}

int serve_devices(const char *path, const char *user, struct vfio_device *devices, unsigned n,
		  int iommufd)
{
	struct server s = { .path = path, .listener = -1, .signals = -1 };
	int r = catch_signals(&s);

	/* Whoever does not read our lines, or not any more, takes nothing from the clients. */
	signal(SIGPIPE, SIG_IGN);
	if (!r)
		r = log_start();
	if (!r)
		r = listen_at(&s, user);
	for (unsigned i = 0; !r && i < n; i++) {
		r = hand_over(&s, &devices[i], iommufd);
		if (!r)
			close_given(&devices[i], devices + n);
	}
	remove_file(&s);
	fd_close(&s.listener);
	fd_close(&s.signals);
	return r;
}
