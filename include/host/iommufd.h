/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iommufd, one function per call (Documentation/userspace-api/iommufd.rst, include/uapi/linux/
 * iommufd.h). All return 0 or -errno with the reason recorded unless said otherwise.
 */
#pragma once

#include <base/types.h>

/* Open /dev/iommu; says which kernel option is missing when it is not there. */
int iommufd_open(int *ret_fd) _must_check_;

/*
 * IOMMU_OPTION_RLIMIT_MODE: pinned memory counts against the process that maps it, not its user.
 * Needs CAP_SYS_RESOURCE.
 */
int iommufd_account_process(int iommufd) _must_check_;

/* Whether `fd` is an iommufd at all. */
bool iommufd_is(int fd);

/* Whether that was done; asking needs nothing. */
bool iommufd_accounts_process(int iommufd);

/* IOMMU_IOAS_ALLOC: an I/O address space, IOAS; IOMMU_DESTROY of any object. */
int ioas_alloc(int iommufd, uint32_t *ret_ioas) _must_check_;
int iommufd_destroy(int iommufd, uint32_t object);

/* IOMMU_VFIO_IOAS: the I/O address space of groups whose container this is; the first has made it. */
int ioas_of_groups(int iommufd, uint32_t *ret_ioas) _must_check_;

/*
 * IOMMU_IOAS_IOVA_RANGES: the spans that every attached device can reach. *n is the room in
 * `ranges` on entry and the number that exist on success; -EMSGSIZE (not recorded) when that is
 * more than the room.
 */
int ioas_iova_ranges(int iommufd, uint32_t ioas, struct range *ranges, unsigned *n) _must_check_;

/* IOMMU_IOAS_ALLOW_IOVAS: later attachments must keep these spans reachable. */
int ioas_allow_iovas(int iommufd, uint32_t ioas, const struct range *ranges,
		     unsigned n) _must_check_;

/*
 * IOMMU_IOAS_MAP_FILE (kernel 6.13) at a fixed iova, readable and writable by devices; -EOPNOTSUPP,
 * -ENOTTY (not recorded) where the kernel has no such call: use ioas_map() then.
 */
int ioas_map_file(int iommufd, uint32_t ioas, int fd, uint64_t offset, uint64_t size,
		  iova_t iova) _must_check_;

/* IOMMU_IOAS_MAP of this process's memory at a fixed iova. Never of a BAR: that is EFAULT. */
int ioas_map(int iommufd, uint32_t ioas, void *hva, uint64_t size, iova_t iova) _must_check_;

/* IOMMU_IOAS_UNMAP; a hole (ENOENT) is success. */
int ioas_unmap(int iommufd, uint32_t ioas, iova_t iova, uint64_t size);
