/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI functions as sysfs shows them (Documentation/ABI/testing/sysfs-bus-pci, sysfs-bus-vfio-pci,
 * sysfs-kernel-iommu_groups). A function may vanish between any two reads: what is gone by then
 * reads as absent, and a scan leaves the function out.
 *
 * Called by verbs and at a machine's start, on the main thread.
 */
#include "sysfs_path.h"

#include <base/error.h>
#include <base/fd.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An attribute of a function; "" when it is not there. */
void sysfs_attribute(const char *bdf, const char *name, char *text, size_t size)
{
	sysfs_line(text, size, "/sys/bus/pci/devices/%s/%s", bdf, name);
}

static unsigned long read_number(const char *bdf, const char *name)
{
	char text[32];

	sysfs_attribute(bdf, name, text, sizeof(text));
	return strtoul(text, NULL, 0);
}

void sysfs_link(const char *bdf, const char *name, char *text, size_t size)
{
	char path[PATH_MAX];

	sysfs_path(path, "/sys/bus/pci/devices/%s/%s", bdf, name);
	sysfs_last(path, text, size);
}

static int open_config(const char *bdf)
{
	char path[PATH_MAX];

	sysfs_path(path, "/sys/bus/pci/devices/%s/config", bdf);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int sysfs_open_config(struct bdf bdf)
{
	char text[BDF_TEXT];

	return open_config(bdf_format(bdf, text));
}

static bool read_is_bridge(const char *bdf)
{
	_cleanup_fd_ int fd = open_config(bdf);
	uint8_t type;

	return fd >= 0 && !fd_read_at(fd, &type, 1, PCI_HEADER_TYPE) &&
	       (type & 0x7f) == PCI_HEADER_TYPE_BRIDGE;
}

bool sysfs_is_dead(int config)
{
	uint32_t registers;

	return config >= 0 && !fd_read_at(config, &registers, sizeof(registers), PCI_COMMAND) &&
	       registers == UINT32_MAX;
}

/*
 * The VFIO device of a function: vfio-dev/NAME, since Linux 6.1. Its `dev` is "major:minor", where the
 * kernel has CONFIG_VFIO_DEVICE_CDEV.
 */
void sysfs_read_cdev(const char *bdf, struct host_function *fn)
{
	char path[PATH_MAX], name[64 + sizeof(fn->cdev)], dev[32];
	struct dirent *entry;
	DIR *dir;

	sysfs_path(path, "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= sizeof(fn->cdev))
			continue;
		fn->has_vfio_dev = true;
		snprintf(name, sizeof(name), "vfio-dev/%.31s/dev", entry->d_name);
		sysfs_attribute(bdf, name, dev, sizeof(dev));
		if (sscanf(dev, "%u:%u", &fn->cdev_major, &fn->cdev_minor) == 2)
			snprintf(fn->cdev, sizeof(fn->cdev), "%.31s", entry->d_name);
	}
	closedir(dir);
}

bool sysfs_read_function(struct bdf bdf, struct host_function *fn)
{
	char name[BDF_TEXT], text[64], path[PATH_MAX];

	bdf_format(bdf, name);
	*fn = (struct host_function){ .bdf = bdf, .group = -1 };
	fn->vendor = (uint16_t)read_number(name, "vendor");
	fn->device = (uint16_t)read_number(name, "device");
	fn->class = (uint32_t)read_number(name, "class") & 0xffffff;
	sysfs_link(name, "iommu_group", text, sizeof(text));
	if (*text)
		fn->group = atoi(text);
	sysfs_link(name, "driver", fn->driver, sizeof(fn->driver));
	sysfs_attribute(name, "driver_override", fn->driver_override, sizeof(fn->driver_override));
	if (!strcmp(fn->driver_override, "(null)")) /* how the kernel prints none */
		fn->driver_override[0] = 0;
	sysfs_attribute(name, "reset_method", fn->reset, sizeof(fn->reset));
	fn->is_bridge = read_is_bridge(name);
	sysfs_read_cdev(name, fn);
	sysfs_path(path, "/sys/bus/pci/devices/%s/vendor", name);
	return access(path, F_OK) == 0;
}

static int fail_absent(const char *bdf)
{
	return fail(STATUS_HOST, ENODEV, "%s: no such PCI function; run: thru devices", bdf);
}

int sysfs_function(struct bdf bdf, struct host_function *ret)
{
	struct host_function fn;
	char name[BDF_TEXT];

	if (!sysfs_read_function(bdf, &fn))
		return fail_absent(bdf_format(bdf, name));
	*ret = fn;
	return 0;
}
