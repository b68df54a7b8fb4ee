/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways to a device (include/host/way.h) over a kernel that keeps what it was asked, in order, and
 * answers what a test says: the same calls from above, and what each way makes of them.
 */
#include <host/way.h>

#include <errno.h>
#include <host/call.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <stdlib.h>
#include <unistd.h>

#include "test.h"

static struct {
	char said[1024]; /* the names of all calls, with a space after each */
	const char *refused;
	int err;
	uint32_t status, flags; /* of groups, of a device */
	bool no_type1, has_iommu, has_spans;
	uint32_t claimed, next_cap; /* what the capability says; 0: the truth */
	unsigned hits;
	int container, from_group;
	char device[96];
	struct vfio_iommu_type1_dma_map map;
	struct {
		struct vfio_pci_hot_reset head;
		int32_t fds[8];
	} reset;
} kernel;

static int answer(const char *name)
{
	strncat(kernel.said, name, sizeof(kernel.said) - strlen(kernel.said) - 1);
	strncat(kernel.said, " ", sizeof(kernel.said) - strlen(kernel.said) - 1);
	return kernel.refused && !strcmp(name, kernel.refused) ? kernel.err : 0;
}

#define SPANS 3

/* As type1 answers: how much room it takes, or the capability of the spans behind another. */
static void give_spans(struct vfio_iommu_type1_info *info)
{
	static const struct vfio_iova_range spans[SPANS] = { { 0, 0xfedfffff },
							     { 0xfef00000, BIT64(39) - 1 },
							     { BIT64(40), UINT64_MAX } };
	const struct vfio_iommu_type1_info_dma_avail avail = {
		.header = { VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, 1, sizeof(*info) + 16 },
		.avail = 3,
	};
	struct vfio_iommu_type1_info_cap_iova_range cap = {
		.header = { VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1, kernel.next_cap },
		.nr_iovas = kernel.claimed ?: SPANS,
	};
	uint32_t size = sizeof(*info) + 16 + sizeof(cap) + sizeof(spans);
	uint8_t *base = (uint8_t *)info;

	if (!kernel.has_spans)
		return;
	info->flags = VFIO_IOMMU_INFO_CAPS;
	info->cap_offset = info->argsz < size ? 0 : sizeof(*info);
	if (info->argsz >= size) {
		memcpy(base + sizeof(*info), &avail, sizeof(avail));
		memcpy(base + sizeof(*info) + 16, &cap, sizeof(cap));
		memcpy(base + sizeof(*info) + 16 + sizeof(cap), spans, sizeof(spans));
	}
	info->argsz = size;
}

/* Two functions in a group, a third in another, a fourth that nobody of ours has. */
static int give_hits(struct vfio_pci_hot_reset_info *info)
{
	static const struct vfio_pci_dependent_device hits[] = {
		{ .group_id = 7, .bus = 1, .devfn = 0 },
		{ .group_id = 7, .bus = 1, .devfn = 1 },
		{ .group_id = 8, .bus = 1, .devfn = 2 },
		{ .group_id = 9, .bus = 1, .devfn = 3 },
	};

	info->count = kernel.hits;
	if (info->argsz < sizeof(*info) + kernel.hits * sizeof(hits[0]))
		return -ENOSPC;
	memcpy(info->devices, hits, kernel.hits * sizeof(hits[0]));
	return 0;
}

int host_ioctl(int fd, unsigned long request, void *arg, const char *name)
{
	int r = answer(name);

	if (r)
		return r;
	/* By name: numbers of VFIO mean other things on other files. */
	(void)request;
	if (!strcmp(name, "IOMMU_IOAS_ALLOC"))
		((struct iommu_ioas_alloc *)arg)->out_ioas_id = 7;
	if (!strcmp(name, "IOMMU_VFIO_IOAS"))
		((struct iommu_vfio_ioas *)arg)->ioas_id = 9;
	if (!strcmp(name, "VFIO_CHECK_EXTENSION"))
		return (uintptr_t)arg == VFIO_TYPE1v2_IOMMU && !kernel.no_type1;
	if (!strcmp(name, "VFIO_GROUP_GET_STATUS"))
		((struct vfio_group_status *)arg)->flags = kernel.status;
	if (!strcmp(name, "VFIO_GROUP_SET_CONTAINER"))
		kernel.container = *(int32_t *)arg;
	if (!strcmp(name, "VFIO_GROUP_GET_DEVICE_FD")) {
		snprintf(kernel.device, sizeof(kernel.device), "%s", (const char *)arg);
		kernel.from_group = fd;
		return dup(STDERR_FILENO);
	}
	if (!strcmp(name, "VFIO_SET_IOMMU"))
		kernel.has_iommu = true;
	if (!strcmp(name, "VFIO_IOMMU_GET_INFO")) {
		if (!kernel.has_iommu)
			return -EINVAL;
		give_spans(arg);
	}
	if (!strcmp(name, "VFIO_IOMMU_MAP_DMA"))
		memcpy(&kernel.map, arg, sizeof(kernel.map));
	if (!strcmp(name, "VFIO_DEVICE_GET_INFO"))
		((struct vfio_device_info *)arg)->flags = VFIO_DEVICE_FLAGS_PCI | kernel.flags;
	if (!strcmp(name, "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO"))
		return give_hits(arg);
	if (!strcmp(name, "VFIO_DEVICE_PCI_HOT_RESET"))
		memcpy(&kernel.reset, arg, MIN(((uint32_t *)arg)[0], sizeof(kernel.reset)));
	return 0;
}

int host_open(const char *path)
{
	int r = answer(path);

	return r ? r : dup(STDERR_FILENO);
}

/* The calls in their order. */
static void check_said(const char *want)
{
	if (strcmp(kernel.said, want))
		fprintf(stderr, "  asked:    %s\n  expected: %s\n", kernel.said, want);
	CHECK(!strcmp(kernel.said, want));
}

static struct vfio_space space;
static struct vfio_device dev;

static void set_up(const char *refused, int err)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.refused = refused;
	kernel.err = err;
	kernel.status = VFIO_GROUP_FLAGS_VIABLE;
	vfio_space_init(&space);
	dev = (struct vfio_device){ .name = "0000:01:00.0", .fd = -1 };
}

static const struct vfio_memory memory = { .fd = 3, .size = MIB(2), .hva = (void *)MIB(4) };

static void cdev(void)
{
	set_up(NULL, 0);
	CHECK_EQ(vfio_space_open(&space), 0);
	CHECK_EQ(vfio_space_bind(&space, &dev), 0);
	CHECK_EQ(vfio_space_attach(&space, &dev), 0);
	CHECK_EQ(space.ioas, 7);
	CHECK_EQ(vfio_space_map(&space, &memory, GIB(1)), 0);
	CHECK_EQ(vfio_space_unmap(&space, GIB(1), MIB(2)), 0);
	/* What is there already is not done again: a guest's reboot keeps the devices. */
	CHECK_EQ(vfio_space_bind(&space, &dev), 0);
	CHECK_EQ(vfio_space_attach(&space, &dev), 0);
	CHECK_EQ(vfio_space_detach(&space, &dev), 0);
	vfio_space_close(&space);
	check_said("/dev/iommu VFIO_DEVICE_BIND_IOMMUFD IOMMU_IOAS_ALLOC "
		   "VFIO_DEVICE_ATTACH_IOMMUFD_PT IOMMU_IOAS_MAP_FILE "
		   "IOMMU_IOAS_UNMAP VFIO_DEVICE_DETACH_IOMMUFD_PT IOMMU_DESTROY ");
	CHECK_EQ(space.fd, -1);
	CHECK_EQ(*error_message(), 0);
}

/* Kernels before 6.13. */
static void memory_by_address(void)
{
	set_up("IOMMU_IOAS_MAP_FILE", -ENOTTY);
	CHECK_EQ(vfio_space_map(&space, &memory, GIB(1)), 0);
	check_said("IOMMU_IOAS_MAP_FILE IOMMU_IOAS_MAP ");
	CHECK_EQ(*error_message(), 0);
}

/* Kernels before 6.19. */
static void no_peers(void)
{
	set_up("VFIO_DEVICE_FEATURE", -ENOTTY);
	CHECK_EQ(vfio_space_map_bar(&space, &dev, 0, (struct range){ 0, MIB(1) }, NULL, GIB(3)),
		 -ENOTTY);
	check_said("VFIO_DEVICE_FEATURE ");
	CHECK_EQ(*error_message(), 0);
}

static struct host_function fn, beside, apart;
static struct vfio_device second, third;

static void set_up_groups(enum vfio_way way, const char *refused, int err)
{
	set_up(refused, err);
	space.way = way;
	fn = (struct host_function){ .bdf = { .bus = 1 }, .group = 7, .has_vfio_dev = true };
	beside = fn;
	beside.bdf.function = 1;
	apart = fn;
	apart.bdf.function = 2;
	apart.group = 8;
	second = third = dev;
}

static int open_and_bind(struct vfio_device *which, const struct host_function *what)
{
	int r = vfio_space_open_device(&space, what, which);

	return r ? r : vfio_space_bind(&space, which);
}

static void group(void)
{
	set_up_groups(VFIO_WAY_GROUP, NULL, 0);
	CHECK_EQ(vfio_space_open(&space), 0);
	CHECK_EQ(open_and_bind(&dev, &fn), 0);
	CHECK_EQ(vfio_space_attach(&space, &dev), 0);
	CHECK_EQ(kernel.container, space.fd);
	CHECK(!strcmp(kernel.device, "0000:01:00.0"));
	CHECK(dev.bound && dev.attached && dev.state == VFIO_DEVICE_BOUND);
	CHECK_EQ(vfio_device_file(&dev), space.groups[0].fd);
	CHECK_EQ(vfio_space_map(&space, &memory, GIB(1)), 0);
	CHECK_EQ(kernel.map.vaddr, MIB(4));
	CHECK_EQ(kernel.map.iova, GIB(1));
	CHECK_EQ(kernel.map.size, MIB(2));
	CHECK_EQ(kernel.map.flags, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
	CHECK_EQ(vfio_space_map_bar(&space, &dev, 0, (struct range){ 0, KIB(16) }, (void *)MIB(8),
				    GIB(3)),
		 0);
	CHECK_EQ(kernel.map.vaddr, MIB(8));
	CHECK_EQ(kernel.map.size, KIB(16));
	CHECK_EQ(vfio_space_unmap(&space, GIB(1), MIB(2)), 0);
	CHECK(vfio_space_accounts_process(&space));
	check_said("/dev/vfio/vfio VFIO_GET_API_VERSION VFIO_CHECK_EXTENSION /dev/vfio/7 "
		   "VFIO_GROUP_GET_STATUS VFIO_GROUP_SET_CONTAINER VFIO_IOMMU_GET_INFO "
		   "VFIO_SET_IOMMU VFIO_GROUP_GET_DEVICE_FD VFIO_IOMMU_MAP_DMA VFIO_IOMMU_MAP_DMA "
		   "VFIO_IOMMU_UNMAP_DMA ");
	/* Nothing again for the next guest; nothing of the kernel's to destroy. */
	kernel.said[0] = 0;
	CHECK_EQ(vfio_space_bind(&space, &dev), 0);
	CHECK_EQ(vfio_space_attach(&space, &dev), 0);
	CHECK_EQ(vfio_space_detach(&space, &dev), 0);
	vfio_space_close(&space);
	check_said("");
	CHECK_EQ(space.fd, -1);
	CHECK_EQ(*error_message(), 0);
}

/* One file for the two of a group; another joins the same container. */
static void groups_share(void)
{
	set_up_groups(VFIO_WAY_GROUP, NULL, 0);
	space.fd = 77;
	CHECK_EQ(open_and_bind(&dev, &fn), 0);
	CHECK_EQ(open_and_bind(&second, &beside), 0);
	CHECK_EQ(open_and_bind(&third, &apart), 0);
	check_said("/dev/vfio/7 VFIO_GROUP_GET_STATUS VFIO_GROUP_SET_CONTAINER "
		   "VFIO_IOMMU_GET_INFO VFIO_SET_IOMMU VFIO_GROUP_GET_DEVICE_FD "
		   "VFIO_GROUP_GET_DEVICE_FD /dev/vfio/8 VFIO_GROUP_GET_STATUS "
		   "VFIO_GROUP_SET_CONTAINER VFIO_GROUP_GET_DEVICE_FD ");
	CHECK_EQ(space.n_groups, 2);
	CHECK_EQ(vfio_device_file(&dev), vfio_device_file(&second));
	CHECK(vfio_device_file(&dev) != vfio_device_file(&third));
	CHECK_EQ(kernel.from_group, vfio_device_file(&third));
	CHECK(dev.devid != second.devid && second.devid != third.devid && third.devid);
}

static void group_on_iommufd(void)
{
	set_up_groups(VFIO_WAY_GROUP_IOMMUFD, NULL, 0);
	dev.has_token = true;
	for (unsigned i = 0; i < 16; i++)
		dev.token[i] = (uint8_t)(i * 17);
	CHECK_EQ(vfio_space_open(&space), 0);
	CHECK_EQ(open_and_bind(&dev, &fn), 0);
	CHECK_EQ(vfio_space_attach(&space, &dev), 0);
	CHECK_EQ(space.ioas, 9);
	CHECK(!strcmp(kernel.device, "0000:01:00.0 vf_token=00112233-4455-6677-8899-aabbccddeeff"));
	CHECK_EQ(vfio_space_map(&space, &memory, GIB(1)), 0);
	vfio_space_close(&space);
	check_said("/dev/iommu /dev/vfio/7 VFIO_GROUP_GET_STATUS VFIO_GROUP_SET_CONTAINER "
		   "IOMMU_VFIO_IOAS VFIO_GROUP_GET_DEVICE_FD IOMMU_IOAS_MAP_FILE ");
}

/* Opened by somebody else, who may have put it into the container: it is not put there again. */
static void group_handed_over(void)
{
	int file = dup(STDERR_FILENO);

	set_up_groups(VFIO_WAY_GROUP, NULL, 0);
	space.fd = 77;
	kernel.status |= VFIO_GROUP_FLAGS_CONTAINER_SET;
	kernel.has_iommu = true;
	CHECK_EQ(vfio_space_take_group(&space, &dev, 7, file), 0);
	CHECK_EQ(vfio_space_take_group(&space, &second, 7, file), 0);
	CHECK_EQ(space.n_groups, 1);
	CHECK(strstr(vfio_device_wants_space(&dev), "container-fd=N"));
	CHECK_EQ(vfio_space_bind(&space, &dev), 0);
	check_said("VFIO_GROUP_GET_STATUS VFIO_IOMMU_GET_INFO VFIO_GROUP_GET_DEVICE_FD ");
	vfio_space_close(&space);
	/* In another container than the one that comes with it: that one has no group. */
	for (enum vfio_way way = VFIO_WAY_GROUP_IOMMUFD; way <= VFIO_WAY_GROUP; way++) {
		bool type1 = way == VFIO_WAY_GROUP;

		set_up_groups(way, type1 ? "VFIO_SET_IOMMU" : "IOMMU_VFIO_IOAS",
			      type1 ? -EINVAL : -ENODEV);
		space.fd = 77;
		kernel.status |= VFIO_GROUP_FLAGS_CONTAINER_SET;
		CHECK_EQ(vfio_space_take_group(&space, &dev, 7, 78), 0);
		CHECK_EQ(vfio_space_bind(&space, &dev), -EINVAL);
		CHECK_ERROR("its group is in another container");
	}
	set_up_groups(VFIO_WAY_GROUP, "VFIO_GROUP_GET_STATUS", -ENOTTY);
	CHECK_EQ(vfio_space_take_group(&space, &dev, 7, STDERR_FILENO), -EBADF);
	CHECK_ERROR("is not its VFIO group; hand over /dev/vfio/7");
}

/* A mediated device: called by its UUID, and not reset when it has no reset. */
static void mediated(void)
{
	set_up_groups(VFIO_WAY_GROUP, NULL, 0);
	space.fd = 77;
	snprintf(fn.mdev, sizeof(fn.mdev), "d69e3f51-4e0f-4b8f-9c6e-0d7f6c2f3f11");
	CHECK_EQ(open_and_bind(&dev, &fn), 0);
	CHECK(!strcmp(kernel.device, fn.mdev));
	CHECK(dev.no_reset);
	set_up_groups(VFIO_WAY_GROUP, NULL, 0);
	space.fd = 77;
	snprintf(fn.mdev, sizeof(fn.mdev), "d69e3f51-4e0f-4b8f-9c6e-0d7f6c2f3f11");
	kernel.flags = VFIO_DEVICE_FLAGS_RESET;
	CHECK_EQ(open_and_bind(&dev, &fn), 0);
	CHECK(!dev.no_reset);
}

static void spans(void)
{
	struct range at[8];
	unsigned n = 8;

	set_up_groups(VFIO_WAY_GROUP, NULL, 0);
	kernel.has_iommu = true;
	/* Emulated devices alone: no span is told. */
	CHECK_EQ(vfio_space_ranges(&space, at, &n), 0);
	CHECK_EQ(n, 1);
	CHECK_EQ(at[0].size, UINT64_MAX);
	kernel.has_spans = true;
	n = 8;
	CHECK_EQ(vfio_space_ranges(&space, at, &n), 0);
	CHECK_EQ(n, SPANS);
	CHECK_EQ(at[0].size, 0xfee00000);
	CHECK_EQ(at[1].base, 0xfef00000);
	CHECK_EQ(at[1].base + at[1].size, BIT64(39));
	CHECK_EQ(at[2].base + at[2].size, UINT64_MAX);
	n = 2;
	CHECK_EQ(vfio_space_ranges(&space, at, &n), -EMSGSIZE);
	/* Round and round, and more spans than were sent. */
	kernel.next_cap = sizeof(struct vfio_iommu_type1_info);
	kernel.claimed = 6;
	n = 8;
	CHECK_EQ(vfio_space_ranges(&space, at, &n), 0);
	CHECK_EQ(n, SPANS);
	CHECK_EQ(*error_message(), 0);
	/* Those of a later group are the kernel's to refuse. */
	kernel.said[0] = 0;
	CHECK_EQ(vfio_space_keep(&space, at, 3), 0);
	check_said("");
}

/* How many mappings it takes is asked before the first is made. */
static void room(void)
{
	set_up_groups(VFIO_WAY_GROUP, NULL, 0);
	kernel.has_iommu = true;
	CHECK_EQ(vfio_space_check_room(&space, 1000), 0); /* it does not say */
	kernel.has_spans = true;
	CHECK_EQ(vfio_space_check_room(&space, 3), 0);
	CHECK_EQ(vfio_space_check_room(&space, 4), -ENOSPC);
	CHECK_ERROR("takes no more mappings than 3, and 4 are to be made; raise the limit: echo "
		    "65535 > /sys/module/vfio_iommu_type1/parameters/dma_entry_limit");
	error_clear();
	set_up_groups(VFIO_WAY_GROUP_IOMMUFD, NULL, 0);
	CHECK_EQ(vfio_space_check_room(&space, 1000), 0);
	check_said("");
}

static void what_groups_refuse(void)
{
	static const struct {
		enum vfio_way way;
		const char *call;
		int err;
		const char *says;
	} cases[] = {
		{ VFIO_WAY_GROUP, "/dev/vfio/7", -ENOENT, "/dev/vfio/7 does not exist" },
		{ VFIO_WAY_GROUP, "/dev/vfio/7", -EACCES, "chown $USER /dev/vfio/7" },
		{ VFIO_WAY_GROUP, "/dev/vfio/7", -EBUSY,
		  "in use by another process (/dev/vfio/7)" },
		{ VFIO_WAY_GROUP, "VFIO_GROUP_SET_CONTAINER", -EPERM, "bound to a host driver" },
		{ VFIO_WAY_GROUP, "VFIO_SET_IOMMU", -EPERM, "no interrupt remapping" },
		{ VFIO_WAY_GROUP, "VFIO_SET_IOMMU", -EINVAL, "the IOMMU refuses it" },
		{ VFIO_WAY_GROUP, "VFIO_GROUP_GET_DEVICE_FD", -ENODEV, "is not in IOMMU group 7" },
		{ VFIO_WAY_GROUP, "VFIO_GROUP_GET_DEVICE_FD", -EACCES, "by a VF token" },
		{ VFIO_WAY_GROUP, "VFIO_GROUP_GET_DEVICE_FD", -EAGAIN, "try again" },
		{ VFIO_WAY_GROUP_IOMMUFD, "VFIO_GROUP_GET_DEVICE_FD", -EPERM,
		  "no interrupt remapping" },
		{ VFIO_WAY_GROUP_IOMMUFD, "IOMMU_VFIO_IOAS", -ENODEV, "IOMMU_VFIO_IOAS failed" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		set_up_groups(cases[i].way, cases[i].call, cases[i].err);
		space.fd = 77;
		CHECK(open_and_bind(&dev, &fn) < 0);
		CHECK_EQ(error_status(), STATUS_HOST);
		CHECK(!dev.bound);
		CHECK_ERROR(cases[i].says);
	}
	set_up_groups(VFIO_WAY_GROUP, NULL, 0);
	kernel.status = 0;
	CHECK_EQ(open_and_bind(&dev, &fn), -EBUSY);
	CHECK_ERROR("another of IOMMU group 7 is bound to a host driver; see: thru devices");
	check_said("/dev/vfio/7 VFIO_GROUP_GET_STATUS ");
	set_up_groups(VFIO_WAY_GROUP, NULL, 0);
	kernel.no_type1 = true;
	CHECK_EQ(vfio_space_open(&space), -ENODEV);
	CHECK_ERROR("no IOMMU driver type1; run: modprobe vfio_iommu_type1");
	set_up_groups(VFIO_WAY_GROUP, "/dev/vfio/vfio", -ENOENT);
	CHECK_EQ(vfio_space_open(&space), -ENOENT);
	CHECK_ERROR("CONFIG_VFIO_CONTAINER");
}

static void what_containers_refuse(void)
{
	static const struct {
		int err;
		const char *says;
	} cases[] = {
		{ -ENOMEM, "cannot pin 2 MiB of guest memory; raise the limit on locked memory" },
		{ -ENOSPC, "dma_entry_limit" },
		{ -EINVAL, "cannot reach guest memory at 0x40000000-0x401fffff" },
		{ -EFAULT, "VFIO_IOMMU_MAP_DMA failed: Bad address" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		set_up_groups(VFIO_WAY_GROUP, "VFIO_IOMMU_MAP_DMA", cases[i].err);
		CHECK_EQ(vfio_space_map(&space, &memory, GIB(1)), cases[i].err);
		CHECK_ERROR(cases[i].says);
	}
}

/* The same words as by cdevs: ours by its number, ours and not open, not ours. */
static void hot_reset_by_groups(void)
{
	struct vfio_pci_hot_reset_info *info = NULL;

	set_up_groups(VFIO_WAY_GROUP, NULL, 0);
	CHECK_EQ(open_and_bind(&dev, &fn), 0);
	CHECK_EQ(open_and_bind(&third, &apart), 0);
	kernel.hits = 4;
	CHECK_EQ(vfio_hot_reset_info(&dev, &info), 0);
	CHECK_EQ(info->devices[0].devid, dev.devid);
	CHECK_EQ(info->devices[1].devid,
		 (uint32_t)VFIO_PCI_DEVID_NOT_OWNED); /* our group; not VFIO's */
	CHECK_EQ(info->devices[2].devid, third.devid);
	CHECK_EQ(info->devices[3].devid, (uint32_t)VFIO_PCI_DEVID_NOT_OWNED);
	CHECK(!(info->flags & VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED));
	free(info);
	/* In the group of the fourth the host has nothing that it knows of as VFIO's, either. */
	CHECK_EQ(open_and_bind(&second, &beside), 0);
	kernel.hits = 3;
	CHECK_EQ(vfio_hot_reset_info(&dev, &info), 0);
	CHECK_EQ(info->devices[1].devid, second.devid);
	CHECK(info->flags & VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED);
	free(info);
	/* The files of the groups that it hits, each once. */
	CHECK_EQ(vfio_hot_reset(&dev), 0);
	CHECK_EQ(kernel.reset.head.count, 2);
	CHECK_EQ(kernel.reset.head.argsz, sizeof(kernel.reset.head) + 8);
	CHECK_EQ(kernel.reset.fds[0], vfio_device_file(&dev));
	CHECK_EQ(kernel.reset.fds[1], vfio_device_file(&third));
	kernel.hits = 2;
	CHECK_EQ(vfio_hot_reset(&dev), 0);
	CHECK_EQ(kernel.reset.head.count, 1);
}

static const struct test tests[] = {
	TEST(cdev),
	TEST(memory_by_address),
	TEST(no_peers),
	TEST(group),
	TEST(groups_share),
	TEST(group_on_iommufd),
	TEST(group_handed_over),
	TEST(mediated),
	TEST(spans),
	TEST(room),
	TEST(what_groups_refuse),
	TEST(what_containers_refuse),
	TEST(hot_reset_by_groups),
};
TEST_MAIN(tests)
