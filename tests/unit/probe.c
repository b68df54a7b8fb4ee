/* SPDX-License-Identifier: BSD-2-Clause */
/* What `thru probe` makes of files, over a directory in the shape of sysfs and procfs. */
#include <hostfn/probe.h>

#include <errno.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static char root[] = "/tmp/thru-unit-probe-XXXXXX";
static struct probe p;

static void put(const char *path, const char *text)
{
	char whole[PATH_MAX];
	FILE *f;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	for (char *c = strchr(whole + strlen(root) + 1, '/'); c; c = strchr(c + 1, '/')) {
		*c = 0;
		mkdir(whole, 0755);
		*c = '/';
	}
	f = fopen(whole, "w");
	if (f) {
		fputs(text, f);
		fclose(f);
	}
}

static void link_to(const char *target, const char *path)
{
	char whole[PATH_MAX];

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	if (symlink(target, whole))
		return; /* it is there already */
}

static void take(const char *path)
{
	char whole[PATH_MAX];

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	unlink(whole);
}

static const struct probe_row *row(const char *key)
{
	for (unsigned i = 0; i < p.n; i++)
		if (!strcmp(p.rows[i].key, key))
			return &p.rows[i];
	return NULL;
}

#define CHECK_ROW(key, want, text)                                     \
	do {                                                           \
		CHECK(row(key));                                       \
		CHECK_EQ(row(key)->status, want);                      \
		CHECK(strstr(row(key)->value, text));                  \
		CHECK(want != PROBE_BAD || row(key)->mend[0] != '\0'); \
	} while (0)

#define FN "/sys/bus/pci/devices/0000:01:00.0"

static void bare_host(void)
{
	put("/sys/bus/pci/devices/.keep", "");
	put("/proc/interrupts", "  CPU0\n 0: 19 IO-APIC 2-edge timer\n");
	put("/proc/devices", "Character devices:\n  1 mem\n");
	put("/proc/cmdline", "root=/dev/sda pcie_acs_override=downstream\n");
	put("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "Y\n");
	put("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
	p.n = 0;
	probe_files(&p);
	CHECK_ROW("iommu", PROBE_BAD, "no PCI function");
	CHECK_ROW("iommu_width", PROBE_UNKNOWN, "");
	CHECK_ROW("isolated_msi", PROBE_BAD, "not remapped");
	CHECK_ROW("unsafe_interrupts", PROBE_BAD, "may forge");
	CHECK_ROW("acs_override", PROBE_BAD, "in force");
	CHECK_ROW("noiommu", PROBE_BAD, "without an IOMMU");
	CHECK_ROW("vfio_pci", PROBE_BAD, "no driver vfio-pci");
	CHECK_ROW("cdev", PROBE_UNKNOWN, "not loaded");
	CHECK_ROW("group", PROBE_NO, "no groups");
	CHECK_ROW("way", PROBE_UNKNOWN, "none");
	CHECK_ROW("hugepages", PROBE_NO, "none are reserved");
}

/* The bit counts in the first user namespace only; elsewhere the hard limit is what there is. */
static void check_memlock(void)
{
	struct rlimit limit = { KIB(64), MIB(128) };
	int status;

	put("/proc/self/ns/.keep", "");
	link_to("user:[4026532999]", "/proc/self/ns/user");
	if (!fork()) {
		p.n = 0;
		if (setrlimit(RLIMIT_MEMLOCK, &limit))
			_exit(0); /* an ordinary user, whose limit is lower */
		probe_files(&p);
		_exit(strcmp(row("memlock")->value, "131072 KiB: a guest's memory must be less"));
	}
	CHECK(wait(&status) > 0 && !status);
	take("/proc/self/ns/user");
	link_to("user:[4026531837]", "/proc/self/ns/user");
	p.n = 0;
	probe_files(&p);
	CHECK_ROW("memlock", PROBE_OK, "CAP_IPC_LOCK");
}

static void good_host(void)
{
	put("/proc/interrupts", "  CPU0\n 0: 19 IR-IO-APIC 2-edge timer\n");
	put("/proc/devices", "Character devices:\n246 vfio-dev\n247 vfio\n");
	put("/proc/cmdline", "root=/dev/sda\n");
	put("/proc/self/status", "Name: x\nCapEff:\t000001ffffffffff\n");
	put("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "N\n");
	put("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N\n");
	put("/sys/bus/pci/drivers/vfio-pci/bind", "");
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "512\n");
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "100\n");
	put("/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "0\n");
	put(FN "/vendor", "0x8086\n");
	put(FN "/device", "0x10d3\n");
	put(FN "/class", "0x020000\n");
	put(FN "/iommu/intel-iommu/cap", "d2008c222f0606\n");
	put("/sys/kernel/iommu_groups/7/devices/.keep", "");
	put("/sys/kernel/iommu_groups/7/reserved_regions",
	    "0x00000000fee00000 0x00000000feefffff msi\n0x1 0x2 direct\n");
	link_to("../../../bus/pci/devices/0000:01:00.0",
		"/sys/kernel/iommu_groups/7/devices/0000:01:00.0");
	link_to("../../../../kernel/iommu_groups/7", FN "/iommu_group");
	put("/dev/iommu", "");
	p.n = 0;
	probe_files(&p);
	CHECK_ROW("iommu", PROBE_OK, "1 of 1");
	CHECK_ROW("iommu_width", PROBE_OK, "48 bits");
	CHECK_ROW("isolated_msi", PROBE_OK, "remapped");
	CHECK_ROW("unsafe_interrupts", PROBE_OK, "not allowed");
	CHECK_ROW("acs_override", PROBE_OK, "none");
	CHECK(!row("noiommu"));
	CHECK_ROW("vfio_pci", PROBE_OK, "");
	CHECK_ROW("cdev", PROBE_OK, "/dev/vfio/devices");
	CHECK_ROW("group", PROBE_OK, "");
	CHECK_ROW("container", PROBE_NO, "no containers");
	CHECK_ROW("way", PROBE_OK, "cdev, iommufd");
	CHECK(!*row("way")->mend);
	CHECK_ROW("memlock", PROBE_OK, "CAP_IPC_LOCK");
	check_memlock();
	CHECK_ROW("page_size", PROBE_OK, " KiB: ");
	CHECK_ROW("hugepages", PROBE_OK, "100 of 512 of 2048kB");
	put(FN "/iommu/intel-iommu/cap", "9e2ff0505\n"); /* MGAW 2fh: 48 */
	put(FN "/iommu/intel-iommu/cap", "1e0000\n");    /* 31 bits */
	p.n = 0;
	probe_files(&p);
	CHECK_ROW("iommu_width", PROBE_BAD, "31 bits");
	put("/proc/devices", "Character devices:\n247 vfio\n");
	p.n = 0;
	probe_files(&p);
	CHECK_ROW("cdev", PROBE_NO, "no character devices");
	CHECK_ROW("way", PROBE_OK, "group, iommufd");
	CHECK(strstr(row("way")->mend, "CONFIG_VFIO_DEVICE_CDEV"));
	/* As Debian has it, and a kernel that has nothing. */
	put("/dev/vfio/vfio", "");
	take("/dev/iommu");
	p.n = 0;
	probe_files(&p);
	CHECK_ROW("cdev", PROBE_NO, "no character devices");
	CHECK_ROW("way", PROBE_OK, "group, type1");
	CHECK(strstr(row("way")->mend, "CONFIG_IOMMUFD"));
	put("/proc/devices", "Character devices:\n");
	p.n = 0;
	probe_files(&p);
	CHECK_ROW("cdev", PROBE_BAD, "no character devices");
	CHECK_ROW("way", PROBE_BAD, "none");
	take("/dev/vfio/vfio");
}

static void a_function(void)
{
	struct host_function fn;
	struct bdf bdf;

	CHECK(bdf_parse("0000:01:00.0", &bdf));
	CHECK_EQ(sysfs_function(bdf, &fn), 0);
	p.n = 0;
	probe_function_files(&p, &fn);
	CHECK_ROW("identity", PROBE_OK, "8086:10d3 class 020000");
	CHECK_ROW("iommu_group", PROBE_OK, "7 holds 0000:01:00.0");
	CHECK_ROW("reserved", PROBE_BAD, "msi;0x1 0x2 direct");
	CHECK_ROW("ready", PROBE_BAD, "it is used by the host's firmware");
	put("/sys/kernel/iommu_groups/7/reserved_regions",
	    "0x00000000fee00000 0x00000000feefffff msi\n0x1 0x2 direct-relaxable\n");
	p.n = 0;
	probe_function_files(&p, &fn);
	CHECK_ROW("reserved", PROBE_OK, "msi;0x1 0x2 direct-relaxable");
	CHECK_ROW("driver", PROBE_BAD, "none");
	CHECK(!strcmp(row("driver")->mend, "thru bind 0000:01:00.0"));
	CHECK_ROW("reset", PROBE_BAD, "none: pass it with reset=none");
	CHECK(strstr(row("reset")->mend, "--vfio 0000:01:00.0,reset=none"));
	CHECK_ROW("ready", PROBE_BAD, "it is not bound to vfio-pci");
	put(FN "/reset_method", "flr bus\n");
	link_to("../../drivers/vfio-pci", FN "/driver");
	CHECK_EQ(sysfs_function(bdf, &fn), 0);
	p.n = 0;
	probe_function_files(&p, &fn);
	CHECK_ROW("driver", PROBE_OK, "vfio-pci");
	CHECK_ROW("reset", PROBE_OK, "flr");
	CHECK_ROW("ready", PROBE_BAD, "has no VFIO file");
	fn.class = 0x060000;
	p.n = 0;
	probe_function_files(&p, &fn);
	CHECK_ROW("ready", PROBE_BAD, "bridge");
}

/* More rows than there is room for: the last is the one that is lost. */
static void many(void)
{
	p.n = 0;
	for (unsigned i = 0; i < 2 * PROBE_ROWS; i++)
		probe_add(&p, "key", PROBE_OK, "%u", i);
	probe_mend(&p, "%0500d", 1);
	CHECK_EQ(p.n, PROBE_ROWS);
	CHECK(!strcmp(p.rows[0].value, "0"));
}

static const struct test tests[] = { TEST(bare_host), TEST(good_host), TEST(a_function),
				     TEST(many) };

int main(void)
{
	char command[64];
	int r;

	if (!mkdtemp(root))
		return 1;
	sysfs_set_root(root);
	r = test_main(tests, ARRAY_SIZE(tests));
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command) ? 1 : r;
}
