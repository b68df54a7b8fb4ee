/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru unbind`: give functions back to the host. No state is kept: the override is cleared, and the
 * kernel chooses as it did when it found the function. May be repeated.
 *
 * The kernel lets a function go from VFIO only when its last user has closed it, and whoever asked for
 * it waits for that without end; after one signal, so that no other ends it (vfio_main.c,
 * vfio_unregister_group_dev()). So /proc is asked first. It does not show everybody, so the request is
 * a child's: this process waits for it in the open, and may be ended at any time. Main thread only.
 */
#include "bind.h"
#include "verbs.h"

#include <hostfn/hostfn.h>
#include <cli/options.h>

#include <base/error.h>
#include <base/fd.h>
#include <base/log.h>
#include <errno.h>
#include <host/holder.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNBIND_CHILD  1 /* neither done nor failed: the parent tells */
#define FIRST_LINE_MS 2000
#define NEXT_LINE_MS  10000

static int check_unused(const struct host_function *fn)
{
	char name[BDF_TEXT];
	pid_t pid = holder_of_function(fn);

	return pid ? fail(STATUS_HOST, EBUSY, "%s: is in use by process %d; end that guest first",
			  bdf_format(fn->bdf, name), (int)pid)
		   : 0;
}

/* What the child has to say: how it ended, and why. */
struct answer {
	int result;
	struct error why;
};

/* In the child: Ctrl-C is for who waits, not for what has to come to an end. It says nothing itself. */
static int ask(struct bdf bdf, int to)
{
	struct answer answer;

	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	memset(&answer, 0, sizeof(answer));
	answer.result = sysfs_bind(bdf, "");
	error_take(&answer.why);
	if (fd_write_all(to, &answer, sizeof(answer)))
		answer.result = -EPIPE;
	return UNBIND_CHILD;
}

static void await(const char *name, pid_t child, int from)
{
	struct pollfd end = { .fd = from, .events = POLLIN };
	unsigned waited = FIRST_LINE_MS;

	for (int ms = FIRST_LINE_MS; poll(&end, 1, ms) == 0; ms = NEXT_LINE_MS) {
		log_warn("%s: something that /proc does not show still uses it; waiting for %u s "
			 "(may be ended: process %d goes on until the kernel lets it go)",
			 name, waited / 1000, (int)child);
		waited += NEXT_LINE_MS;
	}
}

/* UNBIND_CHILD in the child, which has to end then. */
static int unbind_patiently(struct bdf bdf)
{
	char name[BDF_TEXT];
	_cleanup_fd_ int from = -1, to = -1;
	struct answer answer;
	int ends[2];
	pid_t child;

	bdf_format(bdf, name);
	if (fflush(stdout) || pipe(ends))
		return fail(STATUS_FAILURE, errno, "%s: unbind: %s", name, strerror(errno));
	from = ends[0];
	to = ends[1];
	child = fork();
	if (child < 0)
		return fail(STATUS_FAILURE, errno, "%s: unbind: %s; end some processes", name,
			    strerror(errno));
	if (!child)
		return ask(bdf, to);
	fd_close(&to);
	await(name, child, from);
	if (read(from, &answer, sizeof(answer)) != sizeof(answer))
		return fail(STATUS_FAILURE, EIO, "%s: unbind: its process %d was ended", name,
			    (int)child);
	waitpid(child, NULL, 0);
	error_put(&answer.why);
	return answer.result;
}

static int unbind_one(struct bdf bdf)
{
	struct host_function fn, now;
	char name[BDF_TEXT];
	int r = sysfs_function(bdf, &fn);

	if (r)
		return r;
	/* The host's own driver is not disturbed, nor a vendor's that made the function VFIO's. */
	if (*fn.driver && !hostfn_driver_is_vfio(fn.driver))
		return bind_report(bdf, fn.driver);
	r = check_unused(&fn);
	if (!r)
		r = unbind_patiently(bdf);
	if (!r)
		r = sysfs_function(bdf, &now);
	if (!r && hostfn_is_vfio(&now))
		return fail(
			STATUS_HOST, EBUSY,
			"%s: %s took it again, by an id given to that driver; take it back: echo "
			"%04x %04x > /sys/bus/pci/drivers/%s/remove_id",
			bdf_format(bdf, name), now.driver, now.vendor, now.device, now.driver);
	return r ? r : bind_report(bdf, fn.driver);
}

/* In the order given; the first that fails ends it, with those before it done and said. */
int verb_unbind(int argc, char **argv)
{
	struct bdf *bdfs = calloc((size_t)argc, sizeof(*bdfs));
	unsigned n = 0;
	int r;

	if (!bdfs)
		return fail(STATUS_FAILURE, ENOMEM, "unbind: out of memory");
	r = options_parse_bdfs(argc, argv, bdfs, &n);
	for (unsigned i = 0; !r && i < n; i++)
		r = unbind_one(bdfs[i]);
	free(bdfs);
	return r;
}
