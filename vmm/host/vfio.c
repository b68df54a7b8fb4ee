/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VFIO device cdevs (Documentation/driver-api/vfio.rst, "VFIO device cdev"; include/uapi/linux/
 * vfio.h; drivers/vfio/ for what each errno means).
 *
 * Main thread, or under the loop's lock.
 */
#include <host/vfio.h>

#include <base/error.h>
#include <errno.h>
#include <fcntl.h>
#include <host/call.h>
#include <host/explain.h>
#include <host/holder.h>
#include <stdio.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int refused(const struct vfio_device *dev, const char *name, int err)
{
	return fail(STATUS_HOST, -err, "%s: %s failed: %s", dev->name, name, strerror(-err));
}

/* Another process that has the device open, 0 when none is seen. */
static pid_t holder(const struct vfio_device *dev)
{
	char self[32], path[256];
	ssize_t n;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", dev->fd);
	n = readlink(self, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = 0;
	return holder_of(path);
}

/*
 * EINVAL from the bind: another file has the device open (drivers/vfio/vfio_main.c, vfio_df_open()),
 * or a token does not belong here.
 */
static int busy(const struct vfio_device *dev)
{
	pid_t pid = holder(dev);

	if (pid)
		return fail(STATUS_HOST, EBUSY, "%s: is in use by process %d; end that guest first",
			    dev->name, (int)pid);
	if (dev->has_token)
		return fail(
			STATUS_HOST, EINVAL,
			"%s: takes no VF token: neither it nor its physical function is one that "
			"vfio-pci has and makes virtual ones of, or the kernel is older than "
			"6.18; leave vf-token out",
			dev->name);
	return fail(STATUS_HOST, EBUSY, "%s: is in use by another process; end it first",
		    dev->name);
}

static int bind_refused(const struct vfio_device *dev, int err)
{
	switch (err) {
	case -EBUSY:
		return fail(
			STATUS_HOST, EBUSY,
			"%s: in use by another process, or a member of its IOMMU group is bound "
			"to a host driver; see: thru devices",
			dev->name);
	case -EPERM:
		return fail(
			STATUS_HOST, EPERM,
			"%s: the host cannot keep its interrupts apart from others' (no interrupt "
			"remapping); enable it in the firmware and on the kernel's command line "
			"(intremap=on)",
			dev->name);
	case -EACCES:
		return fail(STATUS_HOST, EACCES,
			    dev->has_token
				    ? "%s: its VF token is not the one that its physical function "
				      "was opened with; give that: --vfio ...,vf-token=UUID"
				    : "%s: belongs with other functions of one card that a user "
				      "has, who says so by a VF token; give theirs: --vfio "
				      "...,vf-token=UUID",
			    dev->name);
	case -EAGAIN:
		return fail(STATUS_HOST, EAGAIN,
			    "%s: it is being reset or reconfigured by the host; try again",
			    dev->name);
	case -EINVAL:
		return busy(dev);
	}
	return refused(dev, "VFIO_DEVICE_BIND_IOMMUFD", err);
}

int vfio_device_bind(struct vfio_device *dev, int iommufd)
{
	struct vfio_device_bind_iommufd arg = {
		.argsz = sizeof(arg),
		.iommufd = iommufd,
		.flags = dev->has_token ? VFIO_DEVICE_BIND_FLAG_TOKEN : 0,
		.token_uuid_ptr = dev->has_token ? (uintptr_t)dev->token : 0,
	};
	int r = HOST_IOCTL(dev->fd, VFIO_DEVICE_BIND_IOMMUFD, &arg);

	if (r < 0)
		return bind_refused(dev, r);
	dev->devid = arg.out_devid;
	dev->bound = true;
	dev->state = VFIO_DEVICE_BOUND;
	return 0;
}

bool vfio_device_is_bound(const struct vfio_device *dev)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	/* Until then every other call is EINVAL (vfio_device_fops_unl_ioctl()). */
	return HOST_IOCTL(dev->fd, VFIO_DEVICE_GET_INFO, &info) == 0;
}

int vfio_device_attach(struct vfio_device *dev, uint32_t ioas)
{
	struct vfio_device_attach_iommufd_pt arg = { .argsz = sizeof(arg), .pt_id = ioas };
	int r = HOST_IOCTL(dev->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &arg);

	if (r == -EPERM || r == -EADDRINUSE)
		return fail(
			STATUS_HOST, -r,
			"%s: its IOMMU reserves addresses that guest memory takes; ask for less "
			"memory (--mem)",
			dev->name);
	if (r < 0)
		return refused(dev, "VFIO_DEVICE_ATTACH_IOMMUFD_PT", r);
	dev->attached = true;
	return 0;
}

int vfio_device_detach(struct vfio_device *dev)
{
	struct vfio_device_detach_iommufd_pt arg = { .argsz = sizeof(arg) };
	int r = HOST_IOCTL(dev->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &arg);

	dev->attached = false;
	return r < 0 ? refused(dev, "VFIO_DEVICE_DETACH_IOMMUFD_PT", r) : 0;
}

int vfio_device_info(const struct vfio_device *dev, struct vfio_device_info *ret)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int r = HOST_IOCTL(dev->fd, VFIO_DEVICE_GET_INFO, &info);

	if (r < 0)
		return refused(dev, "VFIO_DEVICE_GET_INFO", r);
	if (!(info.flags & VFIO_DEVICE_FLAGS_PCI))
		return fail(STATUS_HOST, ENODEV, "%s: not a PCI function", dev->name);
	*ret = info;
	return 0;
}

int vfio_irq_info(const struct vfio_device *dev, unsigned index, struct vfio_irq_info *ret)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };
	int r = HOST_IOCTL(dev->fd, VFIO_DEVICE_GET_IRQ_INFO, &info);

	/* vfio-pci refuses the error index of a function that is not PCI Express. */
	if (r == -EINVAL)
		info = (struct vfio_irq_info){ .index = index };
	else if (r < 0)
		return refused(dev, "VFIO_DEVICE_GET_IRQ_INFO", r);
	*ret = info;
	return 0;
}

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
			return refused(dev, "VFIO_DEVICE_GET_REGION_INFO", r);
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
	uint64_t began = explain_on ? explain_now() : 0;
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

/* VFIO_DEVICE_SET_IRQS with `count` eventfds, or none of them for a bare action. */
static int set_irqs(const struct vfio_device *dev, unsigned index, uint32_t action, unsigned start,
		    unsigned count, const int32_t *fds)
{
	size_t size = sizeof(struct vfio_irq_set) + count * sizeof(int32_t);
	struct vfio_irq_set *arg = calloc(1, size);
	int r;

	if (!arg)
		return -ENOMEM;
	*arg = (struct vfio_irq_set){
		.argsz = (uint32_t)size,
		.flags = action | (count ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE),
		.index = index,
		.start = start,
		.count = count,
	};
	for (unsigned i = 0; i < count; i++) {
		int32_t fd = fds ? fds[i] : -1;

		memcpy(arg->data + i * sizeof(fd), &fd, sizeof(fd));
	}
	r = HOST_IOCTL(dev->fd, VFIO_DEVICE_SET_IRQS, arg);
	free(arg);
	/* A positive answer is the number of vectors that the host could give (MSI, MSI-X). */
	return r > 0 ? -ENOSPC : r;
}

static const char *const irq_names[] = { "INTx", "MSI", "MSI-X", "error", "request" };

static int irq_refused(const struct vfio_device *dev, unsigned index, int err)
{
	const char *name = index < ARRAY_SIZE(irq_names) ? irq_names[index] : "?";

	if (err == -ENOSPC)
		return fail(STATUS_HOST, ENOSPC,
			    "%s: the host has no interrupt vectors left for %s", dev->name, name);
	if (err == -EBUSY && index == VFIO_PCI_INTX_IRQ_INDEX)
		return fail(STATUS_HOST, EBUSY,
			    "%s: its interrupt line is shared with a host device and it cannot be "
			    "masked by itself",
			    dev->name);
	return fail(STATUS_HOST, -err, "%s: VFIO_DEVICE_SET_IRQS of %s failed: %s", dev->name, name,
		    strerror(-err));
}

int vfio_irq_set_trigger(const struct vfio_device *dev, unsigned index, unsigned start,
			 unsigned count, const int32_t *fds)
{
	int r = set_irqs(dev, index, VFIO_IRQ_SET_ACTION_TRIGGER, start, count, fds);

	return r < 0 ? irq_refused(dev, index, r) : 0;
}

int vfio_irq_set_unmask_fd(const struct vfio_device *dev, unsigned index, int fd)
{
	int r = set_irqs(dev, index, VFIO_IRQ_SET_ACTION_UNMASK, 0, 1, &fd);

	return r < 0 ? irq_refused(dev, index, r) : 0;
}

int vfio_irq_disable(const struct vfio_device *dev, unsigned index)
{
	int r = set_irqs(dev, index, VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0, NULL);

	return r < 0 ? irq_refused(dev, index, r) : 0;
}

int vfio_device_reset(struct vfio_device *dev)
{
	int r = HOST_IOCTL(dev->fd, VFIO_DEVICE_RESET, 0);

	/* vfio-pci says EINVAL where its reset at open did not work (vfio_pci_ioctl_reset()). */
	if (r == -EINVAL || r == -ENOTTY)
		return -ENOTTY;
	/* The host is taking the device away and resets it itself (vfio_pci_core_disable()). */
	if (r == -EAGAIN)
		return -EAGAIN;
	return r < 0 ? refused(dev, "VFIO_DEVICE_RESET", r) : 0;
}

int vfio_hot_reset_info(const struct vfio_device *dev, struct vfio_pci_hot_reset_info **ret)
{
	struct vfio_pci_hot_reset_info *info = NULL;
	unsigned room = 0;
	int r = -ENOSPC;

	/* Functions may come between two calls; a bus has 256 at most, a few buses below it more. */
	for (unsigned tries = 0; r == -ENOSPC && tries < 4; tries++) {
		size_t size = sizeof(*info) + room * sizeof(info->devices[0]);

		free(info);
		info = calloc(1, size);
		if (!info)
			return fail(STATUS_FAILURE, ENOMEM, "%s: out of memory", dev->name);
		info->argsz = (uint32_t)size;
		r = HOST_IOCTL(dev->fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info);
		room = info->count;
	}
	if (!r) {
		*ret = info;
		return 0;
	}
	free(info);
	if (r == -ENODEV || r == -ENOTTY || r == -EINVAL)
		return -ENODEV;
	return refused(dev, "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", r);
}

int vfio_hot_reset(const struct vfio_device *dev)
{
	struct vfio_pci_hot_reset arg = { .argsz = sizeof(arg) };

	return HOST_IOCTL(dev->fd, VFIO_DEVICE_PCI_HOT_RESET, &arg);
}

int vfio_low_power(const struct vfio_device *dev, bool enter)
{
	struct vfio_device_feature arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_FEATURE_SET | (enter ? VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY
							  : VFIO_DEVICE_FEATURE_LOW_POWER_EXIT),
	};

	return HOST_IOCTL(dev->fd, VFIO_DEVICE_FEATURE, &arg);
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
