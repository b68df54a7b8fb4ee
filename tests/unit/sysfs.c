/* SPDX-License-Identifier: BSD-2-Clause */
/* sysfs as a tree of files: what is read from it, and what it takes for a refusal. */
#include <host/holder.h>

#include <hostfn/hostsafe.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fake-sysfs.h"
#include "test.h"

#include <base/fd.h>

static void bdf_text(void)
{
	static const char *const wrong[] = {
		"",
		"0",
		"0000:00:02",
		"0000:00:02.8",
		"0000:00:20.0",
		"0000:00:02.0 ",
		"000:00:02.0",
		"00000:00:02.0",
		"0000:00:02.00",
		"0000-00:02.0",
		"g000:00:02.0",
		"00:02,0",
		"0000:0:02.0",
		"-000:00:02.0",
		"0x00:00:02.0",
		"010000:e1:00.0", /* the kernel prints no zeros before more than four digits */
		"100000000:00:02.0",
		":00:02.0",
		"10000:00:02",
		"10000:00:02.0:",
	};
	char text[BDF_TEXT];
	struct bdf bdf, other;

	CHECK(bdf_parse("abcd:EF:1f.7", &bdf));
	CHECK(bdf.domain == 0xabcd && bdf.bus == 0xef && bdf.device == 0x1f && bdf.function == 7);
	CHECK(!strcmp(bdf_format(bdf, text), "abcd:ef:1f.7"));
	CHECK(bdf_parse("00:02.0", &bdf));
	CHECK(!strcmp(bdf_format(bdf, text), "0000:00:02.0"));
	/* Domains have 32 bits: Intel's VMD begins at 10000h. */
	CHECK(bdf_parse("10000:e1:00.0", &bdf));
	CHECK_EQ(bdf.domain, 0x10000);
	CHECK_EQ(bdf.bus, 0xe1);
	CHECK(!strcmp(bdf_format(bdf, text), "10000:e1:00.0"));
	CHECK(bdf_parse("ffffffff:ff:1f.7", &other));
	CHECK(!strcmp(bdf_format(other, text), "ffffffff:ff:1f.7"));
	CHECK(bdf_compare(&bdf, &other) < 0);
	CHECK(bdf_parse("2000:00:00.0", &other)); /* less, though its text sorts after */
	CHECK(bdf_compare(&bdf, &other) > 0);
	CHECK(!bdf_compare(&bdf, &bdf));
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
		CHECK(!bdf_parse(wrong[i], &bdf));
}

static void function(void)
{
	struct bdf bdf = { .device = 2 };
	struct host_function fn;

	clear_tree();
	put_function("0000:00:02.0", "e1000e", 7, 0x80);
	CHECK(!sysfs_function(bdf, &fn));
	CHECK_EQ(fn.vendor, 0x8086);
	CHECK_EQ(fn.device, 0x10d3);
	CHECK_EQ(fn.class, 0x020000);
	CHECK_EQ(fn.group, 7);
	CHECK(!strcmp(fn.driver, "e1000e"));
	CHECK(!strcmp(fn.driver_override, ""));
	CHECK(!strcmp(fn.reset, "flr bus pm"));
	CHECK(!strcmp(fn.cdev, "") && !fn.has_vfio_dev);
	CHECK(!fn.is_bridge);
	put_text("0000:00:02.0", "driver_override", "vfio-pci\n");
	put_text("0000:00:02.0", "vfio-dev/vfio3/dev", "511:3\n");
	CHECK(!sysfs_function(bdf, &fn));
	CHECK(!strcmp(fn.driver_override, "vfio-pci"));
	CHECK(!strcmp(fn.cdev, "vfio3") && fn.has_vfio_dev);
	CHECK(fn.cdev_major == 511 && fn.cdev_minor == 3);
	bdf.device = 9;
	CHECK_EQ(sysfs_function(bdf, &fn), -ENODEV);
	CHECK_ERROR("0000:00:09.0: no such PCI function");
}

/* Attributes that are not there, as on a machine without IOMMU or while a function goes away. */
static void bare_function(void)
{
	struct bdf bdf = { .device = 3 };
	struct host_function fn;

	clear_tree();
	put_text("0000:00:03.0", "vendor", "0x1af4\n");
	CHECK(!sysfs_function(bdf, &fn));
	CHECK_EQ(fn.vendor, 0x1af4);
	CHECK(fn.group == -1);
	CHECK(!*fn.driver && !*fn.driver_override && !*fn.cdev && !*fn.reset);
	CHECK(!fn.is_bridge);
}

static void functions_and_groups(void)
{
	struct host_function *functions;
	char text[BDF_TEXT];
	struct group_member *members;
	unsigned n;

	clear_tree();
	put_function("10000:e1:00.0", "nvme", 9, 0);
	put_function("0001:00:00.0", "", 9, 0);
	put_function("0000:01:00.0", "nvme", 7, 0);
	put_function("0000:00:1c.0", "pcieport", 7, 1);
	put_function("0000:00:02.0", "e1000e", -1, 0);
	mkdir(path_of("sys/bus/pci/devices/0000:00:05.0"), 0755); /* went away during the scan */
	put_text("not-a-function", "vendor", "0x0\n");
	CHECK(!sysfs_functions(&functions, &n));
	CHECK_EQ(n, 5);
	CHECK(!strcmp(bdf_format(functions[4].bdf, text), "10000:e1:00.0"));
	CHECK_EQ(functions[4].group, 9);
	CHECK(!strcmp(bdf_format(functions[0].bdf, text), "0000:00:02.0"));
	CHECK(!strcmp(bdf_format(functions[1].bdf, text), "0000:00:1c.0"));
	CHECK(functions[1].is_bridge);
	CHECK(!strcmp(bdf_format(functions[3].bdf, text), "0001:00:00.0"));
	free(functions);
	CHECK(!sysfs_group(7, &members, &n));
	CHECK_EQ(n, 2);
	CHECK(!strcmp(members[0].name, "0000:00:1c.0"));
	CHECK(!strcmp(bdf_format(members[0].bdf, text), "0000:00:1c.0"));
	free(members);
	/* What is no PCI function is a member all the same. */
	put_member(9, "fe800000.gpu", "panfrost");
	CHECK(!sysfs_group(9, &members, &n));
	CHECK_EQ(n, 3);
	CHECK(members[0].is_function && !strcmp(members[1].name, "10000:e1:00.0"));
	CHECK(!members[2].is_function && !strcmp(members[2].name, "fe800000.gpu"));
	CHECK(!strcmp(members[2].driver, "panfrost"));
	free(members);
	CHECK_EQ(sysfs_group(8, &members, &n), -ENOENT);
	CHECK_ERROR("IOMMU group 8");
	clear_tree();
	CHECK_EQ(sysfs_functions(&functions, &n), -ENOENT);
	CHECK_ERROR("is sysfs mounted");
}

static void reserved(void)
{
	const char *path = "sys/kernel/iommu_groups/4/reserved_regions";
	static const char relaxable[] =
		"0x1000 0x1fff direct-relaxable\n0xfee00000 0xfeefffff msi\n";
	static const char direct[] = "0xfee00000 0xfeefffff msi\n0x1000 0x1fff direct\n";

	clear_tree();
	CHECK(!sysfs_group_reserves(4, "direct"));
	put(path_of("%s", path), relaxable, strlen(relaxable));
	CHECK(!sysfs_group_reserves(4, "direct"));
	CHECK(sysfs_group_reserves(4, "msi"));
	put(path_of("%s", path), direct, strlen(direct));
	CHECK(sysfs_group_reserves(4, "direct"));
}

static void virtual_functions(void)
{
	struct bdf pf = { .bus = 1 }, vf = { .bus = 1, .device = 0x10 }, got;

	clear_tree();
	put_function("0000:01:00.0", "igb", 7, 0);
	put_function("0000:01:10.0", "", 8, 0);
	CHECK_EQ(sysfs_vfs(pf), 0);
	CHECK(!sysfs_physfn(vf, &got));
	put_text("0000:01:00.0", "sriov_numvfs", "7\n");
	put_link("0000:01:10.0", "physfn", "../0000:01:00.0");
	CHECK_EQ(sysfs_vfs(pf), 7);
	CHECK(sysfs_physfn(vf, &got) && !bdf_compare(&got, &pf));
}

/* Who has a device is found by its number, whatever the node is called and wherever it lies. */
static void holders(void)
{
	static const char target[] = "anon_inode:[vfio-device]";
	struct holder_node nodes[] = { { S_IFCHR, makedev(1, 7) }, { S_IFCHR, makedev(1, 8) } };
	struct host_function fn = { .bdf = { .bus = 1 }, .group = 7 };
	unsigned which = 9;

	clear_tree();
	CHECK_EQ(holder_of(nodes, 2, &which), 0);
	put_process(41, "fd/3", path_of("some file"));
	put(path_of("some file"), "", 0);
	put(path_of("dev/full"), "", 0); /* somebody's file of that name */
	put_process(42, "fd/4", path_of("dev/full"));
	CHECK_EQ(holder_of(nodes, 2, &which), 0);
	CHECK_EQ(which, 9);
	put_process(43, "fd/5", "/dev/random"); /* 1:8, by another name than VFIO's */
	CHECK_EQ(holder_of(nodes, 2, &which), 43);
	CHECK_EQ(which, 1);
	CHECK_EQ(holder_of(nodes, 1, NULL), 0);
	nodes[0].type = S_IFBLK;
	CHECK_EQ(holder_of(nodes, 1, NULL), 0);
	put_process(44, "map_files/7f00-7f01", "/dev/full"); /* closed, and mapped still */
	nodes[0].type = S_IFCHR;
	CHECK_EQ(holder_of(nodes, 1, NULL), 44);
	/* Not ourselves. */
	clear_tree();
	put_process(getpid(), "fd/3", "/dev/full");
	CHECK_EQ(holder_of(nodes, 1, NULL), 0);
	/* By its cdev, its group, and a file that the group gave. */
	put_below("0000:00:1c.0", "0000:01:00.0");
	put_process(45, "fd/5", "/dev/full");
	CHECK_EQ(holder_of_function(&fn), 0);
	strcpy(fn.cdev, "vfio0");
	fn.cdev_major = 1;
	fn.cdev_minor = 7;
	CHECK_EQ(holder_of_function(&fn), 45);
	fn.cdev[0] = 0;
	put(path_of("sys/class/vfio/7/dev"), "1:7\n", 4);
	CHECK_EQ(holder_of_function(&fn), 45);
	put(path_of("sys/class/vfio/7/dev"), "1:99\n", 5);
	CHECK_EQ(holder_of_function(&fn), 0);
	put_process(46, "fd/6", target);
	put_fdinfo(
		46, 6,
		"pos:\t0\nvfio-device-syspath: /sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.1\n");
	CHECK_EQ(holder_of_function(&fn), 0);
	put_fdinfo(
		46, 6,
		"pos:\t0\nvfio-device-syspath: /sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0\n");
	CHECK_EQ(holder_of_function(&fn), 46);
}

static void function_of_a_cdev(void)
{
	struct bdf bdf = { .bus = 0xff };
	char *path;

	clear_tree();
	path = path_of("sys/dev/char/511:3/device");
	make_parents(path);
	CHECK(!symlink("../../../0000:41:00.1", path));
	CHECK(sysfs_cdev_function(511, 3, &bdf));
	CHECK_EQ(bdf.bus, 0x41);
	CHECK_EQ(bdf.function, 1);
	path = path_of("sys/dev/char/511:4/device"); /* a mediated device */
	make_parents(path);
	CHECK(!symlink("../../../83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", path));
	CHECK(!sysfs_cdev_function(511, 4, &bdf));
	CHECK(!sysfs_cdev_function(1, 3, &bdf));
}

static void below_a_bridge(void)
{
	struct bdf bdf = { .bus = 1 }, *list = NULL;
	unsigned n = 9;

	clear_tree();
	put_function("0000:01:00.0", "", 1, 0);
	CHECK_EQ(sysfs_below_bridge(bdf, &list, &n), -ENODEV); /* a root bus */
	clear_tree();
	put_below("0000:00:1c.0", "0000:01:00.0");
	put_function("0000:01:00.0", "", 1, 0);
	CHECK_EQ(sysfs_below_bridge(bdf, &list, &n), 0);
	CHECK_EQ(n, 0);
	free(list);
	put_below("0000:00:1c.0", "0000:01:00.1");
	put_below("0000:00:1c.0/0000:01:00.1", "0000:02:00.0"); /* a bus below that */
	put_below("0000:00:1d.0", "0000:03:00.0");
	CHECK_EQ(sysfs_below_bridge(bdf, &list, &n), 0);
	CHECK_EQ(n, 2);
	CHECK_EQ(list[0].function, 1);
	CHECK_EQ(list[1].bus, 2);
	free(list);
	CHECK_EQ(sysfs_below_bridge((struct bdf){ .bus = 9 }, &list, &n), -ENODEV);
}

/* What does not answer reads as all-ones; what cannot be read is not called dead. */
static void dead(void)
{
	const struct bdf bdf = { .bus = 1 };
	const char *device = "sys/bus/pci/devices/0000:01:00.0";
	uint8_t config[64] = { 0x86, 0x80 };
	_cleanup_fd_ int fd = -1;

	clear_tree();
	CHECK_EQ(sysfs_open_config(bdf), -1);
	CHECK(!sysfs_is_dead(-1));
	put(path_of("%s/config", device), (char *)config, sizeof(config));
	fd = sysfs_open_config(bdf);
	CHECK(fd >= 0 && !sysfs_is_dead(fd));
	memset(config, 0xff, 4); /* a virtual function has no identifiers of its own */
	put(path_of("%s/config", device), (char *)config, sizeof(config));
	CHECK(!sysfs_is_dead(fd));
	memset(config, 0xff, sizeof(config));
	put(path_of("%s/config", device), (char *)config, sizeof(config));
	CHECK(sysfs_is_dead(fd));
	put(path_of("%s/config", device), (char *)config, 7);
	CHECK(!sysfs_is_dead(fd));
	CHECK_EQ(sysfs_open_config((struct bdf){ .bus = 9 }), -1);
}

/* PME is told by a file for everybody, or by configuration space for those who may read it all. */
static void can_wake(void)
{
	uint8_t config[256] = { [0x06] = 0x10, [0x34] = 0x40, [0x40] = 9, 0xc8, [0xc8] = 1, 0,
				0x23,          0x40 };
	const char *device = "sys/dev/char/511:3/device";

	clear_tree();
	CHECK(!sysfs_cdev_can_wake(511, 3));
	put(path_of("%s/config", device), (char *)config, sizeof(config));
	CHECK(sysfs_cdev_can_wake(511, 3));
	config[0xcb] = 0x38; /* from D0 to D2 */
	put(path_of("%s/config", device), (char *)config, sizeof(config));
	CHECK(!sysfs_cdev_can_wake(511, 3));
	config[0xc9] = 0x40; /* a circle, of something else */
	config[0xc8] = 5;
	put(path_of("%s/config", device), (char *)config, sizeof(config));
	CHECK(!sysfs_cdev_can_wake(511, 3));
	put(path_of("%s/config", device), (char *)config, 64); /* what everybody sees */
	CHECK(!sysfs_cdev_can_wake(511, 3));
	put(path_of("%s/power/wakeup", device), "disabled\n", 9);
	CHECK(sysfs_cdev_can_wake(511, 3));
	/* The same by its address. */
	put_function("0000:00:02.0", "vfio-pci", 1, 0);
	CHECK(!sysfs_can_wake((struct bdf){ .device = 2 }));
	put_text("0000:00:02.0", "power/wakeup", "disabled\n");
	CHECK(sysfs_can_wake((struct bdf){ .device = 2 }));
}

static void put_file(const char *name, const char *text)
{
	put(path_of("%s", name), text, strlen(text));
}

static void parameters(void)
{
	clear_tree();
	CHECK(!sysfs_parameter("iommufd", "allow_unsafe_interrupts"));
	put_file("sys/module/iommufd/parameters/allow_unsafe_interrupts", "N\n");
	CHECK(!sysfs_parameter("iommufd", "allow_unsafe_interrupts"));
	put_file("sys/module/iommufd/parameters/allow_unsafe_interrupts", "Y\n");
	CHECK(sysfs_parameter("iommufd", "allow_unsafe_interrupts"));
	CHECK(!sysfs_cmdline_has("quiet"));
	put_file("proc/cmdline", "quiet xpcie_acs_override=1 pcie_acs_override_not last=\n");
	CHECK(sysfs_cmdline_has("quiet"));
	CHECK(sysfs_cmdline_has("last"));
	CHECK(!sysfs_cmdline_has("pcie_acs_override"));
	put_file("proc/cmdline", "quiet pcie_acs_override=downstream\n");
	CHECK(sysfs_cmdline_has("pcie_acs_override"));
}

static void host_is_safe(void)
{
	clear_tree();
	CHECK(!hostsafe_check(0));
	put_file("sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "Y\n");
	CHECK_EQ(hostsafe_check(HOSTSAFE_ACS_OVERRIDE), -EPERM);
	CHECK_ERROR("echo 0 > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts");
	CHECK(!hostsafe_check(HOSTSAFE_UNSAFE_INTERRUPTS));
	put_file("proc/cmdline", "pcie_acs_override=downstream\n");
	CHECK_EQ(hostsafe_check(HOSTSAFE_UNSAFE_INTERRUPTS), -EPERM);
	CHECK_ERROR("--allow acs-override");
	CHECK(!hostsafe_check(HOSTSAFE_UNSAFE_INTERRUPTS | HOSTSAFE_ACS_OVERRIDE));
}

static void cdev_open(void)
{
	struct host_function fn = { .bdf = { .device = 2 } };
	char *path;
	int fd = -1;

	clear_tree();
	CHECK_EQ(sysfs_cdev_open(&fn, &fd), -ENODEV);
	CHECK_ERROR("thru bind 0000:00:02.0");
	strcpy(fn.cdev, "vfio0");
	fn.cdev_major = 1; /* /dev/null stands in */
	fn.cdev_minor = 3;
	CHECK_EQ(sysfs_cdev_open(&fn, &fd), -ENOENT);
	CHECK_ERROR("does not exist");
	path = path_of("dev/vfio/devices/vfio0");
	make_parents(path);
	CHECK(!symlink("/dev/null", path));
	CHECK(!sysfs_cdev_open(&fn, &fd));
	CHECK(fd >= 0);
	close(fd);
	fn.cdev_minor = 5; /* a stale node, of another device */
	fd = -1;
	CHECK_EQ(sysfs_cdev_open(&fn, &fd), -ENXIO);
	CHECK_EQ(fd, (uint64_t)-1);
	CHECK_ERROR("is not the device 1:5");
	unlink(path);
	put(path, "", 0);
	CHECK_EQ(sysfs_cdev_open(&fn, &fd), -ENXIO);
	CHECK_ERROR("stale");
}

static void bind_refused(void)
{
	struct bdf bdf = { .device = 2 };

	clear_tree();
	CHECK_EQ(sysfs_bind(bdf, "vfio-pci"), -ENODEV);
	CHECK_ERROR("no such PCI function");
	put_function("0000:00:02.0", "", 7, 0);
	CHECK_EQ(sysfs_bind(bdf, "vfio-pci"), -ENOENT);
	CHECK_EQ(error_status(), STATUS_HOST);
	CHECK_ERROR("modprobe vfio-pci");
	CHECK(file_is(path_of("sys/bus/pci/devices/0000:00:02.0/driver_override"), "(null)\n"));
	CHECK_EQ(sysfs_bind(bdf, "other"), -ENOENT);
	CHECK_ERROR("no driver other");
	/* A kernel whose probe comes to nothing: said, and the override does not stay behind. */
	put(path_of("sys/bus/pci/drivers/vfio-pci/bind"), "", 0);
	put(path_of("sys/bus/pci/drivers_probe"), "", 0);
	put_text("0000:00:02.0", "driver_override", "");
	CHECK_EQ(sysfs_bind(bdf, "vfio-pci"), -ENODEV);
	CHECK_ERROR("vfio-pci did not take it");
	CHECK(file_is(path_of("sys/bus/pci/devices/0000:00:02.0/driver_override"), "\nfio-pci"));
	CHECK(file_is(path_of("sys/bus/pci/drivers_probe"), "0000:00:02.0"));
}

static void bind_done_already(void)
{
	struct bdf bdf = { .device = 2 };

	clear_tree();
	put_function("0000:00:02.0", "vfio-pci", 7, 0);
	put_text("0000:00:02.0", "driver_override", "vfio-pci\n");
	CHECK(!sysfs_bind(bdf, "vfio-pci"));
	CHECK(file_is(path_of("sys/bus/pci/devices/0000:00:02.0/driver_override"), "vfio-pci\n"));
}

static void unbind(void)
{
	struct bdf bdf = { .device = 2 };

	clear_tree();
	put_function("0000:00:02.0", "", 7, 0);
	CHECK(!sysfs_unbind(bdf));
	put(path_of("sys/bus/pci/drivers/e1000e/unbind"), "", 0);
	put_link("0000:00:02.0", "driver", "../../drivers/e1000e");
	CHECK(!sysfs_unbind(bdf));
	CHECK(file_is(path_of("sys/bus/pci/drivers/e1000e/unbind"), "0000:00:02.0"));
}

static void unbind_no_permission(void)
{
	struct bdf bdf = { .device = 2 };
	int r;

	clear_tree();
	put_function("0000:00:02.0", "", 7, 0);
	put(path_of("sys/bus/pci/drivers/vfio-pci/bind"), "", 0);
	chmod(path_of("sys/bus/pci/devices/0000:00:02.0/driver_override"), 0444);
	chmod(tree, 0755);
	if (geteuid() == 0 && seteuid(65534))
		SKIP("cannot drop root");
	r = sysfs_bind(bdf, "vfio-pci");
	if (seteuid(getuid()))
		abort();
	CHECK_EQ(r, -EACCES);
	CHECK_ERROR("run as root");
}

/* A mediated device: its group, and its files of VFIO's. */
static void mediated(void)
{
	static const char uuid[] = "d69e3f51-4e0f-4b8f-9c6e-0d7f6c2f3f11";
	struct host_function fn;

	clear_tree();
	put_function("0000:00:02.0", "e1000e", 1, 0);
	sysfs_set_root(tree);
	CHECK_EQ(sysfs_mdev(uuid, &fn), -ENODEV);
	CHECK_ERROR("no such mediated device");
	put(path_of("sys/bus/mdev/devices/%s/vfio-dev/vfio5/dev", uuid), "511:5\n", 6);
	put_link("../../mdev/devices/d69e3f51-4e0f-4b8f-9c6e-0d7f6c2f3f11", "iommu_group",
		 "../../../../kernel/iommu_groups/12");
	CHECK_EQ(sysfs_mdev(uuid, &fn), 0);
	CHECK(!strcmp(fn.mdev, uuid));
	CHECK_EQ(fn.group, 12);
	CHECK(fn.has_vfio_dev);
	CHECK(!strcmp(fn.cdev, "vfio5"));
	CHECK_EQ(fn.cdev_minor, 5);
}

static const struct test tests[] = {
	TEST(mediated),
	TEST(bdf_text),
	TEST(function),
	TEST(bare_function),
	TEST(functions_and_groups),
	TEST(reserved),
	TEST(virtual_functions),
	TEST(holders),
	TEST(function_of_a_cdev),
	TEST(below_a_bridge),
	TEST(dead),
	TEST(can_wake),
	TEST(parameters),
	TEST(host_is_safe),
	TEST(cdev_open),
	TEST(bind_refused),
	TEST(bind_done_already),
	TEST(unbind),
	TEST(unbind_no_permission),
};

TREE_MAIN(tests)
