/* SPDX-License-Identifier: BSD-2-Clause */
/* Ready for a guest, or the one reason why not with what mends it. */
#include <hostfn/hostfn.h>

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
