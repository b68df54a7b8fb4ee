/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VFIO's own containers (drivers/vfio/container.c, vfio_iommu_type1.c for what each errno means).
 * Type1 version 2: a mapping is unmapped as a whole, or not.
 *
 * Main thread, or under the loop's lock (BARs of p2p).
 */
#include "container.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <host/call.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

static int refused(const char *name, int err)
{
	return fail(STATUS_HOST, -err, "/dev/vfio/vfio: %s failed: %s", name, strerror(-err));
}

int container_check(int container)
{
	int version = HOST_IOCTL(container, VFIO_GET_API_VERSION, 0);

	if (version != VFIO_API_VERSION)
		return fail(STATUS_HOST, ENOTSUP,
			    "/dev/vfio/vfio: not a VFIO container of version %d; use a kernel with "
			    "CONFIG_VFIO_CONTAINER",
			    VFIO_API_VERSION);
	if (HOST_IOCTL(container, VFIO_CHECK_EXTENSION, (unsigned long)VFIO_TYPE1v2_IOMMU) <= 0)
		return fail(STATUS_HOST, ENODEV,
			    "/dev/vfio/vfio: VFIO has no IOMMU driver type1; run: modprobe "
			    "vfio_iommu_type1 (kernel option CONFIG_VFIO_IOMMU_TYPE1)");
	return 0;
}

int container_open(int *ret_fd)
{
	_cleanup_fd_ int fd = host_open("/dev/vfio/vfio");
	int r;

	if (fd == -EACCES || fd == -EPERM)
		return fail(STATUS_HOST, -fd,
			    "/dev/vfio/vfio: permission denied; run as root, or give this user the "
			    "file");
	if (fd < 0)
		return fail(STATUS_HOST, -fd,
			    "/dev/vfio/vfio: %s; load the module (modprobe vfio-pci), or use a "
			    "kernel with CONFIG_VFIO_CONTAINER",
			    strerror(-fd));
	r = container_check(fd);
	if (r)
		return r;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int container_set_type1(int container)
{
	int r = HOST_IOCTL(container, VFIO_SET_IOMMU, (unsigned long)VFIO_TYPE1v2_IOMMU);

	return r < 0 ? r : 0;
}

bool container_has_iommu(int container)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };

	return !HOST_IOCTL(container, VFIO_IOMMU_GET_INFO, &info);
}

/* A capability of the answer, or NULL (a chain of offsets into it). */
static const void *find_cap(const struct vfio_iommu_type1_info *info, uint16_t id)
{
	uint32_t at = info->flags & VFIO_IOMMU_INFO_CAPS ? info->cap_offset : 0;

	for (unsigned n = 0; n < 16 && at >= sizeof(*info); n++) {
		const struct vfio_info_cap_header *cap = (const void *)((const uint8_t *)info + at);

		if (at + sizeof(*cap) > info->argsz)
			return NULL;
		if (cap->id == id)
			return cap;
		at = cap->next;
	}
	return NULL;
}

static int get_info(int container, struct vfio_iommu_type1_info **ret)
{
	struct vfio_iommu_type1_info *info = NULL;
	uint32_t size = sizeof(*info);
	int r = 0;

	/* Asked again with the room that it says it takes; groups may come in between. */
	for (unsigned tries = 0; tries < 4; tries++) {
		free(info);
		info = calloc(1, size);
		if (!info)
			return fail(STATUS_FAILURE, ENOMEM, "/dev/vfio/vfio: out of memory");
		info->argsz = size;
		r = HOST_IOCTL(container, VFIO_IOMMU_GET_INFO, info);
		if (r < 0 || info->argsz <= size || info->argsz > MIB(1))
			break;
		size = info->argsz;
	}
	if (r < 0) {
		free(info);
		return refused("VFIO_IOMMU_GET_INFO", r);
	}
	info->argsz = MIN(info->argsz, size);
	*ret = info;
	return 0;
}

int container_ranges(int container, struct range *ranges, unsigned *n)
{
	const struct vfio_iommu_type1_info_cap_iova_range *cap;
	struct vfio_iommu_type1_info *info = NULL;
	unsigned room = *n, count = 0;
	int r = get_info(container, &info);

	if (r)
		return r;
	cap = find_cap(info, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
	/* None: emulated devices alone, which reach everything. */
	if (!cap && room)
		ranges[count++] = (struct range){ 0, UINT64_MAX };
	while (cap && count < cap->nr_iovas && count < room &&
	       (const uint8_t *)&cap->iova_ranges[count + 1] <= (uint8_t *)info + info->argsz) {
		const struct vfio_iova_range *span = &cap->iova_ranges[count];

		/* The last of a span is inclusive; see ioas_iova_ranges(). */
		ranges[count++] = (struct range){ span->start, span->end - span->start +
								       (span->end != UINT64_MAX) };
	}
	r = cap && cap->nr_iovas > room ? -EMSGSIZE : 0;
	free(info);
	if (!r)
		*n = count;
	return r;
}

static int no_room(unsigned n, unsigned avail)
{
	return fail(STATUS_HOST, ENOSPC,
		    "/dev/vfio/vfio: the container takes no more mappings than %u, and %u are to "
		    "be made; raise the limit: echo 65535 > "
		    "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit",
		    avail, n);
}

int container_check_room(int container, unsigned n)
{
	const struct vfio_iommu_type1_info_dma_avail *cap;
	struct vfio_iommu_type1_info *info = NULL;
	int r = get_info(container, &info);

	if (r)
		return r;
	cap = find_cap(info, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL);
	if (cap && (const uint8_t *)(cap + 1) <= (uint8_t *)info + info->argsz && cap->avail < n)
		r = no_room(n, cap->avail);
	free(info);
	return r;
}

static int map_refused(uint64_t size, iova_t iova, int err)
{
	if (err == -ENOMEM)
		return fail(STATUS_HOST, ENOMEM,
			    "/dev/vfio/vfio: cannot pin %" PRIu64 " MiB of guest memory; raise the "
			    "limit on locked memory (ulimit -l) to that and 64 MiB more, or ask "
			    "for less (--mem)",
			    size >> 20);
	if (err == -ENOSPC)
		return no_room(1, 0);
	if (err == -EINVAL)
		return fail(
			STATUS_HOST, EINVAL,
			"/dev/vfio/vfio: the host's IOMMU cannot reach guest memory at %#" PRIx64
			"-%#" PRIx64 "; ask for less memory (--mem)",
			iova, iova + size - 1);
	return refused("VFIO_IOMMU_MAP_DMA", err);
}

int container_map(int container, void *hva, uint64_t size, iova_t iova)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)hva,
		.iova = iova,
		.size = size,
	};
	int r = HOST_IOCTL(container, VFIO_IOMMU_MAP_DMA, &arg);

	return r < 0 ? map_refused(size, iova, r) : 0;
}

int container_unmap(int container, iova_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap arg = { .argsz = sizeof(arg),
						  .iova = iova,
						  .size = size };
	int r = HOST_IOCTL(container, VFIO_IOMMU_UNMAP_DMA, &arg);

	/* A hole is none: nothing is unmapped then (arg.size comes back 0). */
	return r < 0 && r != -ENOENT ? refused("VFIO_IOMMU_UNMAP_DMA", r) : 0;
}
