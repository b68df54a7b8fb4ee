/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VFIO device cdevs, one function per call (Documentation/driver-api/vfio.rst, include/uapi/linux/
 * vfio.h). All return 0 or -errno; the reason is recorded where this floor knows it, always naming
 * the device by `name`. Unit tests link a fake of this header instead (tests/unit/fake-vfio.c).
 */
#pragma once

#include <base/types.h>
#include <host/sysfs.h>
#include <linux/vfio.h>

/* How much of its last user a device may still hold. */
enum vfio_device_state {
	VFIO_DEVICE_USED,    /* anything */
	VFIO_DEVICE_BOUND,   /* nothing, if it has a reset of its own: the bind has just used it */
	VFIO_DEVICE_CLEAN,   /* nothing */
	VFIO_DEVICE_CLOSING, /* nothing, once it is closed: the close resets it */
};

struct vfio_group;
struct vfio_space;

/* A bound device: what every call below needs. fd -1 means none. */
struct vfio_device {
	char name[40];            /* "0000:00:02.0", or the path or number it was given by */
	int fd;                   /* the cdev, or what its group gave */
	uint32_t devid;           /* iommufd object, from the bind */
	struct bdf bdf;           /* on the host, where known: groups call a device so */
	char mdev[MDEV_TEXT];     /* of a mediated device, which is no PCI function; else "" */
	struct vfio_group *group; /* NULL: had by the cdev (way.h) */
	struct vfio_space *space; /* where that group is */
	bool bound;
	bool attached;
	enum vfio_device_state state;
	bool has_token; /* a VF token goes with the bind */
	uint8_t token[16];
	bool no_reset; /* never reset: the operator answers for what it holds */
	bool gone;     /* it does not answer any more */
};

/*
 * What sysfs calls the device, for a path or a command in a message: `name` is the operator's own where he gave one
 * (--vfio BDF,name=). Where its address is not known, that. 0000:00:00.0, a host bridge, is never passed.
 */
static inline const char *vfio_device_address(const struct vfio_device *dev, char text[BDF_TEXT])
{
	const struct bdf unknown = { 0, 0, 0, 0 };

	return bdf_compare(&dev->bdf, &unknown) ? bdf_format(dev->bdf, text) : dev->name;
}

/* Whether the cdev is bound to an iommufd already, by whoever opened it. */
int vfio_device_is_bound(const struct vfio_device *dev, bool *ret) _must_check_;

/*
 * VFIO_DEVICE_BIND_IOMMUFD (resets the device; VFIO_DEVICE_BIND_FLAG_TOKEN, kernel 6.18, with a
 * token), VFIO_DEVICE_ATTACH_IOMMUFD_PT,
 * VFIO_DEVICE_DETACH_IOMMUFD_PT. An unbind happens when the cdev is closed.
 */
int vfio_device_bind(struct vfio_device *dev, int iommufd) _must_check_;
int vfio_device_attach(struct vfio_device *dev, uint32_t ioas) _must_check_;
int vfio_device_detach(struct vfio_device *dev);

/* VFIO_DEVICE_GET_INFO, VFIO_DEVICE_GET_IRQ_INFO: an index that it does not have has count 0. */
int vfio_device_info(const struct vfio_device *dev, struct vfio_device_info *ret) _must_check_;
int vfio_irq_info(const struct vfio_device *dev, unsigned index,
		  struct vfio_irq_info *ret) _must_check_;

/*
 * VFIO_DEVICE_GET_REGION_INFO. The spans that may be mapped come from
 * VFIO_REGION_INFO_CAP_SPARSE_MMAP, or are the whole region when it is mappable and has no such
 * capability. *n_mmaps is the room in `mmaps` on entry. A region that the device does not have has
 * size 0.
 */
int vfio_region_info(const struct vfio_device *dev, unsigned index, struct vfio_region_info *ret,
		     struct range *mmaps, unsigned *n_mmaps) _must_check_;

/*
 * pread/pwrite on a region (offset is vfio_region_info.offset + offset in it); 1, 2, 4 or 8 bytes
 * little-endian. -errno is returned and nothing recorded: a device that vanished answers -EIO.
 */
int vfio_region_read(const struct vfio_device *dev, uint64_t at, void *buf, unsigned len);
int vfio_region_write(const struct vfio_device *dev, uint64_t at, const void *buf, unsigned len);

/* One pread of any length: how many bytes came, 0 at the region's end, or -errno, unrecorded. */
int vfio_region_read_some(const struct vfio_device *dev, uint64_t at, void *buf, unsigned len);

/*
 * mmap(2) of a region's span, at a host address with the same offset into `align` (a power of two)
 * as `at`: where the guest's address has it too, the kernel can use its large page table entries.
 */
int vfio_region_mmap(const struct vfio_device *dev, uint64_t at, uint64_t size, uint64_t align,
		     void **ret_hva) _must_check_;
void vfio_region_munmap(void *hva, uint64_t size);

/*
 * VFIO_DEVICE_SET_IRQS. Trigger: eventfds for `count` vectors from `start` (an fd of -1 removes
 * that one; NULL fds with count > 0 removes them all, count 0 disables the index). Unmask: the
 * eventfd that unmasks INTx (resample). mask/unmask act at once.
 */
int vfio_irq_set_trigger(const struct vfio_device *dev, unsigned index, unsigned start,
			 unsigned count, const int32_t *fds) _must_check_;
/* -ENOTTY, not recorded: its driver takes none; the other call is then made at each end of interrupt. */
int vfio_irq_set_unmask_fd(const struct vfio_device *dev, unsigned index, int fd) _must_check_;
int vfio_irq_unmask(const struct vfio_device *dev, unsigned index) _must_check_;
int vfio_irq_disable(const struct vfio_device *dev, unsigned index);

/*
 * VFIO_DEVICE_RESET: the function's own reset. -ENOTTY (not recorded) when it has none:
 * vfio_device_info.flags lacks VFIO_DEVICE_FLAGS_RESET then.
 */
int vfio_device_reset(struct vfio_device *dev);

/*
 * VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: every function that a reset of the slot or bus would hit, with
 * its devid and whether it is ours, by groups too (which the kernel tells by their numbers); malloc'ed,
 * free(3) it. -ENODEV (not recorded) when neither can be reset.
 */
int vfio_hot_reset_info(const struct vfio_device *dev,
			struct vfio_pci_hot_reset_info **ret) _must_check_;

/*
 * VFIO_DEVICE_PCI_HOT_RESET, by the right of the iommufd, or of the groups' files. All that it hits must
 * be ours and idle.
 * -errno is returned and nothing recorded: there may be another way.
 */
int vfio_hot_reset(const struct vfio_device *dev) _must_check_;

/*
 * VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY and _EXIT: between them the host may take power from the device,
 * and any other call wakes it for its own time. With an eventfd (_ENTRY_WITH_WAKEUP) that fires and
 * low power ends at whatever wakes the device first, be it one of these calls; -1 for none. -errno is
 * returned and nothing recorded.
 */
int vfio_low_power_enter(const struct vfio_device *dev, int wake_fd) _must_check_;
int vfio_low_power_exit(const struct vfio_device *dev) _must_check_;

/* Whether the device can signal PME when asleep, as sysfs tells, and the kernel can pass that on. */
bool vfio_can_wake(const struct vfio_device *dev);

/*
 * VFIO_DEVICE_FEATURE_DMA_BUF (kernel 6.19): part of a BAR as a dma-buf, which other devices may
 * reach (ioas_map_file()). The kernel revokes it when memory decode goes off or the device is reset.
 * -errno is returned and nothing recorded.
 */
int vfio_region_dmabuf(const struct vfio_device *dev, unsigned index, struct range part,
		       int *ret_fd) _must_check_;
