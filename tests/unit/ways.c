/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways to a device (include/host/way.h) over a kernel that keeps what it was asked, in order, and
 * answers what a test says: the same calls from above, and what each way makes of them.
 */
#include <host/way.h>

#include <errno.h>
#include <host/call.h>
#include <linux/iommufd.h>
#include <unistd.h>

#include "test.h"

static struct {
	char said[1024]; /* the names of all calls, with a space after each */
	const char *refused;
	int err;
} kernel;

static int answer(const char *name)
{
	strncat(kernel.said, name, sizeof(kernel.said) - strlen(kernel.said) - 1);
	strncat(kernel.said, " ", sizeof(kernel.said) - strlen(kernel.said) - 1);
	return kernel.refused && !strcmp(name, kernel.refused) ? kernel.err : 0;
}

int host_ioctl(int fd, unsigned long request, void *arg, const char *name)
{
	int r = answer(name);

	(void)fd, (void)arg;
	if (!r && request == IOMMU_IOAS_ALLOC)
		((struct iommu_ioas_alloc *)arg)->out_ioas_id = 7;
	return r;
}

int host_open(const char *path)
{
	return answer(path) ?: dup(STDERR_FILENO);
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

static const struct test tests[] = {
	TEST(cdev),
	TEST(memory_by_address),
	TEST(no_peers),
};
TEST_MAIN(tests)
