/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The conditions of Documentation/driver-api/vfio.rst and iommufd.rst for one function, in the
 * order in which an operator meets them; the first that fails is the answer. Main thread only.
 */
#include <hostfn/hostfn.h>

#include <base/error.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLASS_HOST_BRIDGE 0x0600

struct answer {
	char *why;
	size_t size;
};

static _printf_(3, 4) int answer(struct answer a, int errnum, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a.why, a.size, fmt, ap);
	va_end(ap);
	return -errnum;
}

bool hostfn_is_bridge(const struct host_function *fn)
{
	return fn->is_bridge || fn->class >> 8 == CLASS_HOST_BRIDGE;
}

bool hostfn_driver_is_vfio(const char *driver)
{
	size_t n = strlen(driver);

	/* mlx5_vfio_pci, hisi_acc_vfio_pci, xe-vfio-pci... (drivers/vfio/pci) */
	return n >= 8 &&
	       (!strcmp(driver + n - 8, "vfio-pci") || !strcmp(driver + n - 8, "vfio_pci"));
}

/*
 * A driver that does no DMA on its own leaves the group to others: those that set
 * driver_managed_dma (iommu_device_use_default_domain() is not called for them).
 */
static bool driver_is_harmless(const char *driver)
{
	return !*driver || !strcmp(driver, "pci-stub") || !strcmp(driver, "pcieport") ||
	       hostfn_driver_is_vfio(driver);
}

static const char *iommu_advice(void)
{
#if defined(__x86_64__)
	return "turn on VT-d or AMD-Vi in the firmware, and intel_iommu=on or amd_iommu=on on the "
	       "host's kernel command line";
#else
	return "turn on the SMMU in the firmware";
#endif
}

/* All functions of a group move together: one that the host still uses spoils it for a guest. */
static int check_group(const struct host_function *fn, struct answer a)
{
	struct host_function member;
	struct bdf *members;
	char name[BDF_TEXT];
	unsigned n;
	int r = 0;

	if (sysfs_group(fn->group, &members, &n)) {
		error_clear();
		return answer(a, ENODEV, "vanished from its IOMMU group; run: thru devices");
	}
	for (unsigned i = 0; !r && i < n; i++) {
		if (sysfs_function(members[i], &member)) {
			error_clear();
			continue;
		}
		if (!member.is_bridge && !driver_is_harmless(member.driver))
			r = answer(a, EBUSY,
				   "shares IOMMU group %d with %s, which is bound to %s; run: thru "
				   "bind %s",
				   fn->group, bdf_format(members[i], name), member.driver, name);
	}
	free(members);
	return r;
}

static int check_nodes(const struct host_function *fn, struct answer a)
{
	char path[64];

	if (access("/dev/iommu", F_OK))
		return answer(a, ENOENT,
			      "cannot be attached: there is no /dev/iommu; run: modprobe iommufd "
			      "(kernel option CONFIG_IOMMUFD)");
	if (access("/dev/iommu", R_OK | W_OK))
		return answer(a, EACCES,
			      "cannot be attached: no permission to open /dev/iommu; run as root, "
			      "or: chown $USER /dev/iommu");
	snprintf(path, sizeof(path), "/dev/vfio/devices/%.31s", fn->cdev);
	if (access(path, F_OK))
		return answer(a, ENOENT, "cannot be opened: %s does not exist; is /dev a devtmpfs?",
			      path);
	if (access(path, R_OK | W_OK))
		return answer(
			a, EACCES,
			"cannot be opened: no permission for %s; run as root, or: chown $USER "
			"%s",
			path, path);
	return 0;
}

int hostfn_ready(const struct host_function *fn, char *why, size_t size)
{
	struct answer a = { why, size };
	char name[BDF_TEXT];
	int r;

	bdf_format(fn->bdf, name);
	if (size)
		why[0] = 0;
	if (hostfn_is_bridge(fn))
		return answer(a, EINVAL,
			      "is a bridge: it stays with the host; choose a function behind it");
	if (fn->group < 0 || !strncmp(fn->cdev, "noiommu", 7))
		return answer(a, ENODEV, "has no IOMMU group: the IOMMU is off; %s",
			      iommu_advice());
	if (!*fn->driver)
		return answer(a, ENODEV, "is not bound to vfio-pci; run: thru bind %s", name);
	if (!hostfn_driver_is_vfio(fn->driver))
		return answer(a, EBUSY, "is bound to %s; run: thru bind %s", fn->driver, name);
	r = check_group(fn, a);
	if (r)
		return r;
	if (!*fn->cdev)
		return answer(a, ENODEV,
			      "has no VFIO character device: the host's kernel lacks "
			      "CONFIG_VFIO_DEVICE_CDEV; use one built with it");
	return check_nodes(fn, a);
}
