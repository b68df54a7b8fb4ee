/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru bind`: take functions from the host's drivers. All of them are asked about before the first is
 * moved. What is as asked already is said to be so. Main thread only.
 */
#include "bind.h"
#include "verbs.h"

#include <hostfn/hostbind.h>
#include <hostfn/hostfn.h>
#include <cli/options.h>

#include <base/error.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *driver_name(const char *driver)
{
	return *driver ? driver : "no driver";
}

/* "0000:00:02.0: e1000e -> vfio-pci", from what the kernel says now. */
int bind_report(struct bdf bdf, const char *before)
{
	struct host_function fn;
	char name[BDF_TEXT];
	int r = sysfs_function(bdf, &fn);

	if (r)
		return r;
	bdf_format(bdf, name);
	if (strcmp(before, fn.driver))
		printf("%s: %s -> %s\n", name, driver_name(before), driver_name(fn.driver));
	else if (fn.has_vfio_dev && !hostfn_driver_is_vfio(fn.driver))
		printf("%s: %s already, which has made it VFIO's\n", name, before);
	else
		printf("%s: %s already\n", name, driver_name(before));
	return 0;
}

static int bind_one(struct bdf bdf, bool force)
{
	struct host_function fn;
	int r = sysfs_function(bdf, &fn);

	if (!r)
		r = hostbind(bdf, force);
	return r ? r : bind_report(bdf, fn.driver);
}

/* The first that fails ends it, with those before it done and said. */
int verb_bind(int argc, char **argv)
{
	struct bdf *bdfs = calloc((size_t)argc, sizeof(*bdfs));
	bool force = false;
	unsigned n = 0;
	int r;

	if (!bdfs)
		return fail(STATUS_FAILURE, ENOMEM, "bind: out of memory");
	r = options_parse_bind(argc, argv, bdfs, &n, &force);
	if (!r)
		r = hostbind_check(bdfs, n, force);
	for (unsigned i = 0; !r && i < n; i++)
		r = bind_one(bdfs[i], force);
	free(bdfs);
	return r;
}
