/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions of the host floor over a kernel that answers what a test says: what they ask for to the
 * byte, what they take from long and circular answers, and what each refusal is called. Mappings: region.c.
 */
#include <host/vfio.h>

#include <errno.h>
#include <fcntl.h>
#include <host/call.h>
#include <host/explain.h>
#include <host/iommufd.h>
#include <host/sysfs.h>
#include <linux/iommufd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake-sysfs.h"
#include "test.h"

/* The kernel: answers the next call, and keeps what it was asked. */
static struct {
	int result;
	void (*answer)(void *arg);
	unsigned calls;
	unsigned long request;
	uint8_t asked[256];
} kernel;

int host_ioctl(int fd, unsigned long request, void *arg, const char *name)
{
	uint32_t size;

	memcpy(&size, arg, sizeof(size)); /* argsz, or size: first in all of them */
	memcpy(kernel.asked, arg, MIN(size, sizeof(kernel.asked)));
	kernel.request = request;
	kernel.calls++;
	if (kernel.answer)
		kernel.answer(arg);
	if (explain_on)
		explain_ioctl(name, fd, arg, kernel.result, 0);
	return kernel.result;
}

int host_open(const char *path)
{
	(void)path;
	return -ENOENT;
}

static struct vfio_device dev;

static void setup(int result, void (*answer)(void *arg))
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.result = result;
	kernel.answer = answer;
	dev = (struct vfio_device){ .name = "0000:01:00.0", .fd = -1, .devid = 5 };
}

/* A device that answers less than it was asked for is one that is gone. */
static void short_accesses(void)
{
	uint32_t value;

	setup(0, NULL);
	dev.fd = memfd_create("cdev", MFD_CLOEXEC);
	CHECK(!ftruncate(dev.fd, 6));
	CHECK_EQ(vfio_region_read(&dev, 0, &value, 4), 0);
	CHECK_EQ(vfio_region_read(&dev, 4, &value, 4), -EIO);
	CHECK_EQ(vfio_region_read(&dev, 8, &value, 4), -EIO);
	close(dev.fd);
	dev.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK_EQ(vfio_region_write(&dev, 0, &value, 4), -EBADF);
	close(dev.fd);
	CHECK_EQ(*error_message(), 0); /* the caller knows what it means */
}

#define CAPS 32 /* where the first capability is */

static struct {
	uint32_t flags, argsz, next_of_sparse;
	uint64_t sizes[3];
} region;

/* As vfio-pci does it: too little room is answered with how much it takes (vfio_pci_core.c). */
static void answer_region(void *arg)
{
	struct vfio_region_info *info = arg;
	uint8_t *base = arg;
	struct vfio_info_cap_header msix = { VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, 1, CAPS + 8 };
	struct vfio_region_info_cap_sparse_mmap sparse = {
		.header = { VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1, region.next_of_sparse },
		.nr_areas = 3,
	};
	uint32_t room = info->argsz;

	info->size = MIB(1);
	info->offset = 7ull << 40;
	info->flags = region.flags;
	info->argsz = region.argsz;
	if (!(region.flags & VFIO_REGION_INFO_FLAG_CAPS) || room < region.argsz)
		return;
	info->cap_offset = CAPS;
	memcpy(base + CAPS, &msix, sizeof(msix));
	memcpy(base + CAPS + 8, &sparse, sizeof(sparse));
	for (unsigned i = 0; i < 3; i++) {
		struct vfio_region_sparse_mmap_area area = { i * KIB(64), region.sizes[i] };

		memcpy(base + CAPS + 8 + sizeof(sparse) + i * sizeof(area), &area, sizeof(area));
	}
}

static void sparse_lists(void)
{
	struct vfio_region_info info;
	struct range at[4];
	unsigned n = 4;

	setup(0, answer_region);
	region.flags = VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
	region.argsz = CAPS + 8 + 16 + 3 * 16;
	region.next_of_sparse = CAPS; /* round and round */
	region.sizes[0] = KIB(4);
	region.sizes[1] = 0;
	region.sizes[2] = KIB(8);
	CHECK_EQ(vfio_region_info(&dev, 3, &info, at, &n), 0);
	CHECK_EQ(kernel.calls, 2);
	CHECK_EQ(n, 2);
	CHECK_EQ(at[0].size, KIB(4));
	CHECK_EQ(at[1].base, KIB(128));
	CHECK_EQ(at[1].size, KIB(8));
	CHECK_EQ(info.size, MIB(1));
	/* No more than there is room for; none of a region that may not be mapped. */
	n = 1;
	CHECK_EQ(vfio_region_info(&dev, 3, &info, at, &n), 0);
	CHECK_EQ(n, 1);
	region.flags = VFIO_REGION_INFO_FLAG_CAPS;
	n = 4;
	CHECK_EQ(vfio_region_info(&dev, 3, &info, at, &n), 0);
	CHECK_EQ(n, 0);
	/* No list: all of it. */
	region.flags = VFIO_REGION_INFO_FLAG_MMAP;
	region.argsz = sizeof(info);
	n = 4;
	CHECK_EQ(vfio_region_info(&dev, 3, &info, at, &n), 0);
	CHECK_EQ(n, 1);
	CHECK_EQ(at[0].size, MIB(1));
	/* A region that the device does not have. */
	setup(-EINVAL, NULL);
	n = 4;
	CHECK_EQ(vfio_region_info(&dev, 8, &info, at, &n), 0);
	CHECK_EQ(n + info.size, 0);
}

static void interrupts(void)
{
	const int32_t fds[] = { 20, -1, 22 };
	struct vfio_irq_set set;
	int32_t seen[3];

	setup(0, NULL);
	CHECK_EQ(vfio_irq_set_trigger(&dev, VFIO_PCI_MSIX_IRQ_INDEX, 4, 3, fds), 0);
	memcpy(&set, kernel.asked, sizeof(set));
	memcpy(seen, kernel.asked + sizeof(set), sizeof(seen));
	CHECK_EQ(set.argsz, sizeof(set) + 12);
	CHECK_EQ(set.flags, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER);
	CHECK_EQ(set.start, 4);
	CHECK_EQ(set.count, 3);
	CHECK(!memcmp(seen, fds, sizeof(fds)));
	/* Vectors without anybody, and none: which turns the kind off. */
	CHECK_EQ(vfio_irq_set_trigger(&dev, VFIO_PCI_MSIX_IRQ_INDEX, 0, 2, NULL), 0);
	memcpy(seen, kernel.asked + sizeof(set), 8);
	CHECK(seen[0] == -1 && seen[1] == -1);
	CHECK_EQ(vfio_irq_disable(&dev, VFIO_PCI_MSI_IRQ_INDEX), 0);
	memcpy(&set, kernel.asked, sizeof(set));
	CHECK_EQ(set.flags, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER);
	CHECK_EQ(set.count, 0);
	/* A positive answer is how many the host could give. */
	setup(2, NULL);
	CHECK_EQ(vfio_irq_set_trigger(&dev, VFIO_PCI_MSIX_IRQ_INDEX, 0, 3, fds), -ENOSPC);
	CHECK_ERROR("no interrupt vectors left for MSI-X");
	setup(-EBUSY, NULL);
	CHECK_EQ(vfio_irq_set_trigger(&dev, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, fds), -EBUSY);
	CHECK_ERROR("its interrupt line is shared");
}

static unsigned functions_on_the_bus;

static void answer_hot_reset(void *arg)
{
	struct vfio_pci_hot_reset_info *info = arg;
	size_t room = (info->argsz - sizeof(*info)) / sizeof(info->devices[0]);

	info->count = functions_on_the_bus;
	kernel.result = room < functions_on_the_bus ? -ENOSPC : 0;
	for (unsigned i = 0; !kernel.result && i < info->count; i++)
		info->devices[i] = (struct vfio_pci_dependent_device){ .devfn = (uint8_t)i };
}

/* Functions that come faster than they can be counted. */
static void answer_more(void *arg)
{
	functions_on_the_bus++;
	answer_hot_reset(arg);
}

static void hot_reset_lists(void)
{
	struct vfio_pci_hot_reset_info *info = NULL;

	setup(0, answer_hot_reset);
	functions_on_the_bus = 40;
	CHECK_EQ(vfio_hot_reset_info(&dev, &info), 0);
	CHECK_EQ(info->count, 40);
	CHECK_EQ(info->devices[39].devfn, 39);
	CHECK_EQ(kernel.calls, 2);
	free(info);
	setup(0, answer_more);
	CHECK(vfio_hot_reset_info(&dev, &info) < 0);
	CHECK(kernel.calls < 10);
	CHECK_ERROR("VFIO_DEVICE_GET_PCI_HOT_RESET_INFO");
	setup(-ENODEV, NULL);
	CHECK_EQ(vfio_hot_reset_info(&dev, &info), -ENODEV);
	CHECK_EQ(*error_message(), 0);
}

/* What --explain tells of the functions beside one in a domain of more than 16 bits. */
static void hot_reset_in_a_wide_domain(void)
{
	struct vfio_pci_hot_reset_info *info = NULL;
	int out = memfd_create("told", MFD_CLOEXEC);
	char text[4096] = "";

	setup(0, answer_hot_reset);
	dev.bdf = (struct bdf){ .domain = 0x10000 };
	functions_on_the_bus = 2;
	explain_start(out);
	CHECK_EQ(vfio_hot_reset_info(&dev, &info), 0);
	explain_stop();
	free(info);
	CHECK(pread(out, text, sizeof(text) - 1, 0) > 0);
	CHECK(strstr(text, "2 functions: 10000:00:00.0, 10000:00:00.1 = 0"));
	close(out);
}

/* The token goes along in the order of the text; what each refusal of a bind is called. */
static void binds(void)
{
	static const struct {
		int err;
		bool token;
		const char *says;
	} cases[] = {
		{ -EBUSY, false, "in use by another process, or a member of its IOMMU group" },
		{ -EPERM, false, "no interrupt remapping" },
		{ -EACCES, false, "belongs with other functions of one card" },
		{ -EACCES, true, "its VF token is not the one" },
		{ -EINVAL, false, "DMA coherent" },
		{ -EINVAL, true, "takes no VF token" },
		{ -EAGAIN, false, "try again" },
		{ -ENOTTY, false, "VFIO_DEVICE_BIND_IOMMUFD failed" },
	};
	struct vfio_device_bind_iommufd bind;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		setup(cases[i].err, NULL);
		dev.has_token = cases[i].token;
		CHECK(vfio_device_bind(&dev, 9) < 0);
		CHECK(!dev.bound);
		CHECK_EQ(error_status(), STATUS_HOST);
		CHECK(!strncmp(error_message(), "0000:01:00.0: ", 14));
		CHECK_ERROR(cases[i].says);
		memcpy(&bind, kernel.asked, sizeof(bind));
		CHECK_EQ(bind.iommufd, 9);
		CHECK_EQ(bind.flags, cases[i].token ? VFIO_DEVICE_BIND_FLAG_TOKEN : 0);
		CHECK_EQ(bind.token_uuid_ptr, cases[i].token ? (uintptr_t)dev.token : 0);
	}
	setup(0, NULL);
	CHECK_EQ(vfio_device_bind(&dev, 9), 0);
	CHECK(dev.bound);
	CHECK_EQ(dev.state, VFIO_DEVICE_BOUND);
}

static void attachments(void)
{
	static const struct {
		int err;
		uint32_t devid; /* 0: bound by somebody else */
		const char *says;
	} cases[] = {
		{ -ENOENT, 0, "is bound to another iommufd" },
		{ -EINVAL, 0, "is bound to another iommufd" },
		{ -EINVAL, 5, "VFIO_DEVICE_ATTACH_IOMMUFD_PT failed: Invalid argument" },
		{ -EADDRINUSE, 0, "its IOMMU reserves addresses" },
		{ -EPERM, 5, "its IOMMU reserves addresses" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		setup(cases[i].err, NULL);
		dev.devid = cases[i].devid;
		CHECK_EQ(vfio_device_attach(&dev, 1), cases[i].err);
		CHECK(!dev.attached);
		CHECK_EQ(error_status(), STATUS_HOST);
		CHECK_ERROR(cases[i].says);
	}
}

static void mappings_of_memory(void)
{
	struct iommu_ioas_map_file map;

	setup(0, NULL);
	CHECK_EQ(ioas_map_file(7, 3, 8, MIB(2), GIB(1), GIB(4)), 0);
	memcpy(&map, kernel.asked, sizeof(map));
	CHECK_EQ(map.ioas_id, 3);
	CHECK_EQ(map.fd, 8);
	CHECK_EQ(map.start, MIB(2));
	CHECK_EQ(map.length, GIB(1));
	CHECK_EQ(map.iova, GIB(4));
	CHECK_EQ(map.flags,
		 IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE);
	/* A kernel without: the caller goes another way, and nothing is recorded. */
	setup(-ENOTTY, NULL);
	CHECK(ioas_map_file(7, 3, 8, 0, GIB(1), 0) < 0);
	error_clear();
	setup(-ENOMEM, NULL);
	CHECK_EQ(ioas_map_file(7, 3, 8, 0, MIB(256), 0), -ENOMEM);
	CHECK_ERROR("cannot pin 256 MiB of guest memory");
	CHECK_EQ(ioas_map(7, 3, (void *)4096, MIB(256), 0), -ENOMEM);
	CHECK_ERROR("which one user's guests share");
	/* A hole is no error to unmap (ENOENT). */
	setup(-ENOENT, NULL);
	CHECK_EQ(ioas_unmap(7, 3, 0, GIB(1)), 0);
	setup(-EPERM, NULL);
	CHECK_EQ(iommufd_account_process(7), -EPERM);
	CHECK_ERROR("no permission to choose how pinned memory is accounted");
}

/* EINVAL from the bind: each of its four causes has its line. */
static void bind_invalid(void)
{
	static const char direct[] = "0x1000 0x1fff direct\n",
			  relaxable[] = "0x1000 0x1fff direct-relaxable\n";
	const char *regions = "sys/kernel/iommu_groups/7/reserved_regions";

	CHECK(mkdtemp(tree));
	sysfs_set_root(tree);
	put_function("0000:01:00.0", "vfio-pci", 7, 0);
	put_text("0000:01:00.0", "vfio-dev/vfio0/dev", "1:7\n");
	put_node(1, 7, "0000:01:00.0"); /* /dev/full stands in */
	put_process(4711, "fd/9", "/dev/full");
	setup(-EINVAL, NULL);
	dev.fd = open("/dev/full", O_RDONLY | O_CLOEXEC);
	CHECK_EQ(vfio_device_bind(&dev, 9), -EBUSY);
	CHECK_ERROR("0000:01:00.0: is in use by process 4711");
	unlink(path_of("proc/4711/fd/9"));
	dev.has_token = true;
	CHECK_EQ(vfio_device_bind(&dev, 9), -EINVAL);
	CHECK_ERROR("takes no VF token");
	dev.has_token = false;
	put(path_of("%s", regions), direct, strlen(direct));
	CHECK_EQ(vfio_device_bind(&dev, 9), -EINVAL);
	CHECK_ERROR("`direct` in the reserved_regions of its group 7");
	put(path_of("%s", regions), relaxable, strlen(relaxable));
	CHECK_EQ(vfio_device_bind(&dev, 9), -EINVAL);
	CHECK_ERROR("does not keep DMA coherent with caches");
	close(dev.fd);
	clear_tree();
	rmdir(tree);
	sysfs_set_root(NULL);
}

static const struct test tests[] = {
	TEST(short_accesses),
	TEST(sparse_lists),
	TEST(interrupts),
	TEST(hot_reset_lists),
	TEST(hot_reset_in_a_wide_domain),
	TEST(bind_invalid),
	TEST(binds),
	TEST(attachments),
	TEST(mappings_of_memory),
};
TEST_MAIN(tests)
