/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VFIO's own containers with the IOMMU driver type1, one function per call (include/uapi/linux/vfio.h).
 * All return 0 or -errno with the reason recorded unless said otherwise.
 */
#pragma once

#include <base/types.h>

/* Open /dev/vfio/vfio and check that it is VFIO of version 0 with type1v2. */
int container_open(int *ret_fd) _must_check_;

/* The latter check alone, for one that somebody else opened. */
int container_check(int container) _must_check_;

/* VFIO_SET_IOMMU: once the first group is in it. It has an address space from then on. */
int container_set_type1(int container) _must_check_;

/* Whether that was done already, by whoever had it before. */
bool container_has_iommu(int container);

/* VFIO_IOMMU_GET_INFO, as ioas_iova_ranges(). */
int container_ranges(int container, struct range *ranges, unsigned *n) _must_check_;

/* The same call: whether it takes `n` mappings more (Linux 5.10; before, nobody knows). */
int container_check_room(int container, unsigned n) _must_check_;

/*
 * VFIO_IOMMU_MAP_DMA of this process's memory, or of a BAR that is mapped here, readable and writable by
 * devices; VFIO_IOMMU_UNMAP_DMA of what one such call mapped.
 */
int container_map(int container, void *hva, uint64_t size, iova_t iova) _must_check_;
int container_unmap(int container, iova_t iova, uint64_t size);
