/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru open`: the one step of a guest's start that needs privilege, done for somebody who has none.
 * It opens the devices and an iommufd, and hands them over: to a command that it becomes, or through
 * a socket. Whoever has them needs no access to /dev/vfio or /dev/iommu.
 *
 * Descriptors of the command: 3 is the iommufd, 4 and up are the devices in the order given. Over the
 * socket each connection gets one message: the device's name as text, and by SCM_RIGHTS the device
 * and the iommufd.
 *
 * The devices are bound to the iommufd here when asked to (--bound), else by whoever has them. KVM is
 * then told of a device after its bind, where the documented order is before
 * (Documentation/virt/kvm/devices/vfio.rst): a driver learns of the VM at the bind only
 * (vfio_main.c, vfio_device_file_set_kvm()). vfio-pci wants to know on s390 alone.
 *
 * Pinned memory counts against each process by itself from here on (IOMMU_OPTION_RLIMIT_MODE 1), not
 * against the user: two guests of one user then have a limit each. Only a privileged process may
 * choose that. Main thread only.
 */
#include "verbs.h"

#include <hostfn/hostfn.h>
#include <hostfn/hostsafe.h>
#include <cli/options.h>

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <host/iommufd.h>
#include <host/vfio.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_FD 3

struct opened {
	const struct open_options *options;
	struct passwd *user;
	int iommufd;
	struct vfio_device devices[OPTIONS_VFIO_MAX];
	unsigned n;
};

static int find_user(struct opened *o)
{
	const char *name = o->options->user;

	errno = 0;
	o->user = getpwnam(name);
	if (!o->user)
		return fail(STATUS_USAGE, ENOENT,
			    "--user %s: no such user; give a name of this host's", name);
	return 0;
}

/* To vfio-pci where that is asked for; *fn is what it then is. */
static int make_ready(const struct opened *o, struct bdf bdf, struct host_function *fn)
{
	char why[HOSTFN_WHY], name[BDF_TEXT];
	int r = sysfs_function(bdf, fn);

	if (!r && o->options->bind && !hostfn_is_vfio(fn)) {
		r = hostfn_is_bridge(fn) ? 0 : sysfs_bind(bdf, "vfio-pci");
		if (!r)
			r = sysfs_function(bdf, fn);
	}
	if (!r && hostfn_ready(fn, why, sizeof(why)))
		r = fail(STATUS_HOST, ENODEV, "%s %s", bdf_format(bdf, name), why);
	return r;
}

static int open_device(struct opened *o, const struct device_option *option)
{
	struct vfio_device *dev = &o->devices[o->n];
	struct host_function fn;
	int r = make_ready(o, option->bdf, &fn);

	*dev = (struct vfio_device){ .fd = -1, .has_token = option->has_token };
	memcpy(dev->token, option->token, sizeof(dev->token));
	bdf_format(option->bdf, dev->name);
	if (!r)
		r = sysfs_cdev_open(&fn, &dev->fd);
	if (!r && o->options->bound)
		r = vfio_device_bind(dev, o->iommufd);
	if (!r)
		o->n++;
	return r;
}

/* How memory is accounted is chosen before anything is made in the iommufd, and a bind makes something. */
static int open_all(struct opened *o)
{
	int r = hostsafe_check(o->options->allow);

	if (!r)
		r = iommufd_open(&o->iommufd);
	if (!r)
		r = iommufd_account_process(o->iommufd);
	for (unsigned i = 0; !r && i < o->options->n; i++)
		r = open_device(o, &o->options->devices[i]);
	return r;
}

static int set_memlock(uint64_t bytes)
{
	struct rlimit limit = { bytes, bytes };

	if (!bytes)
		return 0;
	if (bytes == UINT64_MAX)
		limit = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		return fail(STATUS_HOST, errno, "--memlock: %s; run as root", strerror(errno));
	return 0;
}

/* One connection gets one device. */
static int hand_over(struct opened *o, unsigned i, int listener)
{
	_cleanup_fd_ int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	char *name = o->devices[i].name;
	struct iovec text = { name, strlen(name) + 1 };
	struct msghdr message = {
		.msg_iov = &text,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	int fds[2] = { o->devices[i].fd, o->iommufd };

	if (peer < 0)
		return fail(STATUS_HOST, errno, "--socket: %s", strerror(errno));
	control.header.cmsg_len = CMSG_LEN(sizeof(fds));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	if (sendmsg(peer, &message, MSG_NOSIGNAL) < 0)
		return fail(STATUS_HOST, errno, "--socket: nobody took %s: %s", name,
			    strerror(errno));
	return 0;
}

/* The file's owner and mode say who may connect. */
static int serve(struct opened *o)
{
	const char *path = o->options->socket;
	_cleanup_fd_ int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask = umask(0177);
	bool bound;
	int r = 0;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	bound = listener >= 0 && !bind(listener, (struct sockaddr *)&address, sizeof(address));
	/* lchown: whoever may write to that folder may have put a link there meanwhile. */
	if (!bound || lchown(path, o->user->pw_uid, o->user->pw_gid) ||
	    listen(listener, OPTIONS_VFIO_MAX))
		r = fail(STATUS_HOST, errno, "--socket %s: %s; choose a path that does not exist",
			 path, strerror(errno));
	umask(mask);
	for (unsigned i = 0; !r && i < o->n; i++)
		r = hand_over(o, i, listener);
	if (bound)
		unlink(path);
	return r;
}

/* Nothing of root's stays: groups, ids, capabilities of all sets, and the way back (setuid files). */
static int drop(const struct passwd *user)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 }, { 0 } };

	if (initgroups(user->pw_name, user->pw_gid))
		goto failed;
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap))
			goto failed;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ||
	    setresgid(user->pw_gid, user->pw_gid, user->pw_gid) ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) ||
	    syscall(SYS_capset, &header, none) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		goto failed;
	return 0;
failed:
	return fail(STATUS_HOST, errno, "--user %s: cannot become that user: %s; run as root",
		    user->pw_name, strerror(errno));
}

/* To the numbers that are documented, out of each other's way first; everything else closes. */
static int renumber(struct opened *o)
{
	int all[OPTIONS_VFIO_MAX + 1];

	for (unsigned i = 0; i <= o->n; i++) {
		all[i] = fcntl(i ? o->devices[i - 1].fd : o->iommufd, F_DUPFD_CLOEXEC,
			       FIRST_FD + (int)o->n + 1);
		if (all[i] < 0)
			return fail(STATUS_HOST, errno, "descriptors: %s", strerror(errno));
	}
	for (unsigned i = 0; i <= o->n; i++)
		if (dup2(all[i], FIRST_FD + (int)i) < 0)
			return fail(STATUS_HOST, errno, "descriptors: %s", strerror(errno));
	syscall(SYS_close_range, (unsigned)FIRST_FD + o->n + 1, ~0u, 0);
	return 0;
}

static int become(struct opened *o)
{
	char **command = o->options->command;
	int r = renumber(o);

	if (!r)
		r = set_memlock(o->options->memlock);
	if (!r)
		r = drop(o->user);
	if (r)
		return r;
	execvp(command[0], command);
	return fail(STATUS_HOST, errno, "%s: %s; give a command that %s may run", command[0],
		    strerror(errno), o->user->pw_name);
}

int verb_open(int argc, char **argv)
{
	struct open_options options;
	struct opened o = { .options = &options, .iommufd = -1 };
	int r = options_parse_open(argc, argv, &options);

	if (!r)
		r = find_user(&o);
	if (!r)
		r = open_all(&o);
	if (!r)
		r = options.socket ? serve(&o) : become(&o);
	return r; /* the descriptors end with the process */
}
