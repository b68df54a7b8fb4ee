/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru open`: the one step of a guest's start that needs privilege, done for somebody who has none.
 * It opens the devices and an iommufd, or their groups and a container (include/host/way.h), and hands
 * them over: to a command that it becomes, or through a socket. Whoever has them needs no access to
 * /dev/vfio or /dev/iommu.
 *
 * Descriptors of the command: 3 is the iommufd or container, 4 and up are the devices in the order given,
 * or the group of each. The socket: serve.c; what the user gets of root's otherwise, which is nothing: become.c, relay.c.
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
#include "become.h"
#include "relay.h"
#include "serve.h"
#include "verbs.h"

#include <hostfn/hostbind.h>
#include <hostfn/hostfn.h>
#include <hostfn/hostsafe.h>
#include <hostfn/hostway.h>
#include <cli/options.h>

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <host/vfio.h>
#include <host/way.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FIRST_FD 3

struct opened {
	const struct open_options *options;
	struct passwd *user;
	struct vfio_space space;
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

/* To vfio-pci where that is asked for: all are asked about before the first is moved. */
static int bind_all(const struct opened *o)
{
	struct bdf bdfs[OPTIONS_VFIO_MAX];
	unsigned n = o->options->bind ? o->options->n : 0;
	int r;

	for (unsigned i = 0; i < n; i++)
		bdfs[i] = o->options->devices[i].bdf;
	r = hostbind_check(bdfs, n, o->options->force);
	for (unsigned i = 0; !r && i < n; i++)
		r = hostbind(bdfs[i], o->options->force);
	return r;
}

static int make_ready(struct bdf bdf, struct host_function *fn)
{
	char why[HOSTFN_WHY], name[BDF_TEXT];
	int r = sysfs_function(bdf, fn);

	if (!r && hostfn_ready(fn, why, sizeof(why)))
		r = fail(STATUS_HOST, ENODEV, "%s %s", bdf_format(bdf, name), why);
	return r;
}

/* By which way: the best for all of them, or the one that is asked for. */
static int choose_way(struct opened *o, struct host_function *fns)
{
	char why[HOSTFN_WHY], name[BDF_TEXT];
	int r = 0;

	for (unsigned i = 0; !r && i < o->options->n; i++)
		r = make_ready(o->options->devices[i].bdf, &fns[i]);
	if (!r &&
	    hostway_find(fns, o->options->n, o->options->vfio_api, &o->space.way, why, sizeof(why)))
		r = fail(STATUS_HOST, ENODEV, "%s %s", bdf_format(fns[0].bdf, name), why);
	if (!r && o->options->bound && o->space.way != VFIO_WAY_CDEV)
		r = fail(STATUS_HOST, EOPNOTSUPP,
			 "--bound: by its group a function is bound by whoever takes it from that, "
			 "and this goes by groups (%s); leave it out",
			 vfio_way_name(o->space.way));
	return r;
}

static int open_device(struct opened *o, const struct host_function *fn,
		       const struct device_option *option)
{
	struct vfio_device *dev = &o->devices[o->n];
	int r;

	*dev = (struct vfio_device){ .fd = -1, .has_token = option->has_token };
	memcpy(dev->token, option->token, sizeof(dev->token));
	bdf_format(option->bdf, dev->name);
	r = vfio_space_open_device(&o->space, fn, dev);
	if (!r && o->options->bound)
		r = vfio_space_bind(&o->space, dev);
	if (!r)
		o->n++;
	return r;
}

/* How memory is accounted is chosen before anything is made in the iommufd, and a bind makes something. */
static int open_all(struct opened *o)
{
	struct host_function fns[OPTIONS_VFIO_MAX];
	int r = hostsafe_check(o->options->allow);

	if (!r)
		r = bind_all(o);
	if (!r)
		r = choose_way(o, fns);
	if (!r)
		r = vfio_space_open(&o->space);
	if (!r)
		r = vfio_space_account_process(&o->space);
	for (unsigned i = 0; !r && i < o->options->n; i++)
		r = open_device(o, &fns[i], &o->options->devices[i]);
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

/* To the numbers that are documented, out of each other's way first; everything else closes. */
static int renumber(struct opened *o)
{
	int all[OPTIONS_VFIO_MAX + 1];

	for (unsigned i = 0; i <= o->n; i++) {
		all[i] = fcntl(i ? vfio_device_file(&o->devices[i - 1]) : o->space.fd,
			       F_DUPFD_CLOEXEC, FIRST_FD + (int)o->n + 1);
		if (all[i] < 0)
			return fail(STATUS_HOST, errno, "descriptors: %s", strerror(errno));
	}
	for (unsigned i = 0; i <= o->n; i++)
		if (dup2(all[i], FIRST_FD + (int)i) < 0)
			return fail(STATUS_HOST, errno, "descriptors: %s", strerror(errno));
	if (close_range((unsigned)FIRST_FD + o->n + 1, ~0u, 0))
		return fail(STATUS_HOST, errno,
			    "descriptors: cannot close the others: %s; allow close_range(2)",
			    strerror(errno));
	return 0;
}

/* The command's: it does not come back, unless it could not be started. */
static int become(struct opened *o)
{
	char **command = o->options->command;
	int r = renumber(o);

	if (!r)
		r = set_memlock(o->options->memlock);
	if (!r)
		r = become_user(o->user);
	if (!r)
		r = become_at_home(o->user);
	if (r)
		return r;
	execvp(command[0], command);
	return fail(STATUS_HOST, errno, "%s: %s; give the whole path of a command that %s may run",
		    command[0], strerror(errno), o->user->pw_name);
}

static int run_command(struct opened *o)
{
	struct relay relay;
	int r = relay_start(&relay, o->user->pw_uid);

	if (r <= 0)
		return r ? r : become(o);
	for (unsigned i = 0; i < o->n; i++)
		fd_close(&o->devices[i].fd);
	vfio_space_close(&o->space);
	/* The command has said what there was to say. */
	error_put(&(struct error){ .status = (enum exit_status)relay_run(&relay) });
	return error_status() == STATUS_OK ? 0 : -ECHILD;
}

static int serve(struct opened *o)
{
	int r = become_user(o->user);

	return r ? r
		 : serve_devices(o->options->socket, o->user->pw_name, o->devices, o->n,
				 o->space.fd);
}

int verb_open(int argc, char **argv)
{
	struct open_options options;
	struct opened o = { .options = &options };
	int r = options_parse_open(argc, argv, &options);

	vfio_space_init(&o.space);
	if (!r)
		r = find_user(&o);
	if (!r)
		r = open_all(&o);
	if (!r)
		r = options.socket ? serve(&o) : run_command(&o);
	return r; /* the descriptors end with the process */
}
