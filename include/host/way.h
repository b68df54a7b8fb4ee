/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways to a VFIO device, and the I/O address space that a guest's devices have in common, behind
 * one contract. Which way a host has is a matter of its kernel's options; whoever uses this does not
 * ask.
 *
 *   cdev            a file for each device (CONFIG_VFIO_DEVICE_CDEV), bound to an iommufd
 *   group-iommufd   a file for each IOMMU group (CONFIG_VFIO_GROUP), whose container is an iommufd
 *   group           the same, with a container of VFIO's own (CONFIG_VFIO_CONTAINER, type1)
 *
 * In the order of their calls: the space is opened, then each device; KVM is told of vfio_device_file();
 * bind, attach; ranges; map. A device that a group gives is attached from its bind on, with nothing
 * mapped yet. All return 0 or -errno with the reason recorded unless said otherwise. Main thread, but
 * for what is said to be under the loop's lock.
 */
#pragma once

#include <base/types.h>
#include <host/sysfs.h>
#include <host/vfio.h>

enum vfio_way { VFIO_WAY_CDEV, VFIO_WAY_GROUP_IOMMUFD, VFIO_WAY_GROUP, VFIO_WAYS };

/* "cdev", "group-iommufd", "group": --vfio-api, JSON. */
const char *vfio_way_name(enum vfio_way way);

#define VFIO_GROUPS_MAX 32

struct vfio_group {
	int number; /* of the IOMMU group */
	int fd;
	bool inside; /* the space is its container */
};

struct vfio_space {
	enum vfio_way way;
	int fd;        /* /dev/iommu, or /dev/vfio/vfio; -1: none yet */
	uint32_t ioas; /* of an iommufd */
	bool made;     /* there is an address space behind fd */
	struct vfio_group groups[VFIO_GROUPS_MAX];
	unsigned n_groups;
	/* Devices that groups gave; the kernel does not number them: devid is the place here, plus 1. */
	struct bdf given[VFIO_GROUPS_MAX];
	unsigned n_given;
};

/* Nothing is open, no way is chosen. */
void vfio_space_init(struct vfio_space *space);

/* Open the file behind it, unless space->fd is one that was handed over. */
int vfio_space_open(struct vfio_space *space) _must_check_;

/* After all its devices were closed. */
void vfio_space_close(struct vfio_space *space);

/*
 * Before anything is in it: what it pins is to count against each process that maps by itself. Where that
 * has to be chosen, only a privileged process may.
 */
int vfio_space_account_process(struct vfio_space *space) _must_check_;

/* Whether what it pins counts against the process that maps it, not against its user. */
bool vfio_space_accounts_process(const struct vfio_space *space);

/* Open the device's file, or that of its group; nothing is done to the device yet. */
int vfio_space_open_device(struct vfio_space *space, const struct host_function *fn,
			   struct vfio_device *dev) _must_check_;

/* The same with a group that somebody else opened: `fd` becomes the space's. */
int vfio_space_take_group(struct vfio_space *space, struct vfio_device *dev, int group,
			  int fd) _must_check_;

/* One that was handed over in a space already: what has to come along, for people; NULL: nothing. */
const char *vfio_device_wants_space(const struct vfio_device *dev);

/* The file that KVM is told of; devices of one group have the same. */
int vfio_device_file(const struct vfio_device *dev);

/* Take ownership (which resets the device), then put its DMA behind the space, and back. */
int vfio_space_bind(struct vfio_space *space, struct vfio_device *dev) _must_check_;
int vfio_space_attach(struct vfio_space *space, struct vfio_device *dev) _must_check_;
int vfio_space_detach(struct vfio_space *space, struct vfio_device *dev);

/*
 * The spans that every attached device can reach. *n is the room in `ranges` on entry and the number
 * that exist on success; -EMSGSIZE (not recorded) when that is more than the room.
 */
int vfio_space_ranges(struct vfio_space *space, struct range *ranges, unsigned *n) _must_check_;

/* Later attachments must keep these spans reachable. */
int vfio_space_keep(struct vfio_space *space, const struct range *ranges, unsigned n) _must_check_;

/* Memory that is part of a file and mapped here. */
struct vfio_memory {
	int fd;
	uint64_t offset, size;
	void *hva;
};

/* Whether that many maps more find room, before any is made. */
int vfio_space_check_room(struct vfio_space *space, unsigned n) _must_check_;

/* Make it reachable, readable and writable, at `iova`; pinned for as long. */
int vfio_space_map(struct vfio_space *space, const struct vfio_memory *memory,
		   iova_t iova) _must_check_;

/*
 * The same for part of a BAR, which is at `hva` here. -ENOTTY where the kernel cannot do that. Under
 * the loop's lock.
 */
int vfio_space_map_bar(struct vfio_space *space, const struct vfio_device *dev, unsigned index,
		       struct range part, void *hva, iova_t iova) _must_check_;

/* What one map made. A hole is success. Under the loop's lock for a BAR. */
int vfio_space_unmap(struct vfio_space *space, iova_t iova, uint64_t size);
