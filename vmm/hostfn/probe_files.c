/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks that files answer: the IOMMU, settings that weaken it (hostsafe.h), limits, huge pages; and of a
 * function its group, driver, resets, users. Documentation/ABI/testing/sysfs-class-iommu,
 * sysfs-kernel-iommu_groups, sysfs-bus-pci; proc(5). Main thread.
 */
#include <hostfn/probe.h>

#include <hostfn/hostfn.h>
#include <hostfn/hostway.h>

#include <base/error.h>
#include <errno.h>
#include <host/memlock.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

void probe_add(struct probe *p, const char *key, enum probe_status status, const char *fmt, ...)
{
	struct probe_row *row = &p->rows[MIN(p->n, PROBE_ROWS - 1u)];
	va_list ap;

	*row = (struct probe_row){ .key = key, .status = status };
	va_start(ap, fmt);
	vsnprintf(row->value, sizeof(row->value), fmt, ap);
	va_end(ap);
	p->n = MIN(p->n + 1, (unsigned)PROBE_ROWS);
}

void probe_mend(struct probe *p, const char *fmt, ...)
{
	struct probe_row *row = &p->rows[p->n - 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(row->mend, sizeof(row->mend), fmt, ap);
	va_end(ap);
}

/* An attribute of a function, "" when it is not there. */
static const char *attribute(const char *bdf, const char *name, char *text, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf, name);
	sysfs_read(path, text, size);
	return text;
}

/* VT-d 4.1 §11.4.2: MGAW is bits 21:16 of the capability register, less one. 0: not VT-d. */
static unsigned iommu_width(const char *bdf)
{
	char text[32];

	attribute(bdf, "iommu/intel-iommu/cap", text, sizeof(text));
	return *text ? (unsigned)(strtoull(text, NULL, 16) >> 16 & 0x3f) + 1 : 0;
}

static void probe_iommu(struct probe *p)
{
	struct host_function *functions = NULL;
	unsigned n = 0, with = 0, width = 64, w;
	char name[BDF_TEXT];

	if (sysfs_functions(&functions, &n))
		error_clear();
	for (unsigned i = 0; i < n; i++) {
		with += functions[i].group >= 0;
		w = iommu_width(bdf_format(functions[i].bdf, name));
		width = w ? MIN(width, w) : width;
	}
	free(functions);
	if (with)
		probe_add(p, "iommu", PROBE_OK, "%u of %u PCI functions are behind one", with, n);
	else
		probe_add(p, "iommu", PROBE_BAD, "no PCI function is behind one");
	if (!with)
		probe_mend(p, "turn it on in the firmware (VT-d, AMD-Vi, SMMU) and on the kernel's "
			      "command line: intel_iommu=on or amd_iommu=on");
	if (width < 64)
		probe_add(p, "iommu_width", width < 36 ? PROBE_BAD : PROBE_OK, "%u bits", width);
	else
		probe_add(p, "iommu_width", PROBE_UNKNOWN, "not told by the driver");
	if (width < 36)
		probe_mend(p, "guests get little memory here: --mem below %llu GiB",
			   BIT64(width - 30));
	else if (width >= 64)
		probe_mend(p, "ask with a function that is bound: thru probe BDF");
}

static void probe_safety(struct probe *p)
{
	bool unsafe = sysfs_parameter("vfio_iommu_type1", "allow_unsafe_interrupts") ||
		      sysfs_parameter("iommufd", "allow_unsafe_interrupts");
	bool acs = sysfs_cmdline_has("pcie_acs_override");
	size_t room = MIB(2);
	char *text = malloc(room);

	if (!text || !sysfs_read("/proc/interrupts", text, room))
		probe_add(p, "isolated_msi", PROBE_UNKNOWN, "/proc/interrupts cannot be read");
	else if (strstr(text, "IR-") || strstr(text, "ITS-"))
		probe_add(p, "isolated_msi", PROBE_OK, "interrupts are remapped");
	else
		probe_add(p, "isolated_msi", PROBE_BAD,
			  "interrupts are not remapped: a device could forge the host's");
	if (p->rows[p->n - 1].status == PROBE_BAD)
		probe_mend(p, "turn on interrupt remapping in the firmware; no intremap=off on the "
			      "kernel's command line");
	free(text);
	probe_add(p, "unsafe_interrupts", unsafe ? PROBE_BAD : PROBE_OK, "%s",
		  unsafe ? "allowed: a device may forge interrupts" : "not allowed");
	if (unsafe)
		probe_mend(p, "echo N > /sys/module/vfio_iommu_type1/parameters/"
			      "allow_unsafe_interrupts; the same in module iommufd");
	probe_add(p, "acs_override", acs ? PROBE_BAD : PROBE_OK, "%s",
		  acs ? "in force: IOMMU groups do not tell the truth" : "none");
	if (acs)
		probe_mend(p, "take pcie_acs_override off the kernel's command line");
	if (sysfs_parameter("vfio", "enable_unsafe_noiommu_mode")) {
		probe_add(p, "noiommu", PROBE_BAD,
			  "allowed: devices without an IOMMU could be given");
		probe_mend(p, "echo N > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
	}
}

#define CONTAINER "/dev/vfio/vfio"

/* Each of the ways' parts is needed only where there is no better one. */
static void probe_way(struct probe *p, bool driver, bool cdev, bool group)
{
	bool iommufd = hostway_offered(VFIO_WAY_CDEV), container = hostway_offered(VFIO_WAY_GROUP);
	bool has_way = (cdev && iommufd) || (group && (iommufd || container));
	enum probe_status missing = has_way ? PROBE_NO : driver ? PROBE_BAD : PROBE_UNKNOWN;
	enum vfio_way way = cdev && iommufd    ? VFIO_WAY_CDEV
			    : group && iommufd ? VFIO_WAY_GROUP_IOMMUFD
					       : VFIO_WAY_GROUP;

	probe_add(p, "cdev", cdev ? PROBE_OK : missing, "%s",
		  cdev     ? "/dev/vfio/devices"
		  : driver ? "VFIO has no character devices"
			   : "VFIO is not loaded");
	if (!cdev)
		probe_mend(p, driver ? "a kernel with CONFIG_VFIO_DEVICE_CDEV"
				     : "modprobe vfio-pci, and ask again");
	probe_add(p, "group", group ? PROBE_OK : PROBE_NO, "%s",
		  group ? "/dev/vfio/GROUP" : "VFIO has no groups");
	if (!group)
		probe_mend(p, "a kernel with CONFIG_VFIO_GROUP, where there are no cdevs");
	probe_add(p, "container", container ? PROBE_OK : PROBE_NO, "%s",
		  container ? CONTAINER : "VFIO has no containers");
	if (!container)
		probe_mend(p, "a kernel with CONFIG_VFIO_CONTAINER, where there is no iommufd");
	if (!has_way) {
		probe_add(p, "way", missing, "there is none to a device");
		probe_mend(p, "a kernel with CONFIG_IOMMUFD and CONFIG_VFIO_DEVICE_CDEV, or with "
			      "CONFIG_VFIO_GROUP and CONFIG_VFIO_CONTAINER");
		return;
	}
	probe_add(p, "way", PROBE_OK, "%s", hostway_words(way));
	if (*hostway_lacks(way))
		probe_mend(p, "for a better one %s", hostway_lacks(way));
}

static void probe_vfio(struct probe *p)
{
	char text[8192] = "";
	bool driver = sysfs_read("/sys/bus/pci/drivers/vfio-pci/uevent", text, sizeof(text)) ||
		      sysfs_exists("/sys/bus/pci/drivers/vfio-pci");

	probe_add(p, "vfio_pci", driver ? PROBE_OK : PROBE_BAD, "%s",
		  driver ? "the driver is there" : "the kernel has no driver vfio-pci");
	if (!driver)
		probe_mend(p, "modprobe vfio-pci (kernel option CONFIG_VFIO_PCI)");
	text[0] = 0;
	if (!sysfs_read("/proc/devices", text, sizeof(text))) {
		probe_add(p, "cdev", PROBE_UNKNOWN, "/proc/devices cannot be read");
		return;
	}
	probe_way(p, driver, strstr(text, " vfio-dev\n"), strstr(text, " vfio\n"));
}

static void probe_memory(struct probe *p)
{
	/* The pools of hosts with pages of 4, 16 and 64 KiB. */
	static const char *const sizes[] = { "64kB",     "2048kB",    "32768kB",
					     "524288kB", "1048576kB", "16777216kB" };
	char path[96], text[32];
	unsigned long long all, unused;
	struct rlimit limit;
	bool any = false;

	/* The hard limit: thru run raises the soft one to it. */
	if (memlock_is_void())
		probe_add(p, "memlock", PROBE_OK, "unlimited (CAP_IPC_LOCK)");
	else if (getrlimit(RLIMIT_MEMLOCK, &limit))
		probe_add(p, "memlock", PROBE_UNKNOWN, "%s", strerror(errno));
	else if (limit.rlim_max == RLIM_INFINITY)
		probe_add(p, "memlock", PROBE_OK, "unlimited");
	else {
		probe_add(p, "memlock", limit.rlim_max < MIB(64) ? PROBE_BAD : PROBE_OK,
			  "%llu KiB: a guest's memory must be less",
			  (unsigned long long)limit.rlim_max >> 10);
		probe_mend(p, "raise memlock in /etc/security/limits.conf, or use thru open "
			      "--memlock");
	}
	probe_add(p, "page_size", PROBE_OK,
		  "%ld KiB: smaller BARs are trapped, and what shares a page with an MSI-X table",
		  sysconf(_SC_PAGESIZE) >> 10);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%s/nr_hugepages",
			 sizes[i]);
		if (!sysfs_read(path, text, sizeof(text)))
			continue;
		all = strtoull(text, NULL, 10);
		snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%s/free_hugepages",
			 sizes[i]);
		unused = sysfs_read(path, text, sizeof(text)) ? strtoull(text, NULL, 10) : 0;
		if (!all)
			continue;
		probe_add(p, "hugepages", PROBE_OK, "%llu of %llu of %s are free", unused, all,
			  sizes[i]);
		any = true;
	}
	if (!any) {
		probe_add(p, "hugepages", PROBE_NO, "none are reserved");
		probe_mend(p, "sysctl vm.nr_hugepages=N, where guests shall use them");
	}
}

void probe_files(struct probe *p)
{
	probe_iommu(p);
	probe_safety(p);
	probe_vfio(p);
	probe_memory(p);
}

/* Of a function. */

static void probe_group(struct probe *p, const struct host_function *fn)
{
	char path[96], text[1024], list[160] = "";
	struct group_member *members = NULL;
	unsigned n = 0;
	size_t used = 0;
	bool direct = sysfs_group_reserves(fn->group, "direct");

	if (fn->group < 0)
		return;
	if (sysfs_group(fn->group, &members, &n))
		error_clear();
	for (unsigned i = 0; i < n && used < sizeof(list) - sizeof(members->name); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, " %s", members[i].name);
	free(members);
	probe_add(p, "iommu_group", PROBE_OK, "%d holds%s", fn->group, list);
	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/reserved_regions", fn->group);
	if (!sysfs_read(path, text, sizeof(text)))
		return;
	for (char *c = text; *c; c++)
		if (*c == '\n')
			*c = c[1] ? ';' : 0;
	probe_add(p, "reserved", direct ? PROBE_BAD : PROBE_OK, "%.250s", *text ? text : "none");
	if (direct)
		probe_mend(p, "none: `direct` is the firmware's, and no guest can have its device; "
			      "choose another, or turn that use off in the firmware");
}

static void probe_resets(struct probe *p, const struct host_function *fn, bool *ret_none)
{
	struct hostfn_reset reset;

	hostfn_reset(fn, &reset);
	probe_add(p, "reset", *reset.mend && !*reset.otherwise ? PROBE_BAD : PROBE_OK, "%.250s",
		  reset.words);
	if (*reset.mend)
		probe_mend(p, "%s", reset.mend);
	*ret_none = !*reset.how;
	hostfn_reset_free(&reset);
}

void probe_function_files(struct probe *p, const struct host_function *fn)
{
	char name[BDF_TEXT], text[64], why[HOSTFN_WHY];
	unsigned width;
	bool no_reset;

	bdf_format(fn->bdf, name);
	probe_add(p, "identity", PROBE_OK, "%04x:%04x class %06x", fn->vendor, fn->device,
		  fn->class);
	if (fn->group < 0) {
		probe_add(p, "iommu_group", PROBE_BAD, "none: no IOMMU is in front of it");
		probe_mend(p, "turn the IOMMU on, see: thru probe");
	}
	probe_group(p, fn);
	width = iommu_width(name);
	if (width)
		probe_add(p, "iommu_width", PROBE_OK, "%u bits", width);
	if (hostfn_is_bridge(fn)) {
		probe_add(p, "ready", PROBE_BAD, "a bridge: it stays with the host");
		probe_mend(p, "choose a function behind it");
		return;
	}
	if (!*fn->driver) {
		probe_add(p, "driver", PROBE_BAD, "none");
		probe_mend(p, "thru bind %s", name);
	} else if (!hostfn_is_vfio(fn)) {
		probe_add(p, "driver", PROBE_BAD, "%s", fn->driver);
		probe_mend(p, "thru bind %s", name);
	} else {
		probe_add(p, "driver", PROBE_OK, "%s", fn->driver);
	}
	probe_add(p, "cdev", *fn->cdev ? PROBE_OK : PROBE_UNKNOWN, "%s",
		  *fn->cdev ? fn->cdev : "comes with the driver");
	probe_resets(p, fn, &no_reset);
	attribute(name, "power_state", text, sizeof(text));
	if (*text)
		probe_add(p, "power", PROBE_OK, "%.*s", (int)strcspn(text, "\n"), text);
	attribute(name, "physfn/vendor", text, sizeof(text));
	probe_add(p, "virtual_function", PROBE_OK, "%s", *text ? "yes" : "no");
	if (hostfn_ready(fn, why, sizeof(why))) {
		probe_add(p, "ready", PROBE_BAD, "it %.*s", (int)MIN(strcspn(why, ";"), 200ul),
			  why);
		probe_mend(p, "%s", strstr(why, "run: ") ? strstr(why, "run: ") + 5 : why);
		return;
	}
	probe_add(p, "ready", PROBE_OK, "thru run --vfio %s%s takes it", name,
		  no_reset ? ",reset=none" : "");
}
