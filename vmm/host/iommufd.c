/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iommufd (Documentation/userspace-api/iommufd.rst; drivers/iommu/iommufd/ for what each errno
 * means). Main thread.
 */
#include <host/iommufd.h>

#include <base/error.h>
#include <errno.h>
#include <host/call.h>
#include <inttypes.h>
#include <linux/iommufd.h>
#include <stdlib.h>
#include <string.h>

int iommufd_open(int *ret_fd)
{
	int fd = host_open("/dev/iommu");

	if (fd >= 0) {
		*ret_fd = fd;
		return 0;
	}
	switch (-fd) {
	case ENOENT:
		return fail(
			STATUS_HOST, ENOENT,
			"/dev/iommu: there is none; load the module (modprobe iommufd), or use a "
			"kernel with CONFIG_IOMMUFD");
	case ENODEV:
	case ENXIO:
		return fail(STATUS_HOST, ENODEV,
			    "/dev/iommu: no driver behind it; use a kernel with CONFIG_IOMMUFD");
	case EACCES:
	case EPERM:
		return fail(
			STATUS_HOST, EACCES,
			"/dev/iommu: permission denied; run as root, or give this user the file");
	default:
		return fail(STATUS_HOST, -fd, "/dev/iommu: %s", strerror(-fd));
	}
}

int iommufd_account_process(int iommufd)
{
	struct iommu_option arg = {
		.size = sizeof(arg),
		.option_id = IOMMU_OPTION_RLIMIT_MODE,
		.op = IOMMU_OPTION_OP_SET,
		.val64 = 1,
	};
	int r = HOST_IOCTL(iommufd, IOMMU_OPTION, &arg);

	if (r == -EPERM)
		return fail(STATUS_HOST, EPERM,
			    "iommufd: no permission to choose how pinned memory is accounted; run "
			    "as root");
	if (r < 0)
		return fail(STATUS_HOST, -r, "iommufd: IOMMU_OPTION failed: %s", strerror(-r));
	return 0;
}

bool iommufd_is(int fd)
{
	struct iommu_option arg = {
		.size = sizeof(arg),
		.option_id = IOMMU_OPTION_RLIMIT_MODE,
		.op = IOMMU_OPTION_OP_GET,
	};

	return !HOST_IOCTL(fd, IOMMU_OPTION, &arg);
}

bool iommufd_accounts_process(int iommufd)
{
	struct iommu_option arg = {
		.size = sizeof(arg),
		.option_id = IOMMU_OPTION_RLIMIT_MODE,
		.op = IOMMU_OPTION_OP_GET,
	};

	return !HOST_IOCTL(iommufd, IOMMU_OPTION, &arg) && arg.val64;
}

int ioas_alloc(int iommufd, uint32_t *ret_ioas)
{
	struct iommu_ioas_alloc arg = { .size = sizeof(arg) };
	int r = HOST_IOCTL(iommufd, IOMMU_IOAS_ALLOC, &arg);

	if (r < 0)
		return fail(STATUS_HOST, -r, "iommufd: IOMMU_IOAS_ALLOC failed: %s", strerror(-r));
	*ret_ioas = arg.out_ioas_id;
	return 0;
}

int ioas_of_groups(int iommufd, uint32_t *ret_ioas)
{
	struct iommu_vfio_ioas arg = { .size = sizeof(arg), .op = IOMMU_VFIO_IOAS_GET };
	int r = HOST_IOCTL(iommufd, IOMMU_VFIO_IOAS, &arg);

	if (r < 0)
		return fail(STATUS_HOST, -r, "iommufd: IOMMU_VFIO_IOAS failed: %s", strerror(-r));
	*ret_ioas = arg.ioas_id;
	return 0;
}

int iommufd_destroy(int iommufd, uint32_t object)
{
	struct iommu_destroy arg = { .size = sizeof(arg), .id = object };
	int r = HOST_IOCTL(iommufd, IOMMU_DESTROY, &arg);

	if (r < 0)
		return fail(STATUS_HOST, -r, "iommufd: IOMMU_DESTROY failed: %s", strerror(-r));
	return 0;
}

int ioas_iova_ranges(int iommufd, uint32_t ioas, struct range *ranges, unsigned *n)
{
	struct iommu_iova_range *list = calloc(MAX(*n, 1u), sizeof(*list));
	struct iommu_ioas_iova_ranges arg = {
		.size = sizeof(arg),
		.ioas_id = ioas,
		.num_iovas = *n,
		.allowed_iovas = (uintptr_t)list,
	};
	int r;

	if (!list)
		return fail(STATUS_FAILURE, ENOMEM, "iommufd: out of memory");
	r = HOST_IOCTL(iommufd, IOMMU_IOAS_IOVA_RANGES, &arg);
	/* The last of a range is inclusive; one that ends at 2^64 - 1 loses its last byte here. */
	for (unsigned i = 0; !r && i < arg.num_iovas; i++)
		ranges[i] = (struct range){
			list[i].start,
			list[i].last - list[i].start + (list[i].last != UINT64_MAX),
		};
	free(list);
	if (r == -EMSGSIZE)
		return r;
	if (r < 0)
		return fail(STATUS_HOST, -r, "iommufd: IOMMU_IOAS_IOVA_RANGES failed: %s",
			    strerror(-r));
	*n = arg.num_iovas;
	return 0;
}

int ioas_allow_iovas(int iommufd, uint32_t ioas, const struct range *ranges, unsigned n)
{
	struct iommu_iova_range *list = calloc(MAX(n, 1u), sizeof(*list));
	struct iommu_ioas_allow_iovas arg = {
		.size = sizeof(arg),
		.ioas_id = ioas,
		.num_iovas = n,
		.allowed_iovas = (uintptr_t)list,
	};
	int r;

	if (!list)
		return fail(STATUS_FAILURE, ENOMEM, "iommufd: out of memory");
	for (unsigned i = 0; i < n; i++) {
		list[i].start = ranges[i].base;
		list[i].last = ranges[i].base + ranges[i].size - 1;
	}
	r = HOST_IOCTL(iommufd, IOMMU_IOAS_ALLOW_IOVAS, &arg);
	free(list);
	if (r < 0)
		return fail(STATUS_HOST, -r, "iommufd: IOMMU_IOAS_ALLOW_IOVAS failed: %s",
			    strerror(-r));
	return 0;
}

static int map_refused(const char *name, uint64_t size, iova_t iova, int err)
{
	if (err == -ENOMEM)
		return fail(
			STATUS_HOST, ENOMEM,
			"iommufd: cannot pin %" PRIu64 " MiB of guest memory; raise the limit on "
			"locked memory (ulimit -l), which one user's guests share, to that and 64 "
			"MiB more, ask for less (--mem), or start each by thru open",
			size >> 20);
	if (err == -ENOENT || err == -EINVAL || err == -EADDRINUSE)
		return fail(STATUS_HOST, -err,
			    "iommufd: the host's IOMMU cannot reach guest memory at %#" PRIx64
			    "-%#" PRIx64 "; ask for less memory (--mem)",
			    iova, iova + size - 1);
	return fail(STATUS_HOST, -err, "iommufd: %s of %" PRIu64 " MiB at %#" PRIx64 " failed: %s",
		    name, size >> 20, iova, strerror(-err));
}

#define MAP_FLAGS (IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)

int ioas_map_file(int iommufd, uint32_t ioas, int fd, uint64_t offset, uint64_t size, iova_t iova)
{
	struct iommu_ioas_map_file arg = {
		.size = sizeof(arg),
		.flags = MAP_FLAGS,
		.ioas_id = ioas,
		.fd = fd,
		.start = offset,
		.length = size,
		.iova = iova,
	};
	int r = HOST_IOCTL(iommufd, IOMMU_IOAS_MAP_FILE, &arg);

	/* iommufd answers ENOIOCTLCMD, as ENOTTY, to numbers it does not know. */
	if (r == -ENOTTY || r == -EOPNOTSUPP)
		return r;
	return r < 0 ? map_refused("IOMMU_IOAS_MAP_FILE", size, iova, r) : 0;
}

int ioas_map(int iommufd, uint32_t ioas, void *hva, uint64_t size, iova_t iova)
{
	struct iommu_ioas_map arg = {
		.size = sizeof(arg),
		.flags = MAP_FLAGS,
		.ioas_id = ioas,
		.user_va = (uintptr_t)hva,
		.length = size,
		.iova = iova,
	};
	int r = HOST_IOCTL(iommufd, IOMMU_IOAS_MAP, &arg);

	return r < 0 ? map_refused("IOMMU_IOAS_MAP", size, iova, r) : 0;
}

int ioas_unmap(int iommufd, uint32_t ioas, iova_t iova, uint64_t size)
{
	struct iommu_ioas_unmap arg = {
		.size = sizeof(arg),
		.ioas_id = ioas,
		.iova = iova,
		.length = size,
	};
	int r = HOST_IOCTL(iommufd, IOMMU_IOAS_UNMAP, &arg);

	if (r < 0 && r != -ENOENT)
		return fail(STATUS_HOST, -r, "iommufd: IOMMU_IOAS_UNMAP failed: %s", strerror(-r));
	return 0;
}
