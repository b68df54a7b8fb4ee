/* SPDX-License-Identifier: BSD-2-Clause */
/* Ready for a guest, or the one reason why not with what mends it. */
#include <hostfn/hostfn.h>
#include <hostfn/hostway.h>

#include <base/error.h>
#include <errno.h>

#include "fake-sysfs.h"
#include "test.h"

#define BDF "0000:01:00.0"

static char why[HOSTFN_WHY];

static int ready(const char *text)
{
	struct host_function fn;
	struct bdf bdf;

	sysfs_set_root(tree);
	if (!bdf_parse(text, &bdf) || sysfs_function(bdf, &fn))
		return -ENXIO;
	return hostfn_ready(&fn, why, sizeof(why));
}

#define CHECK_WHY(text) CHECK(strstr(why, text))

static void bound_to_its_driver(void)
{
	clear_tree();
	put_function(BDF, "e1000e", 7, 0);
	CHECK_EQ(ready(BDF), -EBUSY);
	CHECK_WHY("is bound to e1000e; run: thru bind " BDF);
}

static void bound_to_nothing(void)
{
	clear_tree();
	put_function(BDF, "", 7, 0);
	CHECK_EQ(ready(BDF), -ENODEV);
	CHECK_WHY("thru bind " BDF);
}

static void no_iommu(void)
{
	clear_tree();
	put_function(BDF, "vfio-pci", -1, 0);
	CHECK_EQ(ready(BDF), -ENODEV);
	CHECK_WHY("the IOMMU is off");
}

static void bridges_stay(void)
{
	clear_tree();
	put_function(BDF, "pcieport", 7, 1);
	CHECK_EQ(ready(BDF), -EINVAL);
	CHECK_WHY("bridge");
	clear_tree();
	put_function(BDF, "yenta_cardbus", 7, 2);
	put_text(BDF, "class", "0x060700\n");
	CHECK_EQ(ready(BDF), -EINVAL);
	CHECK_WHY("bridge");
	/* Its driver does DMA, and the kernel does not leave a group to others for its sake. */
	put_function("0000:01:00.1", "vfio-pci", 7, 0);
	CHECK_EQ(ready("0000:01:00.1"), -EBUSY);
	CHECK_WHY("a bridge that vfio-pci does not take, which is bound to yenta_cardbus");
	CHECK(!strstr(why, "thru bind"));
}

static void group_member_on_host_driver(void)
{
	clear_tree();
	put_function(BDF, "vfio-pci", 7, 0);
	put_function("0000:01:00.1", "snd_hda_intel", 7, 0);
	CHECK_EQ(ready(BDF), -EBUSY);
	CHECK_WHY("shares IOMMU group 7 with 0000:01:00.1, which is bound to snd_hda_intel");
	CHECK_WHY("thru bind 0000:01:00.1");
	/* All of them, so that one command mends it; as many as a line holds. */
	put_function("0000:01:00.2", "xhci_hcd", 7, 0);
	put_function("0000:01:00.3", "vfio-pci", 7, 0);
	CHECK_EQ(ready(BDF), -EBUSY);
	CHECK_WHY("with 0000:01:00.1, which is bound to snd_hda_intel, and 0000:01:00.2, which is "
		  "bound to xhci_hcd; run: thru bind 0000:01:00.1 0000:01:00.2");
	CHECK(!strstr(why, "0000:01:00.3"));
	for (unsigned i = 2; i < 32; i++) {
		char name[16];

		snprintf(name, sizeof(name), "0000:01:%02x.1", i);
		put_function(name, "a_driver_with_a_name_as_long_as", 7, 0);
	}
	CHECK_EQ(ready(BDF), -EBUSY);
	CHECK_WHY("; run: thru bind 0000:01:00.1 0000:01:00.2 ");
	CHECK(strlen(why) < sizeof(why) - 1);
}

static void group_members_that_do_no_harm(void)
{
	clear_tree();
	put_function(BDF, "vfio-pci", 7, 0);
	put_function("0000:01:00.1", "vfio-pci", 7, 0);
	put_function("0000:01:00.2", "", 7, 0);
	put_function("0000:00:1c.0", "pcieport", 7, 1);
	CHECK_EQ(ready(BDF), -ENODEV);
	CHECK_WHY("CONFIG_VFIO_DEVICE_CDEV"); /* nothing but the cdev is missing */
}

static void group_member_of_another_bus(void)
{
	clear_tree();
	put_function(BDF, "vfio-pci", 7, 0);
	put_member(7, "fe800000.gpu", "panfrost");
	CHECK_EQ(ready(BDF), -EBUSY);
	CHECK_WHY(
		"shares IOMMU group 7 with fe800000.gpu, no PCI function, which is bound to panfrost");
	CHECK_WHY(
		"echo fe800000.gpu > /sys/kernel/iommu_groups/7/devices/fe800000.gpu/driver/unbind");
	clear_tree();
	put_function(BDF, "vfio-pci", 7, 0);
	put_member(7, "fe800000.gpu", "vfio-platform");
	CHECK_EQ(ready(BDF), -ENODEV);
	CHECK_WHY("CONFIG_VFIO_DEVICE_CDEV");
}

#define PF "0000:01:00.0"
#define VF "0000:01:10.0"

/* No command that takes the PF from the host: its virtual functions would be gone. */
static void group_of_a_virtual_function(void)
{
	clear_tree();
	put_function(PF, "igb", 7, 0);
	put_function(VF, "vfio-pci", 7, 0);
	put_link(VF, "physfn", "../" PF);
	CHECK_EQ(ready(VF), -EBUSY);
	CHECK_WHY("shares IOMMU group 7 with " PF ", which has to stay with igb");
	CHECK_WHY("no ACS");
	CHECK(!strstr(why, "thru bind"));
	/* A function that is no VF, beside a PF that has some. */
	clear_tree();
	put_function(PF, "igb", 7, 0);
	put_text(PF, "sriov_numvfs", "2\n");
	put_function("0000:01:00.1", "vfio-pci", 7, 0);
	CHECK_EQ(ready("0000:01:00.1"), -EBUSY);
	CHECK_WHY("has to stay with igb");
	CHECK(!strstr(why, "thru bind"));
	put_text(PF, "sriov_numvfs", "0\n");
	CHECK_EQ(ready("0000:01:00.1"), -EBUSY);
	CHECK_WHY("run: thru bind " PF);
	/* Two of one PF are neighbours like any others. */
	clear_tree();
	put_function(VF, "vfio-pci", 7, 0);
	put_function("0000:01:10.2", "igbvf", 7, 0);
	put_link("0000:01:10.2", "physfn", "../" PF);
	CHECK_EQ(ready(VF), -EBUSY);
	CHECK_WHY("run: thru bind 0000:01:10.2");
}

/* VFIO has it, though its driver is the vendor's (vGPU): nothing is to be bound. */
static void a_vendors_own(void)
{
	clear_tree();
	put_function(VF, "nvidia", 7, 0);
	put_text(VF, "vfio-dev/vfio3/dev", "511:3\n");
	put_function("0000:01:10.2", "nvidia", 7, 0); /* shares nothing but the group */
	CHECK(ready(VF) < 0);
	CHECK(!strstr(why, "bound to") && !strstr(why, "shares"));
}

static void used_by_firmware(void)
{
	static const char direct[] = "0x1000 0x1fff direct\n",
			  relaxable[] = "0x1000 0x1fff direct-relaxable\n";

	clear_tree();
	put_function(BDF, "e1000e", 7, 0);
	put(path_of("sys/kernel/iommu_groups/7/reserved_regions"), direct, strlen(direct));
	CHECK_EQ(ready(BDF), -EPERM); /* not: bind it */
	CHECK_WHY("`direct` in the reserved_regions of its group 7");
	put(path_of("sys/kernel/iommu_groups/7/reserved_regions"), relaxable, strlen(relaxable));
	CHECK_EQ(ready(BDF), -EBUSY);
	CHECK_WHY("run: thru bind " BDF);
}

static void without_an_iommu(void)
{
	clear_tree();
	put_function(BDF, "vfio-pci", 0, 0);
	put(path_of("sys/kernel/iommu_groups/0/name"), "vfio-noiommu\n", 13);
	CHECK_EQ(ready(BDF), -EPERM);
	CHECK_WHY("the guest would reach all of the host's memory");
	clear_tree();
	put_function(BDF, "vfio-pci", 0, 0);
	put_text(BDF, "vfio-dev/noiommu-vfio0/dev", "511:3\n");
	CHECK_EQ(ready(BDF), -EPERM);
	CHECK_WHY("is given away without an IOMMU (noiommu)");
}

static void wide_domain(void)
{
	clear_tree();
	put_function("10000:e1:00.0", "nvme", 7, 0);
	CHECK_EQ(ready("10000:e1:00.0"), -EBUSY);
	CHECK_WHY("run: thru bind 10000:e1:00.0");
}

static void kernel_without_cdev(void)
{
	clear_tree();
	put_function(BDF, "vfio-pci", 7, 0);
	CHECK_EQ(ready(BDF), -ENODEV);
	CHECK_WHY("the host's kernel lacks CONFIG_VFIO_DEVICE_CDEV");
	CHECK(!*error_message());
	/* It has groups; a /dev of somebody's own has not this one. */
	put(path_of("sys/class/vfio/%s", "7/dev"), "243:0\n", 0);
	put(path_of("dev/%s", "vfio/vfio"), "", 0);
	CHECK_EQ(ready(BDF), -ENOENT);
	CHECK_WHY("cannot be opened: /dev/vfio/7 does not exist; is /dev a devtmpfs?");
}

static void put_dev(const char *name)
{
	put(path_of("dev/%s", name), "", 0);
}

static int find(int wanted, enum vfio_way *ret)
{
	struct host_function fn;
	struct bdf bdf;

	if (!bdf_parse(BDF, &bdf) || sysfs_function(bdf, &fn))
		return -ENXIO;
	return hostway_find(&fn, 1, wanted, ret, why, sizeof(why));
}

static void give_cdev(void)
{
	put_text(BDF, "vfio-dev/vfio0/dev", "511:0\n");
	put_dev("vfio/devices/vfio0");
}

/* As kernels have them: Debian's, one with iommufd and no cdevs, one with all. */
static void the_best_way(void)
{
	enum vfio_way way = VFIO_WAYS;

	clear_tree();
	put_function(BDF, "vfio-pci", 7, 0);
	put_dev("vfio/7");
	CHECK_EQ(ready(BDF), -ENOENT);
	CHECK_WHY("there is no /dev/vfio/vfio; use a kernel with CONFIG_VFIO_CONTAINER");
	put_dev("vfio/vfio");
	CHECK_EQ(ready(BDF), 0);
	CHECK_EQ(find(HOSTWAY_ANY, &way), 0);
	CHECK_EQ(way, VFIO_WAY_GROUP);
	CHECK(!strcmp(hostway_words(way), "group, type1"));
	CHECK(strstr(hostway_lacks(way), "CONFIG_IOMMUFD"));
	put_dev("iommu");
	CHECK_EQ(find(HOSTWAY_ANY, &way), 0);
	CHECK_EQ(way, VFIO_WAY_GROUP_IOMMUFD);
	CHECK(!strcmp(hostway_lacks(way), "the kernel lacks CONFIG_VFIO_DEVICE_CDEV"));
	give_cdev();
	CHECK_EQ(find(HOSTWAY_ANY, &way), 0);
	CHECK_EQ(way, VFIO_WAY_CDEV);
	CHECK(!*hostway_lacks(way));
	/* The one that is insisted on. */
	CHECK_EQ(find(VFIO_WAY_GROUP, &way), 0);
	CHECK_EQ(way, VFIO_WAY_GROUP);
	CHECK_EQ(find(VFIO_WAY_GROUP_IOMMUFD, &way), 0);
	CHECK_EQ(way, VFIO_WAY_GROUP_IOMMUFD);
}

static void a_way_that_is_not_there(void)
{
	enum vfio_way way = VFIO_WAYS;

	clear_tree();
	put_function(BDF, "vfio-pci", 7, 0);
	put_dev("vfio/7");
	put_dev("vfio/vfio");
	CHECK_EQ(find(VFIO_WAY_CDEV, &way), -ENODEV);
	CHECK_WHY("the host's kernel lacks CONFIG_VFIO_DEVICE_CDEV");
	CHECK_EQ(find(VFIO_WAY_GROUP_IOMMUFD, &way), -ENOENT);
	CHECK_WHY("there is no /dev/iommu; run: modprobe iommufd");
	CHECK_EQ(way, VFIO_WAYS);
	/* No group: a kernel with cdevs alone. */
	clear_tree();
	put_function(BDF, "vfio-pci", 7, 0);
	put_dev("vfio/vfio");
	put_dev("iommu");
	give_cdev();
	CHECK_EQ(find(HOSTWAY_ANY, &way), 0);
	CHECK_EQ(way, VFIO_WAY_CDEV);
	CHECK_EQ(find(VFIO_WAY_GROUP, &way), -ENODEV);
	CHECK_WHY("lacks CONFIG_VFIO_GROUP");
}

#define BRIDGE "0000:00:1c.0"

static struct hostfn_reset reset;
static struct host_function subject;

/* A function with these methods, below a bridge or not, with others there. */
static void reset_of(const char *methods, bool below, const char *others, const char *driver)
{
	char text[64], *rest = text, *word;
	struct bdf bdf;

	hostfn_reset_free(&reset);
	clear_tree();
	sysfs_set_root(tree);
	if (below)
		put_below(BRIDGE, BDF);
	put_function(BDF, "vfio-pci", 7, 0);
	put_text(BDF, "reset_method", methods);
	snprintf(text, sizeof(text), "%s", others);
	while ((word = strsep(&rest, " ")) && *word) {
		put_below(BRIDGE, word);
		put_function(word, driver, 7, !strcmp(driver, "pcieport"));
	}
	if (!bdf_parse(BDF, &bdf) || sysfs_function(bdf, &subject))
		abort();
	hostfn_reset(&subject, &reset);
}

#define CHECK_IS(text, want) CHECK(!strcmp(text, want))

static void ways_to_reset(void)
{
	static const struct {
		const char *methods;
		bool below;
		const char *others, *driver, *how, *words;
	} cases[] = {
		/* Its own, unless that takes the power only. */
		{ "flr bus pm\n", true, "", "", "flr", "flr" },
		{ "af_flr pm\n", false, "", "", "af_flr", "af_flr" },
		{ "device_specific bus\n", true, "", "", "device_specific", "device_specific" },
		{ "flr pm\n", true, "0000:01:00.1", "e1000", "flr", "flr" },
		{ "pm\n", false, "", "", "pm", "pm" },
		{ "pm bus\n", true, "", "", "bus", "bus" },
		/* That of the bus, with all that is there. */
		{ "", true, "0000:01:00.1", "vfio-pci", "bus", "bus, together with 0000:01:00.1" },
		{ "bus\n", true, "0000:01:00.1 0000:01:00.2", "vfio-pci", "bus",
		  "bus, together with 0000:01:00.1 0000:01:00.2" },
		{ "pm\n", true, "0000:01:00.1", "vfio-pci", "bus",
		  "bus, together with 0000:01:00.1; else pm" },
		{ "bus\n", true, "0000:01:00.1", "e1000", "bus",
		  "bus, together with 0000:01:00.1, of which vfio-pci does not have 0000:01:00.1" },
		/* Not when a bridge is among them, nor on a root bus. */
		{ "", true, "0000:01:00.1", "pcieport", "", "none: pass it with reset=none" },
		{ "pm\n", true, "0000:01:00.1", "pcieport", "pm", "pm" },
		{ "", false, "", "", "", "none: pass it with reset=none" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		reset_of(cases[i].methods, cases[i].below, cases[i].others, cases[i].driver);
		CHECK_IS(reset.how, cases[i].how);
		CHECK_IS(reset.words, cases[i].words);
	}
	CHECK(!*error_message());
}

static void reset_that_mends(void)
{
	reset_of("", true, "0000:01:00.1", "e1000");
	CHECK_EQ(reset.n_with, 1);
	CHECK_IS(reset.mend, "thru bind 0000:01:00.1");
	/* The rest is in order, but for what unit tests have no node of. */
	CHECK_EQ(hostfn_takes(&subject, &reset, why, sizeof(why)), -EBUSY);
	reset_of("pm\n", true, "0000:01:00.1", "e1000");
	CHECK_IS(reset.otherwise, "pm");
	/* One with virtual functions is left alone. */
	reset_of("", true, "0000:01:00.1", "igb");
	put_text("0000:01:00.1", "sriov_numvfs", "2\n");
	hostfn_reset_free(&reset);
	hostfn_reset(&subject, &reset);
	CHECK_IS(reset.mend,
		 "choose another device: 0000:01:00.1 has virtual functions and has to stay");
	reset_of("", false, "", "");
	CHECK_IS(reset.mend, "choose another device, or: --vfio " BDF ",reset=none");
	CHECK_EQ(hostfn_takes(&subject, &reset, why, sizeof(why)), -ENODEV);
	CHECK_WHY("CONFIG_VFIO_DEVICE_CDEV"); /* first things first */
	hostfn_reset_free(&reset);
}

static const struct test tests[] = {
	TEST(ways_to_reset),
	TEST(reset_that_mends),
	TEST(bound_to_its_driver),
	TEST(bound_to_nothing),
	TEST(no_iommu),
	TEST(bridges_stay),
	TEST(group_member_on_host_driver),
	TEST(group_members_that_do_no_harm),
	TEST(group_member_of_another_bus),
	TEST(group_of_a_virtual_function),
	TEST(a_vendors_own),
	TEST(used_by_firmware),
	TEST(without_an_iommu),
	TEST(wide_domain),
	TEST(kernel_without_cdev),
	TEST(the_best_way),
	TEST(a_way_that_is_not_there),
};

TREE_MAIN(tests)
