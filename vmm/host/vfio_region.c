/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Regions of a VFIO device: configuration space, BARs, the ROM (include/uapi/linux/vfio.h): what they
 * are, access by pread and pwrite, mappings, parts as dma-bufs.
 *
 * Main thread, or under the device lock.
 */
#include "vfio_refused.h"

#include <base/clock.h>
#include <base/error.h>
#include <errno.h>
#include <fcntl.h>
#include <host/call.h>
#include <host/explain.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The sparse mmap capability in a region's info, NULL when there is none. Chain is the kernel's. */
static const struct vfio_region_info_cap_sparse_mmap *sparse_cap(
	const struct vfio_region_info *info)
{
	const uint8_t *base = (const uint8_t *)info;
	uint32_t at = info->cap_offset;

	if (!(info->flags & VFIO_REGION_INFO_FLAG_CAPS))
		return NULL;
	while (at && at <= info->argsz - sizeof(struct vfio_info_cap_header)) {
		const struct vfio_info_cap_header *cap = (const void *)(base + at);

		if (cap->id == VFIO_REGION_INFO_CAP_SPARSE_MMAP)
			return (const void *)cap;
		if (cap->next <= at)
			break;
		at = cap->next;
	}
	return NULL;
}

static void region_mmaps(const struct vfio_region_info *info, struct range *mmaps, unsigned *n)
{
	const struct vfio_region_info_cap_sparse_mmap *cap = sparse_cap(info);
	unsigned room = *n;

	*n = 0;
	if (!(info->flags & VFIO_REGION_INFO_FLAG_MMAP) || !room)
		return;
	if (!cap) {
		mmaps[(*n)++] = (struct range){ 0, info->size };
		return;
	}
	/* What does not fit is only trapped instead. */
	for (uint32_t i = 0; i < cap->nr_areas && *n < room; i++)
		if (cap->areas[i].size)
			mmaps[(*n)++] = (struct range){ cap->areas[i].offset, cap->areas[i].size };
}

int vfio_region_info(const struct vfio_device *dev, unsigned index, struct vfio_region_info *ret,
		     struct range *mmaps, unsigned *n_mmaps)
{
	struct vfio_region_info small = { .argsz = sizeof(small), .index = index }, *info = &small;
	void *large = NULL;
	int r = HOST_IOCTL(dev->fd, VFIO_DEVICE_GET_REGION_INFO, info);

	if (!r && small.argsz > sizeof(small)) {
		large = calloc(1, small.argsz);
		if (!large)
			return fail(STATUS_FAILURE, ENOMEM, "%s: out of memory", dev->name);
		info = large;
		*info = (struct vfio_region_info){ .argsz = small.argsz, .index = index };
		r = HOST_IOCTL(dev->fd, VFIO_DEVICE_GET_REGION_INFO, info);
	}
	if (r < 0) {
		free(large);
		/* The VGA region of a function that is no VGA adapter, for one. */
		if (r != -EINVAL)
			return vfio_refused(dev, "VFIO_DEVICE_GET_REGION_INFO", r);
		*ret = (struct vfio_region_info){ .index = index };
		*n_mmaps = 0;
		return 0;
	}
	region_mmaps(info, mmaps, n_mmaps);
	*ret = *info;
	free(large);
	return 0;
}

static int whole(ssize_t n, unsigned len)
{
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int vfio_region_read(const struct vfio_device *dev, uint64_t at, void *buf, unsigned len)
{
	int r = whole(pread(dev->fd, buf, len, (off_t)at), len);

	if (explain_on)
		explain_access(dev->fd, at, false, r);
	return r;
}

int vfio_region_read_some(const struct vfio_device *dev, uint64_t at, void *buf, unsigned len)
{
	ssize_t n = pread(dev->fd, buf, len, (off_t)at);
	int r = n < 0 ? -errno : (int)n;

	if (explain_on)
		explain_access(dev->fd, at, false, MIN(r, 0));
	return r;
}

int vfio_region_write(const struct vfio_device *dev, uint64_t at, const void *buf, unsigned len)
{
	int r = whole(pwrite(dev->fd, buf, len, (off_t)at), len);

	if (explain_on)
		explain_access(dev->fd, at, true, r);
	return r;
}

int vfio_region_mmap(const struct vfio_device *dev, uint64_t at, uint64_t size, uint64_t align,
		     void **ret_hva)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), room, lead;
	uint64_t began = explain_on ? clock_ns() : 0;
	uint8_t *base;
	void *hva;

	align = MAX(align, page);
	room = size + align;
	base = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return fail(STATUS_HOST, errno,
			    "%s: no address space for a BAR of %" PRIu64 " bytes: %s", dev->name,
			    size, strerror(errno));
	lead = (at - (uint64_t)(uintptr_t)base) & (align - 1);
	hva = mmap(base + lead, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, dev->fd,
		   (off_t)at);
	if (explain_on)
		explain_call("mmap", dev->fd, hva == MAP_FAILED ? -errno : 0, began,
			     "%" PRIu64 " KiB at %#" PRIx64 " of the file, to host %p", size >> 10,
			     at, hva);
	if (hva == MAP_FAILED) {
		int err = errno;

		munmap(base, room);
		return fail(STATUS_HOST, err, "%s: mapping of a BAR failed: %s", dev->name,
			    strerror(err));
	}
	if (lead)
		munmap(base, lead);
	if (room > lead + size)
		munmap(base + lead + size, room - lead - size);
	*ret_hva = hva;
	return 0;
}

void vfio_region_munmap(void *hva, uint64_t size)
{
	munmap(hva, size);
}

int vfio_region_dmabuf(const struct vfio_device *dev, unsigned index, struct range part,
		       int *ret_fd)
{
	const struct vfio_region_dma_range range = { .offset = part.base, .length = part.size };
	const struct vfio_device_feature_dma_buf body = {
		.region_index = index,
		.open_flags = O_RDWR | O_CLOEXEC,
		.nr_ranges = 1,
	};
	/* Three structures one after the other, each of which ends in the next. */
	uint64_t arg[(sizeof(struct vfio_device_feature) + sizeof(body) + sizeof(range)) / 8];
	struct vfio_device_feature *head = (struct vfio_device_feature *)arg;
	int r;

	*head = (struct vfio_device_feature){
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF,
	};
	memcpy(head->data, &body, sizeof(body));
	memcpy(head->data + sizeof(body), &range, sizeof(range));
	r = HOST_IOCTL(dev->fd, VFIO_DEVICE_FEATURE, arg);
	if (r < 0)
		return r;
	*ret_fd = r;
	return 0;
}
