/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * By which way functions can be had on this host (include/host/way.h): each needs files that its kernel
 * options make. The better way is the one with more: cdevs before groups, iommufd before containers.
 * Main thread.
 */
#include "answer.h"

#include <hostfn/hostway.h>

#include <errno.h>
#include <stdio.h>

#define IOMMUFD   "/dev/iommu"
#define CONTAINER "/dev/vfio/vfio"

/* The file of the function's own, or of its group's. "" when it has none. */
static void own_file(const struct host_function *fn, enum vfio_way way, char *path, size_t size)
{
	*path = 0;
	if (way != VFIO_WAY_CDEV)
		snprintf(path, size, "/dev/vfio/%d", fn->group);
	else if (*fn->cdev)
		snprintf(path, size, "/dev/vfio/devices/%.31s", fn->cdev);
}

static const char *shared_file(enum vfio_way way)
{
	return way == VFIO_WAY_GROUP ? CONTAINER : IOMMUFD;
}

bool hostway_offered(enum vfio_way way)
{
	return sysfs_exists(shared_file(way));
}

/* A kernel with CONFIG_VFIO_GROUP has made it, though a /dev of one's own may not have its file. */
static bool has_group(const struct host_function *fn)
{
	char path[48];

	snprintf(path, sizeof(path), "/sys/class/vfio/%d", fn->group);
	return sysfs_exists(path);
}

/* Groups are known by their file alone; a cdev by sysfs, which a /dev of one's own may not follow. */
static bool is_there(const struct host_function *fn, enum vfio_way way)
{
	char path[64];

	own_file(fn, way, path, sizeof(path));
	return *path && hostway_offered(way) && (way == VFIO_WAY_CDEV || sysfs_exists(path));
}

static int check_access(const char *what, const char *path, struct answer a)
{
	if (!sysfs_exists(path))
		return answer(a, ENOENT, "cannot be %s: %s does not exist; is /dev a devtmpfs?",
			      what, path);
	if (!sysfs_may_open(path))
		return answer(a, EACCES,
			      "cannot be %s: no permission to open %s; run as root, or: chown "
			      "$USER %s",
			      what, path, path);
	return 0;
}

/* Why it cannot be had by that way, or 0. */
static int check(const struct host_function *fn, enum vfio_way way, struct answer a)
{
	char path[64];
	int r;

	own_file(fn, way, path, sizeof(path));
	if (way == VFIO_WAY_CDEV && !*path)
		return answer(
			a, ENODEV,
			"has no VFIO character device: the host's kernel lacks "
			"CONFIG_VFIO_DEVICE_CDEV; use one built with it, or --vfio-api group");
	if (way != VFIO_WAY_CDEV && !sysfs_exists(path) && !has_group(fn))
		return answer(a, ENODEV,
			      "has no VFIO group: there is no %s, for the host's kernel lacks "
			      "CONFIG_VFIO_GROUP; use one built with it, or --vfio-api cdev",
			      path);
	if (!hostway_offered(way) && way == VFIO_WAY_GROUP)
		return answer(a, ENOENT,
			      "cannot be attached: there is no " CONTAINER "; use a kernel with "
			      "CONFIG_VFIO_CONTAINER");
	if (!hostway_offered(way))
		return answer(a, ENOENT,
			      "cannot be attached: there is no " IOMMUFD "; run: modprobe iommufd "
			      "(kernel option CONFIG_IOMMUFD)");
	r = check_access("attached", shared_file(way), a);
	return r ? r : check_access("opened", path, a);
}

/* No way at all: the kernel has VFIO's drivers and none of its files. */
static int no_way(const struct host_function *fn, struct answer a)
{
	char path[64];

	own_file(fn, VFIO_WAY_GROUP, path, sizeof(path));
	if (*fn->cdev)
		return check(fn, VFIO_WAY_CDEV, a);
	if (sysfs_exists(path) || has_group(fn))
		return check(fn, VFIO_WAY_GROUP, a);
	return answer(a, ENODEV,
		      "has no VFIO file: the host's kernel lacks CONFIG_VFIO_DEVICE_CDEV and "
		      "CONFIG_VFIO_GROUP; use one built with either");
}

int hostway_find(const struct host_function *fns, unsigned n, int wanted, enum vfio_way *ret,
		 char *why, size_t size)
{
	enum vfio_way way = wanted == HOSTWAY_ANY ? VFIO_WAY_CDEV : (enum vfio_way)wanted;
	struct answer a = { why, size };
	int r = 0;

	for (; wanted == HOSTWAY_ANY && way < VFIO_WAYS; way++) {
		unsigned there = 0;

		while (there < n && is_there(&fns[there], way))
			there++;
		if (there == n)
			break;
	}
	for (unsigned i = 0; !r && i < n; i++)
		r = way == VFIO_WAYS ? no_way(&fns[i], a) : check(&fns[i], way, a);
	if (!r)
		*ret = way;
	return r;
}

const char *hostway_words(enum vfio_way way)
{
	static const char *const words[VFIO_WAYS] = {
		[VFIO_WAY_CDEV] = "cdev, iommufd",
		[VFIO_WAY_GROUP_IOMMUFD] = "group, iommufd",
		[VFIO_WAY_GROUP] = "group, type1",
	};

	return words[way];
}

const char *hostway_lacks(enum vfio_way way)
{
	if (way == VFIO_WAY_GROUP && !hostway_offered(VFIO_WAY_CDEV))
		return "the kernel lacks CONFIG_IOMMUFD and CONFIG_VFIO_DEVICE_CDEV";
	return way == VFIO_WAY_CDEV ? "" : "the kernel lacks CONFIG_VFIO_DEVICE_CDEV";
}
