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
#include <host/call.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static bool parse_hex(const char **text, unsigned digits, unsigned max, unsigned *ret)
{
	unsigned v = 0;

	for (unsigned i = 0; i < digits; i++, (*text)++) {
		char c = **text;

		if (c >= '0' && c <= '9')
			v = v << 4 | (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (unsigned)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v = v << 4 | (unsigned)(c - 'A' + 10);
		else
			return false;
	}
	*ret = v;
	return v <= max;
}

bool bdf_parse(const char *text, struct bdf *ret)
{
	unsigned domain = 0, bus, device, function;

	if (strlen(text) == strlen("0000:00:00.0")) {
		if (!parse_hex(&text, 4, 0xffff, &domain) || *text++ != ':')
			return false;
	}
	if (!parse_hex(&text, 2, 0xff, &bus) || *text++ != ':' ||
	    !parse_hex(&text, 2, 0x1f, &device) || *text++ != '.' ||
	    !parse_hex(&text, 1, 7, &function) || *text)
		return false;
	*ret = (struct bdf){ (uint16_t)domain, (uint8_t)bus, (uint8_t)device, (uint8_t)function };
	return true;
}

const char *bdf_format(struct bdf bdf, char text[BDF_TEXT])
{
	snprintf(text, BDF_TEXT, "%04x:%02x:%02x.%x", bdf.domain, bdf.bus, bdf.device & 0x1f,
		 bdf.function & 7);
	return text;
}

static int bdf_compare(const void *a, const void *b)
{
	char x[BDF_TEXT], y[BDF_TEXT];

	return strcmp(bdf_format(*(const struct bdf *)a, x), bdf_format(*(const struct bdf *)b, y));
}

static int function_compare(const void *a, const void *b)
{
	const struct host_function *x = a, *y = b;

	return bdf_compare(&x->bdf, &y->bdf);
}

/* An attribute of a function; "" when it is not there. */
static void read_attribute(const char *bdf, const char *name, char *text, size_t size)
{
	sysfs_line(text, size, "/sys/bus/pci/devices/%s/%s", bdf, name);
}

static unsigned long read_number(const char *bdf, const char *name)
{
	char text[32];

	read_attribute(bdf, name, text, sizeof(text));
	return strtoul(text, NULL, 0);
}

void sysfs_link(const char *bdf, const char *name, char *text, size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *last;
	ssize_t n;

	text[0] = 0;
	sysfs_path(path, "/sys/bus/pci/devices/%s/%s", bdf, name);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return;
	target[n] = 0;
	last = strrchr(target, '/');
	snprintf(text, size, "%.*s", (int)size - 1, last ? last + 1 : target);
}

static bool read_is_bridge(const char *bdf)
{
	char path[PATH_MAX];
	_cleanup_fd_ int fd = -1;
	uint8_t type = 0;

	sysfs_path(path, "/sys/bus/pci/devices/%s/config", bdf);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && !fd_read_at(fd, &type, 1, PCI_HEADER_TYPE) &&
	       (type & 0x7f) == PCI_HEADER_TYPE_BRIDGE;
}

/* The VFIO device of a function: vfio-dev/NAME, whose `dev` is "major:minor". */
static void read_cdev(const char *bdf, struct host_function *fn)
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
		snprintf(name, sizeof(name), "vfio-dev/%.31s/dev", entry->d_name);
		read_attribute(bdf, name, dev, sizeof(dev));
		if (sscanf(dev, "%u:%u", &fn->cdev_major, &fn->cdev_minor) == 2)
			snprintf(fn->cdev, sizeof(fn->cdev), "%.31s", entry->d_name);
	}
	closedir(dir);
}

/* False when there is no such function, or no longer. */
static bool read_function(struct bdf bdf, struct host_function *fn)
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
	read_attribute(name, "driver_override", fn->driver_override, sizeof(fn->driver_override));
	if (!strcmp(fn->driver_override, "(null)")) /* how the kernel prints none */
		fn->driver_override[0] = 0;
	read_attribute(name, "reset_method", fn->reset, sizeof(fn->reset));
	fn->is_bridge = read_is_bridge(name);
	read_cdev(name, fn);
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

	if (!read_function(bdf, &fn))
		return fail_absent(bdf_format(bdf, name));
	*ret = fn;
	return 0;
}

struct bdf_list {
	struct bdf *bdfs;
	unsigned n;
};

#define DEPTH_MAX 32 /* of buses below buses */

/* Add the functions that a directory names, in no order, and with `depth` those below them. */
static int list_add(struct bdf_list *list, const char *path, unsigned depth)
{
	char below[PATH_MAX];
	struct dirent *entry;
	struct bdf *more, bdf;
	DIR *dir = opendir(path);
	int r = 0;

	if (!dir)
		return -errno;
	while (!r && (entry = readdir(dir))) {
		if (!bdf_parse(entry->d_name, &bdf))
			continue;
		more = reallocarray(list->bdfs, list->n + 1, sizeof(bdf));
		if (!more) {
			r = -ENOMEM;
			break;
		}
		list->bdfs = more;
		list->bdfs[list->n++] = bdf;
		if (depth &&
		    snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) < PATH_MAX)
			r = list_add(list, below, depth - 1);
	}
	closedir(dir);
	return r;
}

static int list_bdfs(const char *path, unsigned depth, struct bdf **ret, unsigned *ret_n)
{
	struct bdf_list list = { NULL, 0 };
	int r = list_add(&list, path, depth);

	if (r) {
		free(list.bdfs);
		return r;
	}
	if (list.n)
		qsort(list.bdfs, list.n, sizeof(*list.bdfs), bdf_compare);
	*ret = list.bdfs;
	*ret_n = list.n;
	return 0;
}

int sysfs_functions(struct host_function **ret, unsigned *ret_n)
{
	struct host_function *functions;
	struct bdf *bdfs;
	char path[PATH_MAX];
	unsigned n_bdfs, n = 0;
	int r;

	sysfs_path(path, "/sys/bus/pci/devices");
	r = list_bdfs(path, 0, &bdfs, &n_bdfs);
	if (r)
		return fail(STATUS_HOST, -r, "%s: %s; is sysfs mounted, and has this machine PCI?",
			    path, strerror(-r));
	functions = calloc(n_bdfs + 1, sizeof(*functions));
	if (!functions) {
		free(bdfs);
		return fail(STATUS_HOST, ENOMEM, "PCI functions: out of memory");
	}
	for (unsigned i = 0; i < n_bdfs; i++)
		n += read_function(bdfs[i], &functions[n]);
	free(bdfs);
	qsort(functions, n, sizeof(*functions), function_compare);
	*ret = functions;
	*ret_n = n;
	return 0;
}

int sysfs_group(int group, struct bdf **ret, unsigned *ret_n)
{
	char path[PATH_MAX];
	int r;

	sysfs_path(path, "/sys/kernel/iommu_groups/%d/devices", group);
	r = list_bdfs(path, 0, ret, ret_n);
	if (r)
		return fail(STATUS_HOST, -r, "IOMMU group %d: %s", group, strerror(-r));
	return 0;
}

int sysfs_below_bridge(struct bdf bdf, struct bdf **ret, unsigned *ret_n)
{
	char path[PATH_MAX], real[PATH_MAX], name[BDF_TEXT], *slash;
	struct bdf bridge;
	unsigned n = 0;
	int r;

	/* .../pci0000:00/0000:00:1c.0/0000:01:00.0: the function is below 0000:00:1c.0. */
	sysfs_path(path, "/sys/bus/pci/devices/%s", bdf_format(bdf, name));
	if (!realpath(path, real) || !(slash = strrchr(real, '/')))
		return -ENODEV;
	*slash = 0;
	slash = strrchr(real, '/');
	if (!slash || !bdf_parse(slash + 1, &bridge))
		return -ENODEV;
	r = list_bdfs(real, DEPTH_MAX, ret, ret_n);
	for (unsigned i = 0; !r && i < *ret_n; i++)
		if (bdf_compare(&(*ret)[i], &bdf))
			(*ret)[n++] = (*ret)[i];
	*ret_n = r ? 0 : n;
	return r;
}

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

/* PME_Support (PCIe 6.0 §7.5.2.1) of the function whose configuration space `fd` is. */
static bool config_can_wake(int fd)
{
	uint8_t head[4], at = 0;

	if (fd_read_at(fd, &at, 1, PCI_CAPABILITY_LIST))
		return false;
	for (unsigned bound = 48; at >= 0x40 && bound; bound--, at = head[1]) {
		if (fd_read_at(fd, head, 4, at & ~3u))
			return false;
		if (head[0] == PCI_CAP_ID_PM)
			return head[3] & (PCI_PM_CAP_PME_D3hot | PCI_PM_CAP_PME_D3cold) >> 8;
	}
	return false;
}

bool sysfs_cdev_can_wake(unsigned int major, unsigned int minor)
{
	char path[PATH_MAX];
	_cleanup_fd_ int fd = -1;

	/* There when the function has PME, for everybody, but only in kernels that can suspend. */
	sysfs_path(path, "/sys/dev/char/%u:%u/device/power/wakeup", major, minor);
	if (access(path, F_OK) == 0)
		return true;
	/* Beyond byte 64 for the privileged only. */
	sysfs_path(path, "/sys/dev/char/%u:%u/device/config", major, minor);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && config_can_wake(fd);
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
	char path[PATH_MAX], name[BDF_TEXT];
	_cleanup_fd_ int fd = -1;
	struct stat st;

	bdf_format(fn->bdf, name);
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
