/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who of the host has a device's memory (include/host/iomem.h), over files with the shape of sysfs and of
 * /proc/iomem.
 */
#include "test.h"

#include "fake-sysfs.h"

#include <host/iomem.h>
#include <host/sysfs.h>

static void put_iomem(const char *text)
{
	put(path_of("proc/iomem"), text, strlen(text));
}

static void holders(void)
{
	static const struct {
		const char *name;
		unsigned bar;
		const char *who;
	} cases[] = {
		{ "0000:01:00.0", 0, "BOOTFB" },
		{ "0000:01:00.0", 2, "see what overlaps it" }, /* only its own driver's */
		{ "0000:01:00.0", 3, "see what overlaps it" }, /* not there */
		{ "0000:01:00.0", 1, "acme-drv" },
		{ "0000:09:00.0", 0, "see what overlaps it" }, /* no such device */
	};
	char who[64];

	if (!mkdtemp(tree))
		abort();
	sysfs_set_root(tree);
	put_text("0000:01:00.0", "resource",
		 "0x00000000c0000000 0x00000000c0ffffff 0x0000000000042208\n"
		 "0x00000000d0000000 0x00000000d0003fff 0x0000000000040200\n"
		 "0x00000000d0010000 0x00000000d001ffff 0x0000000000040200\n"
		 "0x0000000000000000 0x0000000000000000 0x0000000000000000\n");
	put_iomem("00001000-0009ffff : System RAM\n"
		  "c0000000-dfffffff : PCI Bus 0000:00\n"
		  "  c0000000-d00fffff : PCI Bus 0000:01\n"
		  "    c0000000-c0ffffff : 0000:01:00.0\n"
		  "      c0000000-c02fffff : BOOTFB\n"
		  "    d0000000-d0003fff : 0000:01:00.0\n"
		  "      d0000000-d0003fff : acme-drv\n"
		  "    d0010000-d001ffff : 0000:01:00.0\n"
		  "      d0010000-d001ffff : vfio\n"
		  "e0000000-efffffff : BOOTFB\n");
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		iomem_holder(cases[i].name, cases[i].bar, who, sizeof(who));
		CHECK(!strcmp(who, cases[i].who));
	}
	/* Addresses that only root sees. */
	put_iomem("00000000-00000000 : BOOTFB\n");
	iomem_holder("0000:01:00.0", 0, who, sizeof(who));
	CHECK(!strcmp(who, "see what overlaps it"));
	clear_tree();
	rmdir(tree);
}

static const struct test tests[] = { TEST(holders) };
TEST_MAIN(tests)
