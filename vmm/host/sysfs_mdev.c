/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mediated devices (Documentation/driver-api/vfio-mediated-device.rst): made by a driver of the host's
 * and called by a UUID. VFIO has them from the start, by the same files as PCI functions.
 *
 * Main thread.
 */
#include "sysfs_path.h"

#include <base/error.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool mdev_parse(const char *text, char ret[MDEV_TEXT])
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	for (unsigned i = 0; i < sizeof(form); i++) {
		char c = text[i], lower = (char)(c | 0x20);

		if (form[i] != 'x' ? c != form[i]
				   : !((c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f')))
			return false;
		ret[i] = c >= 'A' && c <= 'F' ? lower : c; /* as the kernel prints it */
	}
	return true;
}

const char *host_function_name(const struct host_function *fn, char text[MDEV_TEXT])
{
	if (!*fn->mdev)
		return bdf_format(fn->bdf, text);
	memcpy(text, fn->mdev, MDEV_TEXT);
	return text;
}

int sysfs_mdev(const char *uuid, struct host_function *ret)
{
	char name[32 + MDEV_TEXT], text[64], path[PATH_MAX];
	struct host_function fn = { .group = -1 };

	/* Where the PCI functions are, seen from there. */
	snprintf(name, sizeof(name), "../../mdev/devices/%s", uuid);
	sysfs_path(path, "/sys/bus/mdev/devices/%s", uuid);
	if (access(path, F_OK))
		return fail(STATUS_HOST, ENODEV,
			    "%s: no such mediated device; see /sys/bus/mdev/devices, and make one: "
			    "echo %s > /sys/class/mdev_bus/PARENT/mdev_supported_types/TYPE/create",
			    uuid, uuid);
	snprintf(fn.mdev, sizeof(fn.mdev), "%s", uuid);
	sysfs_link(name, "iommu_group", text, sizeof(text));
	if (*text)
		fn.group = atoi(text);
	sysfs_link(name, "driver", fn.driver, sizeof(fn.driver));
	sysfs_link(name, "mdev_type", fn.mdev_type, sizeof(fn.mdev_type));
	sysfs_read_cdev(name, &fn);
	*ret = fn;
	return 0;
}

static int by_uuid(const void *a, const void *b)
{
	const struct host_function *left = a, *right = b;

	return strcmp(left->mdev, right->mdev);
}

int sysfs_mdevs(struct host_function **ret, unsigned *ret_n)
{
	struct host_function *all = NULL, *more;
	char path[PATH_MAX], uuid[MDEV_TEXT];
	const struct dirent *entry;
	unsigned n = 0;
	int r = 0;
	DIR *dir;

	sysfs_path(path, "/sys/bus/mdev/devices");
	dir = opendir(path);
	while (!r && dir && (entry = readdir(dir))) {
		if (!mdev_parse(entry->d_name, uuid))
			continue;
		more = reallocarray(all, n + 1, sizeof(*all));
		if (!more) {
			r = fail(STATUS_FAILURE, ENOMEM, "%s: out of memory", path);
			break;
		}
		all = more;
		if (sysfs_mdev(uuid, &all[n]))
			error_clear(); /* gone meanwhile */
		else
			n++;
	}
	if (dir)
		closedir(dir);
	if (r) {
		free(all);
		return r;
	}
	if (n)
		qsort(all, n, sizeof(*all), by_uuid);
	*ret = all;
	*ret_n = n;
	return 0;
}
