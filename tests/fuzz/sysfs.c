/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host's sysfs of two functions in one IOMMU group, whose files have any bytes and whose links lead to any names.
 * What thru makes of it fits its places, and what it refuses has a reason. Bytes: records of a file (which, a length,
 * what is in it).
 *
 * Fuzzes: vmm/host/sysfs.c vmm/host/sysfs_file.c vmm/host/sysfs_list.c vmm/host/sysfs_cdev.c vmm/host/sysfs_mdev.c vmm/host/bdf.c vmm/host/iomem.c vmm/hostfn/hostfn.c vmm/hostfn/hostfn_reset.c vmm/hostfn/hostsafe.c
 */
#include "fuzz.h"

#include "fake-sysfs.h"

#include <base/fd.h>
#include <host/iomem.h>
#include <host/sysfs.h>
#include <hostfn/hostfn.h>
#include <hostfn/hostsafe.h>
#include <sys/stat.h>

#define UUID "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"

static const struct bdf first = { .bus = 1 }, second = { .bus = 1, .function = 1 };

/* Of the first function, below its folder, or below the root; `link`: its last component is the bytes. */
static const struct {
	const char *path;
	const char *link;
} places[] = {
	{ "vendor", NULL },
	{ "device", NULL },
	{ "class", NULL },
	{ "driver_override", NULL },
	{ "reset_method", NULL },
	{ "config", NULL },
	{ "reset", NULL },
	{ "modalias", NULL },
	{ "resource", NULL },
	{ "vfio-dev/vfio0/dev", NULL },
	{ "sriov_numvfs", NULL },
	{ "driver", "../../../bus/pci/drivers/" },
	{ "physfn", "../" },
	{ "iommu_group", "../../../kernel/iommu_groups/" },
	{ "vfio-dev/vfio1/dev", NULL },
	{ "/sys/kernel/iommu_groups/7/reserved_regions", NULL },
	{ "/sys/kernel/iommu_groups/7/type", NULL },
	{ "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", NULL },
	{ "/proc/cmdline", NULL },
	{ "/proc/iomem", NULL },
	{ "/sys/dev/char/240:0/device", "../../../" },
	{ "/sys/dev/char/240:1/uevent", NULL },
	{ "/sys/bus/mdev/devices/" UUID "/mdev_type", "../" },
	{ "/sys/bus/mdev/devices/" UUID "/iommu_group", "../" },
};

static char *whole(const char *path)
{
	return *path == '/' ? path_of("%s", path + 1)
			    : path_of("sys/bus/pci/devices/0000:01:00.0/%s", path);
}

static void put_record(struct input *in)
{
	unsigned i = take8(in) % ARRAY_SIZE(places);
	char target[600], name[256];
	size_t n = take8(in), got;
	const uint8_t *bytes = take(in, n, &got);
	char *path = whole(places[i].path);

	make_parents(path);
	if (!places[i].link) {
		unlink(path);
		put(path, (const char *)bytes, got);
		return;
	}
	/* A name, and no way out of the tree. */
	for (n = 0; n < got && n + 1 < sizeof(name) && bytes[n]; n++)
		name[n] = bytes[n] == '/' ? '_' : (char)bytes[n];
	name[n] = 0;
	snprintf(target, sizeof(target), "%s%s", places[i].link, name);
	remove(path);
	if (symlink(target, path) && *name)
		return;
}

static void check_text(const char *text, size_t size)
{
	MUST(strnlen(text, size) < size);
}

static void check_function(struct bdf bdf)
{
	char why[HOSTFN_WHY], module[64], driver[32];
	struct hostfn_reset reset;
	struct host_function fn;
	int r = sysfs_function(bdf, &fn);

	MUST(fuzz_told(r));
	if (r)
		return;
	check_text(fn.driver, sizeof(fn.driver));
	check_text(fn.driver_override, sizeof(fn.driver_override));
	check_text(fn.cdev, sizeof(fn.cdev));
	check_text(fn.reset, sizeof(fn.reset));
	MUST(fn.group >= -1 && fn.class <= 0xffffff);
	r = hostfn_ready(&fn, why, sizeof(why));
	check_text(why, sizeof(why));
	MUST(!r || *why);
	hostfn_reset(&fn, &reset);
	check_text(reset.how, sizeof(reset.how));
	check_text(reset.words, sizeof(reset.words));
	check_text(reset.mend, sizeof(reset.mend));
	MUST(hostfn_takes(&fn, &reset, why, sizeof(why)) <= 0);
	MUST(hostfn_possible(&fn, why, sizeof(why)) <= 0);
	check_text(why, sizeof(why));
	hostfn_reset_free(&reset);
	error_clear();
	sysfs_variant(bdf, module, driver);
	check_text(module, sizeof(module));
	error_clear();
}

static void check_lists(void)
{
	struct host_function *all;
	struct group_member *members;
	struct bdf *below;
	unsigned n;

	if (!sysfs_functions(&all, &n)) {
		for (unsigned i = 1; i < n; i++)
			MUST(bdf_compare(&all[i - 1].bdf, &all[i].bdf) < 0);
		free(all);
	}
	error_clear();
	if (!sysfs_group(7, &members, &n)) {
		for (unsigned i = 0; i < n; i++)
			check_text(members[i].name, sizeof(members[i].name));
		free(members);
	}
	error_clear();
	if (!sysfs_below_bridge(first, &below, &n))
		free(below);
	if (!sysfs_mdevs(&all, &n))
		free(all);
	error_clear();
}

static void check_rest(void)
{
	struct host_function mdev;
	char who[64];
	struct bdf bdf;
	bool noiommu;
	int group;

	sysfs_vfs(first);
	sysfs_physfn(first, &bdf);
	{
		_cleanup_fd_ int config = sysfs_open_config(first);

		sysfs_is_dead(config);
	}
	sysfs_can_wake(first);
	sysfs_cdev_function(240, 0, &bdf);
	sysfs_cdev_group(240, 1, &group, &noiommu);
	sysfs_cdev_noiommu(240, 0);
	sysfs_cdev_can_wake(240, 0);
	sysfs_group_reserves(7, "direct");
	sysfs_parameter("vfio_iommu_type1", "allow_unsafe_interrupts");
	sysfs_cmdline_has("pcie_acs_override");
	iomem_holder("0000:01:00.0", 0, who, sizeof(who));
	check_text(who, sizeof(who));
	MUST(fuzz_told(sysfs_mdev(UUID, &mdev)));
	MUST(fuzz_told(hostsafe_check(0)));
}

static void fuzz(struct input *in)
{
	static bool made;

	/* In memory where that can be; either name is as long as the tree's. */
	if (!made && !mkdtemp(strcpy(tree, "/dev/shm/sysfs-1XXXXXX")) &&
	    !mkdtemp(strcpy(tree, "/tmp/thru-sysfs-XXXXXX")))
		abort();
	made = true;
	sysfs_set_root(tree);
	clear_tree();
	put_function("0000:01:00.0", "vfio-pci", 7, 0x80);
	put_function("0000:01:00.1", "e1000e", 7, 0x80);
	while (in->n)
		put_record(in);
	check_function(first);
	check_function(second);
	check_lists();
	check_rest();
	remove_tree();
}
