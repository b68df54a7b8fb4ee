/* SPDX-License-Identifier: BSD-2-Clause */
/* What is asked before a function is taken from the host, over a tree in the shape of sysfs and procfs. */
#include <hostfn/hostbind.h>

#include <base/error.h>
#include <errno.h>
#include <sys/utsname.h>

#include "fake-sysfs.h"
#include "test.h"

#define A "0000:01:00.0"
#define B "0000:01:00.1"

static void put_at(const char *path, const char *text)
{
	put(path_of("%s", path), text, strlen(text));
}

/* /sys/CLASS/NAME, a link to a place below the function; returns it as a folder. */
static const char *put_class(const char *class, const char *name, const char *below)
{
	static char place[PATH_MAX];
	char target[2 * PATH_MAX], *path;

	snprintf(place, sizeof(place), "sys/bus/pci/devices/" A "/%s/%s", below, name);
	put(path_of("%s/uevent", place), "", 0);
	snprintf(target, sizeof(target), "%s/%s", tree, place);
	path = path_of("sys/%s/%s", class, name);
	make_parents(path);
	if (symlink(target, path))
		abort();
	return place;
}

static void fresh(void)
{
	clear_tree();
	sysfs_set_root(tree);
	error_clear();
	put_function(A, "e1000e", 7, 0);
	put_at("sys/bus/pci/drivers/vfio-pci/bind", "");
	put_at("sys/bus/pci/drivers/e1000e/unbind", "");
	put_at("sys/bus/pci/drivers_probe", "");
}

static int check(const char *first, const char *second, bool force)
{
	struct bdf bdfs[2] = { { 0 } };
	unsigned n = second ? 2 : 1;

	error_clear();
	if (!bdf_parse(first, &bdfs[0]) || (second && !bdf_parse(second, &bdfs[1])))
		abort();
	return hostbind_check(bdfs, n, force);
}

/* The host uses A, as `words` say; --force takes it, and nothing was touched meanwhile. */
#define CHECK_USED(words)                                                                          \
	do {                                                                                       \
		CHECK_EQ(check(A, NULL, false), -EBUSY);                                           \
		CHECK_ERROR(A ": the host uses it: " words                                         \
			      "; end that first, or take it from the host all the same: --force"); \
		CHECK_EQ(check(A, NULL, true), 0);                                                 \
		CHECK(file_is(path_of("sys/bus/pci/devices/" A "/driver_override"), "(null)\n"));  \
		CHECK(file_is(path_of("sys/bus/pci/drivers/e1000e/unbind"), ""));                  \
	} while (0)

static void nothing_in_the_way(void)
{
	fresh();
	put(path_of("%s/flags", put_class("class/net", "thrutest0", "net")), "0x1002\n", 7);
	CHECK_EQ(check(A, NULL, false), 0);
	CHECK_EQ(check("0000:77:00.0", NULL, true), -ENODEV);
	CHECK_ERROR("no such PCI function");
}

/* Not even by force: the kernel would refuse, with the card taken from the host already. */
static void impossible(void)
{
	fresh();
	put_function("0000:02:00.0", "e1000e", -1, 0);
	CHECK_EQ(check("0000:02:00.0", NULL, true), -ENODEV);
	CHECK_ERROR("0000:02:00.0 has no IOMMU group: the IOMMU is off");
	put_function("0000:00:1c.0", "pcieport", 8, 1);
	CHECK_EQ(check(A, "0000:00:1c.0", true),
		 -EINVAL); /* the second of them, and the first stays */
	CHECK_ERROR("0000:00:1c.0: is a bridge");
	put_at("sys/kernel/iommu_groups/7/reserved_regions", "0x1000 0x1fff direct\n");
	CHECK_EQ(check(A, NULL, true), -EPERM);
	CHECK_ERROR("`direct`");
	fresh();
	remove(path_of("sys/bus/pci/drivers/vfio-pci/bind"));
	remove(path_of("sys/bus/pci/drivers/vfio-pci"));
	CHECK_EQ(check(A, NULL, true), -ENOENT);
	CHECK_ERROR("modprobe vfio-pci");
	CHECK(file_is(path_of("sys/bus/pci/drivers/e1000e/unbind"), ""));
}

/* A line of /proc/net/ipv6_route (net/ipv6/route.c). */
#define NOWHERE          "00000000000000000000000000000000"
#define ROUTER           "fe80000000000000000000000000002a"
#define V6(to, by, name) to " " NOWHERE " 00 " by " 00000400 00000001 00000000 00000003 " name "\n"

static void interfaces(void)
{
	char place[PATH_MAX];

	fresh();
	snprintf(place, sizeof(place), "%s", put_class("class/net", "thrutest0", "virtio3/net"));
	put(path_of("%s/flags", place), "0x1003\n", 7);
	CHECK_EQ(check(A, NULL, false), 0); /* up, and nothing more */
	put_at("proc/net/route",
	       "Iface\tDestination\nthrutest01\t0\nthrutest0\t00000000\t0102000A\n");
	CHECK_USED("thrutest0 is up with a route");
	/* IPv6 alone: what each interface has, another's, and a way to the world by a router of the link. */
	put_at("proc/net/route", "Iface\tDestination\n");
	put_at("proc/net/ipv6_route",
	       V6("fe800000000000000000000000000000 40", NOWHERE, "thrutest0")
		       V6("ff000000000000000000000000000000 08", NOWHERE, "thrutest0")
			       V6(NOWHERE " 00", ROUTER, "thrutest01"));
	CHECK_EQ(check(A, NULL, false), 0);
	put_at("proc/net/ipv6_route", V6("fe800000000000000000000000000000 40", NOWHERE,
					 "thrutest0") V6(NOWHERE " 00", ROUTER, "thrutest0"));
	CHECK_USED("thrutest0 is up with a route");
	put(path_of("%s/flags", place), "0x1002\n", 7); /* down */
	CHECK_EQ(check(A, NULL, false), 0);
	put(path_of("%s/upper_bond0/.keep", place), "", 0);
	CHECK_USED("thrutest0 is part of bond0");
}

static void disks(void)
{
	static const char mounts[] =
		"22 1 240:1 / /other rw - ext4 /dev/thrub1 rw\n"
		"23 1 240:77 / /srv/data rw,noatime shared:7 master:1 - ext4 /dev/thrua1 rw\n";
	static const char btrfs[] = "23 1 0:77 /@home /home rw shared:7 - btrfs /dev/thrua1 rw\n";
	char place[PATH_MAX];

	fresh();
	snprintf(place, sizeof(place), "%s",
		 put_class("class/block", "thrua1", "ata1/host0/block/thrua"));
	put(path_of("%s/dev", place), "240:77\n", 7);
	CHECK_EQ(check(A, NULL, false), 0);
	put_at("proc/self/mountinfo", mounts);
	CHECK_USED("thrua1 is mounted at /srv/data");
	put_at("proc/self/mountinfo", btrfs);
	CHECK_USED("thrua1 is mounted at /home");
	put_at("proc/self/mountinfo", "23 1 0:77 / /home rw - btrfs /dev/thrua11 rw\n");
	CHECK_EQ(check(A, NULL, false), 0);
	put_at("proc/swaps", "Filename\tType\n/dev/thrua11 partition\n");
	CHECK_EQ(check(A, NULL, false), 0);
	put_at("proc/swaps", "Filename\tType\n/dev/thrua1          partition\t1\n");
	CHECK_USED("thrua1 is swap");
	put_at("proc/swaps", "");
	put(path_of("%s/holders/dm-0/.keep", place), "", 0);
	CHECK_USED("thrua1 is part of dm-0");
}

/* A name with a folder in it has another letter there in sysfs. */
static void disk_in_a_folder(void)
{
	char place[PATH_MAX];

	fresh();
	snprintf(place, sizeof(place), "%s", put_class("class/block", "cciss!c7d9p1", "cciss0"));
	put(path_of("%s/dev", place), "240:9\n", 6);
	CHECK_EQ(check(A, NULL, false), 0);
	put_at("proc/swaps", "Filename\tType\n/dev/cciss/c7d9p1          partition\t1\n");
	CHECK_USED("cciss/c7d9p1 is swap");
}

/* Text on its frame buffer, or the kernel's messages on its serial line: no process holds either. */
static void consoles(void)
{
	fresh();
	put_class("class/graphics", "fb3", "graphics");
	put_at("sys/class/vtconsole/vtcon0/name", "(S) VGA+\n");
	put_at("sys/class/vtconsole/vtcon0/bind", "1\n");
	put_at("sys/class/vtconsole/vtcon1/name", "(M) frame buffer device\n");
	put_at("sys/class/vtconsole/vtcon1/bind", "0\n");
	CHECK_EQ(check(A, NULL, false), 0);
	put_at("sys/class/vtconsole/vtcon1/bind", "1\n");
	CHECK_USED("fb3 shows the host's console");
	fresh();
	put_class("class/tty", "ttyS7", "tty");
	put_at("sys/class/tty/console/active", "tty0 ttyS70\n");
	CHECK_EQ(check(A, NULL, false), 0);
	put_at("sys/class/tty/console/active", "tty0 ttyS7\n");
	CHECK_USED("ttyS7 is the host's console");
}

/* With multipath the disk itself is below no function. */
static void disk_of_several_paths(void)
{
	char *path;

	fresh();
	put_class("class/block", "nvme7c1n2", "nvme/nvme7");
	CHECK_EQ(check(A, NULL, false), 0);
	put_at("sys/devices/virtual/nvme-subsystem/nvme-subsys7/nvme7n2/dev", "240:9\n");
	path = path_of("sys/class/block/nvme7n2");
	if (symlink("../../devices/virtual/nvme-subsystem/nvme-subsys7/nvme7n2", path))
		abort();
	put_at("proc/self/mountinfo", "23 1 240:9 / / rw - ext4 /dev/root rw\n");
	CHECK_USED("nvme7n2 is mounted at /");
}

static void open_files(void)
{
	const char *place;

	fresh();
	put_process(4711, "fd/5", "/dev/full"); /* 1:7 stands in for a graphics card's */
	CHECK_EQ(check(A, NULL, false), 0);
	place = put_class("dev/char", "1:7", "drm/card1");
	put(path_of("%s/uevent", place), "MAJOR=1\nMINOR=7\nDEVNAME=vfio/devices/vfio0\n", 44);
	CHECK_EQ(check(A, NULL, false), 0); /* that is VFIO's own */
	put(path_of("%s/uevent", place), "MAJOR=1\nMINOR=7\nDEVNAME=dri/card1\n", 34);
	CHECK_USED("process 4711 has /dev/dri/card1 open");
}

static void virtual_functions(void)
{
	fresh();
	put_text(A, "sriov_numvfs", "2\n");
	CHECK_USED("it has made 2 virtual functions");
}

static void groups(void)
{
	fresh();
	put_function(B, "snd_hda_intel", 7, 0);
	put_function("0000:00:1c.0", "pcieport", 7, 1);
	CHECK_EQ(check(A, NULL, false), -EBUSY);
	CHECK_ERROR(A " shares IOMMU group 7 with " B
		      ", which is bound to snd_hda_intel; bind them "
		      "together: thru bind " A " " B ", or it alone: --force");
	CHECK_EQ(check(A, B, false), 0);
	CHECK_EQ(check(A, NULL, true), 0);
	put_member(7, "fe800000.gpu", "panfrost");
	CHECK_EQ(check(A, B, false), -EBUSY);
	CHECK_ERROR("echo fe800000.gpu");
	/* A virtual function's physical one is never to be bound with it. */
	fresh();
	put_function("0000:01:10.0", "igbvf", 7, 0);
	put_link("0000:01:10.0", "physfn", "../" A);
	CHECK_EQ(check("0000:01:10.0", NULL, false), -EBUSY);
	CHECK_ERROR("no ACS");
	CHECK(!strstr(error_message(), "thru bind"));
}

static void put_module_file(const char *name, const char *text, size_t len)
{
	struct utsname host;

	uname(&host);
	put(path_of("lib/modules/%s/%s", host.release, name), text, len);
}

static void variants(void)
{
	static const char aliases[] =
		"alias pci:v00008086d000010D3sv*sd*bc*sc*i* e1000e\n"
		"alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"
		"alias vfio_pci:v00008086d*sv*sd*bc*sc*i* wide_vfio_pci\n"
		"alias vfio_pci:v00008086d000010D3sv*sd*bc*sc*i* some_vfio_pci\n"
		"alias vfio_pci:v00008086d000010D4sv*sd*bc*sc*i* other_vfio_pci\n";
	static const char builtin[] =
		"some.license=GPL\0"
		"in_kernel_vfio_pci.alias=vfio_pci:v00008086d000010D3sv00001234sd*bc*sc*i*";
	struct bdf bdf;
	char module[64], driver[32];

	fresh();
	if (!bdf_parse(A, &bdf))
		abort();
	CHECK(!sysfs_variant(bdf, module, driver));
	put_text(A, "modalias", "pci:v00008086d000010D3sv00001234sd0000A01Fbc02sc00i00\n");
	put_module_file("modules.alias", aliases, 44 + 50); /* cut after vfio_pci's own */
	CHECK(!sysfs_variant(bdf, module, driver));
	put_module_file("modules.alias", aliases, strlen(aliases));
	CHECK(sysfs_variant(bdf, module, driver));
	CHECK(!strcmp(module, "some_vfio_pci") && !*driver);
	/* Not loaded: said before anything is touched; plain vfio-pci by force. */
	CHECK_EQ(check(A, NULL, false), -ENOENT);
	CHECK_ERROR(
		"has a VFIO driver of its own, some_vfio_pci, which is not loaded; run: modprobe some_vfio_pci");
	CHECK_EQ(check(A, NULL, true), 0);
	/* Loaded, under a name of its own. */
	put_at("sys/module/some_vfio_pci/drivers/pci:some-vfio-pci", "");
	CHECK_EQ(check(A, NULL, false), -ENOENT);
	CHECK_ERROR("no driver some-vfio-pci");
	put_at("sys/bus/pci/drivers/some-vfio-pci/bind", "");
	CHECK_EQ(check(A, NULL, false), 0);
	CHECK(hostbind(bdf, false) <
	      0); /* files do not bind, and the driver asked for was that one */
	CHECK_ERROR("some-vfio-pci did not take it");
	put_module_file("modules.builtin.modinfo", builtin, sizeof(builtin));
	CHECK(sysfs_variant(bdf, module, driver));
	CHECK(!strcmp(module, "in_kernel_vfio_pci"));
}

/* A vendor's driver that has made it VFIO's: nothing to ask, nothing to do. */
static void vendors_own(void)
{
	struct bdf bdf;

	fresh();
	put_text(A, "vfio-dev/vfio3/dev", "511:3\n");
	put_text(A, "sriov_numvfs", "2\n");
	CHECK_EQ(check(A, NULL, false), 0);
	CHECK(bdf_parse(A, &bdf));
	CHECK_EQ(hostbind(bdf, false), 0);
	CHECK(file_is(path_of("sys/bus/pci/drivers/e1000e/unbind"), ""));
}

static const struct test tests[] = {
	TEST(nothing_in_the_way),
	TEST(impossible),
	TEST(interfaces),
	TEST(disks),
	TEST(disk_in_a_folder),
	TEST(consoles),
	TEST(disk_of_several_paths),
	TEST(open_files),
	TEST(virtual_functions),
	TEST(groups),
	TEST(variants),
	TEST(vendors_own),
};

TREE_MAIN(tests)
