/* SPDX-License-Identifier: BSD-2-Clause */
/* What a way consists of: the calls of include/host/way.h, each with its meaning there. */
#pragma once

#include <host/way.h>

struct way {
	int (*open)(struct vfio_space *space);
	int (*account_process)(struct vfio_space *space);
	bool (*accounts_process)(const struct vfio_space *space);
	int (*open_device)(struct vfio_space *space, const struct host_function *fn,
			   struct vfio_device *dev);
	int (*bind)(struct vfio_space *space, struct vfio_device *dev);
	int (*attach)(struct vfio_space *space, struct vfio_device *dev);
	int (*detach)(struct vfio_space *space, struct vfio_device *dev);
	int (*ranges)(struct vfio_space *space, struct range *ranges, unsigned *n);
	int (*keep)(struct vfio_space *space, const struct range *ranges, unsigned n);
	int (*check_room)(struct vfio_space *space, unsigned n);
	int (*map)(struct vfio_space *space, const struct vfio_memory *memory, iova_t iova);
	int (*map_bar)(struct vfio_space *space, const struct vfio_device *dev, unsigned index,
		       struct range part, void *hva, iova_t iova);
	int (*unmap)(struct vfio_space *space, iova_t iova, uint64_t size);
};

extern const struct way way_cdev, way_group_iommufd, way_group;

/* What both ways on an iommufd have in common (way_cdev.c). */
int way_iommufd_open(struct vfio_space *space) _must_check_;
int way_iommufd_account_process(struct vfio_space *space) _must_check_;
bool way_iommufd_accounts_process(const struct vfio_space *space);
int way_iommufd_ranges(struct vfio_space *space, struct range *ranges, unsigned *n) _must_check_;
int way_iommufd_keep(struct vfio_space *space, const struct range *ranges, unsigned n) _must_check_;
int way_iommufd_check_room(struct vfio_space *space, unsigned n) _must_check_;
int way_iommufd_map(struct vfio_space *space, const struct vfio_memory *memory,
		    iova_t iova) _must_check_;
int way_iommufd_map_bar(struct vfio_space *space, const struct vfio_device *dev, unsigned index,
			struct range part, void *hva, iova_t iova) _must_check_;
int way_iommufd_unmap(struct vfio_space *space, iova_t iova, uint64_t size);
