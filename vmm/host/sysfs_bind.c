/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving a function from one driver to another (Documentation/ABI/testing/sysfs-bus-pci:
 * driver_override, driver/unbind, drivers_probe). What fails half way is undone.
 *
 * Called by verbs, on the main thread.
 */
#include "sysfs_path.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

/* Write one word to a file that sysfs has; records nothing. */
static _printf_(2, 3) int write_word(const char *word, const char *fmt, ...)
{
	_cleanup_fd_ int fd = -1;
	va_list ap;

	va_start(ap, fmt);
	fd = sysfs_open(O_WRONLY, fmt, ap);
	va_end(ap);
	if (fd < 0)
		return fd;
	/* One write(2): each is a command of its own to sysfs. */
	if (write(fd, word, strlen(word)) < 0)
		return -errno;
	return 0;
}

static int fail_write(const char *bdf, const char *what, int errnum)
{
	if (errnum == EACCES || errnum == EPERM || errnum == EROFS)
		return fail(STATUS_HOST, errnum, "%s: no permission to %s; run as root", bdf, what);
	return fail(STATUS_HOST, errnum, "%s: the kernel refused to %s: %s", bdf, what,
		    strerror(errnum));
}

int sysfs_unbind(struct bdf bdf)
{
	char name[BDF_TEXT], driver[32];
	int r;

	sysfs_link(bdf_format(bdf, name), "driver", driver, sizeof(driver));
	if (!*driver)
		return 0;
	r = write_word(name, "/sys/bus/pci/devices/%s/driver/unbind", name);
	if (r == -ENODEV || r == -ENOENT)
		return 0; /* the driver let go of it, or it vanished, in between */
	return r ? fail_write(name, "unbind its driver", -r) : 0;
}

static int check_driver(const char *bdf, const char *driver)
{
	char path[PATH_MAX];

	sysfs_path(path, "/sys/bus/pci/drivers/%s", driver);
	if (access(path, F_OK) == 0)
		return 0;
	if (!strcmp(driver, "vfio-pci"))
		return fail(STATUS_HOST, ENOENT,
			    "%s: the kernel has no driver vfio-pci; run: modprobe vfio-pci (kernel "
			    "option CONFIG_VFIO_PCI)",
			    bdf);
	return fail(STATUS_HOST, ENOENT, "%s: the kernel has no driver %s; load its module", bdf,
		    driver);
}

static int set_override(const char *bdf, const char *driver)
{
	int r = write_word(*driver ? driver : "\n", "/sys/bus/pci/devices/%s/driver_override", bdf);

	return r ? fail_write(bdf, "choose its driver (driver_override)", -r) : 0;
}

/* The driver did not take the function: let the host have it, so that nothing is left behind. */
static int fail_probe(struct bdf bdf, const char *name, const char *driver, int errnum)
{
	int r;

	if (errnum == EACCES || errnum == EPERM)
		r = fail_write(name, "probe drivers", errnum);
	else
		r = fail(STATUS_HOST, errnum ? errnum : ENODEV,
			 "%s: %s did not take it; the reason is in the kernel's log, see: dmesg",
			 name, driver);
	/* The first failure is the one to report: that of the way back says nothing more. */
	if (!set_override(name, "") && !sysfs_unbind(bdf))
		(void)!write_word(name, "/sys/bus/pci/drivers_probe");
	return r;
}

int sysfs_bind_check(struct bdf bdf, const char *driver)
{
	char path[PATH_MAX], name[BDF_TEXT];
	int r = check_driver(bdf_format(bdf, name), driver);

	if (r)
		return r;
	sysfs_path(path, "/sys/bus/pci/devices/%s/driver_override", name);
	if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS))
		return fail_write(name, "choose its driver (driver_override)", errno);
	return 0;
}

int sysfs_bind(struct bdf bdf, const char *driver)
{
	struct host_function fn;
	char name[BDF_TEXT];
	int r = sysfs_function(bdf, &fn);

	bdf_format(bdf, name);
	if (!r && *driver && !strcmp(fn.driver, driver))
		return strcmp(fn.driver_override, driver) ? set_override(name, driver) : 0;
	if (!r && *driver)
		r = check_driver(name, driver);
	if (!r)
		r = set_override(name, driver);
	if (!r)
		r = sysfs_unbind(bdf);
	if (r)
		return r;
	r = write_word(name, "/sys/bus/pci/drivers_probe");
	/* Without an override no driver at all may want it, and that is as asked. */
	if (sysfs_function(bdf, &fn))
		return -ENODEV;
	if (*driver && strcmp(fn.driver, driver))
		return fail_probe(bdf, name, driver, -r);
	return 0;
}
