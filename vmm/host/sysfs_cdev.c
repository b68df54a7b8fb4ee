/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VFIO's character devices: opened by the name that sysfs has, and looked up by their number, which
 * is the same whatever the node is called.
 *
 * Called by verbs and at a machine's start, on the main thread.
 */
#include "sysfs_path.h"

#include <base/bytes.h>
#include <base/capability.h>
#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <host/call.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

bool sysfs_cdev_function(unsigned int major, unsigned int minor, struct bdf *ret)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *last;
	ssize_t n;

	sysfs_path(path, "/sys/dev/char/%u:%u/device", major, minor);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = 0;
	last = strrchr(target, '/');
	return bdf_parse(last ? last + 1 : target, ret);
}

/* .../vfio-dev/noiommu-vfio0, since Linux 7.3 (drivers/vfio/vfio_main.c). */
bool sysfs_cdev_noiommu(unsigned int major, unsigned int minor)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	sysfs_path(path, "/sys/dev/char/%u:%u", major, minor);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = 0;
	return strstr(target, "/vfio-dev/noiommu-");
}

/* .../devices/virtual/vfio/7, or noiommu-7 (drivers/vfio/group.c). */
bool sysfs_cdev_group(unsigned int major, unsigned int minor, int *ret, bool *ret_noiommu)
{
	char path[PATH_MAX], target[PATH_MAX], *last;
	ssize_t n;

	sysfs_path(path, "/sys/dev/char/%u:%u", major, minor);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = 0;
	last = strstr(target, "/vfio/");
	if (!last)
		return false;
	last += strlen("/vfio/");
	*ret_noiommu = !strncmp(last, "noiommu-", 8);
	return sscanf(last + (*ret_noiommu ? 8 : 0), "%d", ret) == 1;
}

static uint32_t read_config(void *ctx, unsigned offset, unsigned len)
{
	const int *fd = ctx;
	uint8_t bytes[4] = { 0 };

	return fd_read_at(*fd, bytes, len, offset) ? UINT32_MAX : load_le32(bytes);
}

/* PME_Support (PCIe 6.0 §7.5.2.1) of the function whose configuration space `fd` is. */
static bool config_can_wake(int fd)
{
	struct capabilities list;

	capabilities_init(&list, false, PCI_CFG_SPACE_SIZE, read_config, &fd);
	while (capabilities_next(&list))
		if (list.id == PCI_CAP_ID_PM)
			return list.header >> 16 & (PCI_PM_CAP_PME_D3hot | PCI_PM_CAP_PME_D3cold);
	return false;
}

static bool can_wake(const char *device)
{
	char path[PATH_MAX];
	_cleanup_fd_ int fd = -1;

	/* There when the function has PME, for everybody, but only in kernels that can suspend. */
	sysfs_path(path, "%s/power/wakeup", device);
	if (access(path, F_OK) == 0)
		return true;
	/* Beyond byte 64 for the privileged only. */
	sysfs_path(path, "%s/config", device);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && config_can_wake(fd);
}

bool sysfs_cdev_can_wake(unsigned int major, unsigned int minor)
{
	char device[64];

	snprintf(device, sizeof(device), "/sys/dev/char/%u:%u/device", major, minor);
	return can_wake(device);
}

bool sysfs_can_wake(struct bdf bdf)
{
	char device[64], name[BDF_TEXT];

	snprintf(device, sizeof(device), "/sys/bus/pci/devices/%s", bdf_format(bdf, name));
	return can_wake(device);
}

static int fail_cdev(const char *bdf, const char *path, int errnum)
{
	switch (errnum) {
	case ENOENT:
		return fail(STATUS_HOST, errnum, "%s: %s does not exist; is /dev a devtmpfs?", bdf,
			    path);
	case EACCES:
	case EPERM:
		return fail(STATUS_HOST, errnum,
			    "%s: no permission to open %s; run as root, or: chown $USER %s", bdf,
			    path, path);
	case EBUSY:
		return fail(STATUS_HOST, errnum, "%s: %s is in use by another process; end it", bdf,
			    path);
	default:
		return fail(STATUS_HOST, errnum, "%s: cannot open %s: %s", bdf, path,
			    strerror(errnum));
	}
}

int sysfs_cdev_open(const struct host_function *fn, int *ret_fd)
{
	char path[PATH_MAX], name[MDEV_TEXT];
	_cleanup_fd_ int fd = -1;
	struct stat st;

	host_function_name(fn, name);
	if (!*fn->cdev)
		return fail(STATUS_HOST, ENODEV, "%s: has no VFIO device; run: thru bind %s", name,
			    name);
	sysfs_path(path, "/dev/vfio/devices/%s", fn->cdev);
	fd = host_open(path);
	if (fd < 0)
		return fail_cdev(name, path, -fd);
	if (fstat(fd, &st) < 0)
		return fail_cdev(name, path, errno);
	if (!S_ISCHR(st.st_mode) || major(st.st_rdev) != fn->cdev_major ||
	    minor(st.st_rdev) != fn->cdev_minor)
		return fail(STATUS_HOST, ENXIO,
			    "%s: %s is not the device %u:%u that sysfs names; remove the stale "
			    "node and run: thru bind %s",
			    name, path, fn->cdev_major, fn->cdev_minor, name);
	*ret_fd = fd;
	fd = -1;
	return 0;
}
