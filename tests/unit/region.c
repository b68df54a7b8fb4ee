/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mappings of BARs, over a file in place of a device: where they lie decides whether the kernel can use
 * its large page table entries for them (drivers/vfio/pci/vfio_pci_core.c, vfio_pci_mmap_huge_fault():
 * the address in the process and the one in the device must be aligned alike).
 */
#include "test.h"

#include <host/vfio.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define REGION BIT64(40) /* how far the regions of a cdev are apart (VFIO_PCI_OFFSET_SHIFT) */

static struct vfio_device dev = { .name = "0000:01:00.0", .fd = -1 };

static void large_entries(void)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const struct {
		uint64_t offset, size, bar;
	} cases[] = {
		{ 0, GIB(2), GIB(2) },
		{ 0, MIB(2), MIB(2) },
		{ 0, GIB(1), GIB(1) },
		/* What is left of a BAR behind the pages of an MSI-X table. */
		{ MIB(1) + 16 * page, MIB(31) - 16 * page, MIB(32) },
		{ GIB(3) + page, GIB(1) - page, GIB(4) },
		{ page, page, 4 * page },
	};

	dev.fd = memfd_create("bars", MFD_CLOEXEC);
	CHECK_EQ(ftruncate(dev.fd, (off_t)(3 * REGION)), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t align = MIN(cases[i].bar, GIB(1));
		void *hva[2];

		/* Twice: the second has the first in its way. */
		for (unsigned k = 0; k < 2; k++) {
			CHECK_EQ(vfio_region_mmap(&dev, 2 * REGION + cases[i].offset, cases[i].size,
						  align, &hva[k]),
				 0);
			CHECK_EQ((uintptr_t)hva[k] % align, cases[i].offset % align);
		}
		CHECK(hva[0] != hva[1]);
		vfio_region_munmap(hva[0], cases[i].size);
		vfio_region_munmap(hva[1], cases[i].size);
	}
	close(dev.fd);
}

/* Pages of this process's address space (proc(5), statm). Nothing is allocated by asking. */
static uint64_t mapped(void)
{
	int fd = open("/proc/self/statm", O_RDONLY);
	char text[128] = "";

	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	return n > 0 ? strtoull(text, NULL, 10) : 0;
}

/* What was set aside to find an aligned place is given back: no more is mapped than was asked for. */
static void nothing_beside(void)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), before;
	uint8_t *hva;

	dev.fd = memfd_create("bars", MFD_CLOEXEC);
	CHECK_EQ(ftruncate(dev.fd, (off_t)REGION), 0);
	before = mapped();
	CHECK(before);
	CHECK_EQ(vfio_region_mmap(&dev, 0, MIB(4), GIB(1), (void **)&hva), 0);
	CHECK_EQ((mapped() - before) * page, MIB(4));
	CHECK_EQ((uintptr_t)hva % GIB(1), 0);
	hva[MIB(4) - 1] = 1;
	vfio_region_munmap(hva, MIB(4));
	CHECK_EQ(mapped(), before);
	close(dev.fd);
}

static const struct test tests[] = {
	TEST(large_entries),
	TEST(nothing_beside),
};
TEST_MAIN(tests)
