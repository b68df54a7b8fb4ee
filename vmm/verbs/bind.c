/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru bind` and `thru unbind`: move functions between the host's drivers and vfio-pci. No state
 * is kept: unbind clears the override, and the kernel chooses as it did when it found the function.
 * Both may be repeated; what is as asked already is said to be so. Main thread only.
 */
#include "verbs.h"

#include <hostfn/hostfn.h>
#include <cli/options.h>

#include <base/error.h>
#include <errno.h>
#include <host/holder.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *driver_name(const char *driver)
{
	return *driver ? driver : "no driver";
}

/* "0000:00:02.0: e1000e -> vfio-pci", from what the kernel says now. */
static int report(struct bdf bdf, const char *before)
{
	struct host_function fn;
	char name[BDF_TEXT];
	int r = sysfs_function(bdf, &fn);

	if (r)
		return r;
	bdf_format(bdf, name);
	if (!strcmp(before, fn.driver))
		printf("%s: %s already\n", name, driver_name(before));
	else
		printf("%s: %s -> %s\n", name, driver_name(before), driver_name(fn.driver));
	return 0;
}

static int bind_one(struct bdf bdf)
{
	struct host_function fn;
	char name[BDF_TEXT];
	int r = sysfs_function(bdf, &fn);

	if (r)
		return r;
	if (hostfn_is_bridge(&fn))
		return fail(STATUS_HOST, EINVAL,
			    "%s: is a bridge: it stays with the host; choose a function behind it",
			    bdf_format(bdf, name));
	/* A vendor's variant of vfio-pci serves as well, and knows the device better. */
	if (!hostfn_is_vfio(&fn))
		r = sysfs_bind(bdf, "vfio-pci");
	return r ? r : report(bdf, fn.driver);
}

/*
 * The kernel lets vfio-pci go only when the last user has closed the device, and makes whoever asks
 * wait for that without end. So ask /proc first.
 */
static int check_unused(const struct host_function *fn)
{
	char name[BDF_TEXT];
	pid_t pid = holder_of_function(fn);

	return pid ? fail(STATUS_HOST, EBUSY, "%s: is in use by process %d; end that guest first",
			  bdf_format(fn->bdf, name), (int)pid)
		   : 0;
}

static int unbind_one(struct bdf bdf)
{
	struct host_function fn, now;
	char name[BDF_TEXT];
	int r = sysfs_function(bdf, &fn);

	if (r)
		return r;
	/* The host's own driver is not disturbed. */
	if (*fn.driver && !hostfn_is_vfio(&fn))
		return report(bdf, fn.driver);
	r = check_unused(&fn);
	if (!r)
		r = sysfs_bind(bdf, "");
	if (!r)
		r = sysfs_function(bdf, &now);
	if (!r && hostfn_is_vfio(&now))
		return fail(
			STATUS_HOST, EBUSY,
			"%s: %s took it again, by an id given to that driver; take it back: echo "
			"%04x %04x > /sys/bus/pci/drivers/%s/remove_id",
			bdf_format(bdf, name), now.driver, now.vendor, now.device, now.driver);
	return r ? r : report(bdf, fn.driver);
}

/* In the order given; the first that fails ends it, with those before it done and said. */
static int each(int argc, char **argv, int (*one)(struct bdf bdf))
{
	struct bdf *bdfs = calloc((size_t)argc, sizeof(*bdfs));
	unsigned n = 0;
	int r;

	if (!bdfs)
		return fail(STATUS_FAILURE, ENOMEM, "%s: out of memory", argv[0]);
	r = options_parse_bdfs(argc, argv, bdfs, &n);
	for (unsigned i = 0; !r && i < n; i++)
		r = one(bdfs[i]);
	free(bdfs);
	return r;
}

int verb_bind(int argc, char **argv)
{
	return each(argc, argv, bind_one);
}

int verb_unbind(int argc, char **argv)
{
	return each(argc, argv, unbind_one);
}
