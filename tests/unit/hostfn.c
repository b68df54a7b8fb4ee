/* SPDX-License-Identifier: BSD-2-Clause */
/* Ready for a guest, or the one reason why not with what mends it. */
#include "vmm/app/hostfn.h"

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
}

static void group_member_on_host_driver(void)
{
	clear_tree();
	put_function(BDF, "vfio-pci", 7, 0);
	put_function("0000:01:00.1", "snd_hda_intel", 7, 0);
	CHECK_EQ(ready(BDF), -EBUSY);
	CHECK_WHY("shares IOMMU group 7 with 0000:01:00.1, which is bound to snd_hda_intel");
	CHECK_WHY("thru bind 0000:01:00.1");
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

static void kernel_without_cdev(void)
{
	clear_tree();
	put_function(BDF, "vfio-pci", 7, 0);
	CHECK_EQ(ready(BDF), -ENODEV);
	CHECK_WHY("the host's kernel lacks CONFIG_VFIO_DEVICE_CDEV");
	CHECK(!*error_message());
}

static const struct test tests[] = {
	TEST(bound_to_its_driver),
	TEST(bound_to_nothing),
	TEST(no_iommu),
	TEST(bridges_stay),
	TEST(group_member_on_host_driver),
	TEST(group_members_that_do_no_harm),
	TEST(kernel_without_cdev),
};

int main(void)
{
	int status;

	if (!mkdtemp(tree))
		return 1;
	status = test_main(tests, ARRAY_SIZE(tests));
	clear_tree();
	rmdir(tree);
	return status;
}
