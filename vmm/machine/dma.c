/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory as devices see it (Documentation/userspace-api/iommufd.rst). A device may write to any
 * page of RAM at any time, so all of it is pinned and mapped, at its guest physical address, and no
 * other. Main thread only.
 */
#include "dma.h"

#include <base/error.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <host/memlock.h>
#include <host/sysfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

uint64_t dma_pinned_by(const char *status, unsigned uid)
{
	const char *owner = sysfs_field(status, "Uid:"), *kib = sysfs_field(status, "VmPin:");

	if (!owner || !kib || strtoul(owner, NULL, 10) != uid)
		return 0;
	return KIB(strtoull(kib, NULL, 10));
}

/*
 * What other processes of this user have pinned. The kernel's own sum (user_struct.locked_vm) is not
 * to be had; this one may be too large, where such a process is accounted by itself.
 */
static uint64_t pinned_by_others(void)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	char path[64], status[4096];
	uint64_t sum = 0;

	while (proc && (entry = readdir(proc))) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (!isdigit((unsigned char)*entry->d_name) || pid == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%ld/status", pid);
		if (sysfs_read(path, status, sizeof(status))) /* else it has ended, or is hidden */
			sum += dma_pinned_by(status, getuid());
	}
	if (proc)
		closedir(proc);
	return sum;
}

/*
 * Pinned pages count against RLIMIT_MEMLOCK: of the user, in all processes together, unless whoever
 * opened the iommufd had each process accounted by itself (IOMMU_OPTION_RLIMIT_MODE; iommufd's
 * pages.c, iopt_pages_update_pinned()). Said beforehand, with the number: the refusal itself is a
 * bare ENOMEM.
 */
int dma_check_memlock(const struct vfio_space *space, uint64_t size)
{
	unsigned long long need = size >> 10, others, limit_kib;
	struct rlimit limit;

	/* Use what the operator allows (the hard limit). */
	if (!getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_MEMLOCK, &limit);
	}
	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY ||
	    memlock_is_void())
		return 0;
	limit_kib = limit.rlim_cur >> 10;
	if (need > limit_kib)
		return fail(STATUS_HOST, ENOMEM,
			    "memlock: passing a device pins the guest's memory, %llu KiB, and the "
			    "limit is %llu KiB; raise it: ulimit -l %llu",
			    need, limit_kib, need);
	others = vfio_space_accounts_process(space) ? 0 : pinned_by_others() >> 10;
	if (need + others <= limit_kib)
		return 0;
	return fail(
		STATUS_HOST, ENOMEM,
		"memlock: passing a device pins the guest's memory, %llu KiB, other processes of "
		"this user have pinned %llu KiB, and the limit for both is %llu KiB; raise it: "
		"ulimit -l %llu, or use thru open, with which each guest counts by itself",
		need, others, limit_kib, need + others);
}

int dma_reach(struct vfio_space *space, struct reach *ret)
{
	int r;

	ret->n = ARRAY_SIZE(ret->spans);
	r = vfio_space_ranges(space, ret->spans, &ret->n);
	if (r == -EMSGSIZE)
		return fail(STATUS_HOST, EMSGSIZE,
			    "IOMMU of the devices: it reserves more than %d windows; see "
			    "/sys/kernel/iommu_groups/*/reserved_regions, and leave a device out",
			    REACH_MAX - 1);
	return r;
}

static void keep_window(struct range window, const struct reach *reach, struct range *kept,
			unsigned *n)
{
	for (unsigned i = 0; i < reach->n; i++) {
		uint64_t base = MAX(window.base, reach->spans[i].base);
		uint64_t end = MIN(window.base + window.size,
				   reach->spans[i].base + reach->spans[i].size);

		if (base < end)
			kept[(*n)++] = (struct range){ base, end - base };
	}
}

/* What an IOMMU of a later attachment reserves must not take away what is used: it is refused then. */
static int keep_iovas(struct vfio_space *space, const struct memory *memory,
		      const struct layout *layout, bool windows)
{
	struct range kept[MEMORY_RAM_MAX + 2 * REACH_MAX];
	struct reach reach;
	unsigned n = 0;
	int r;

	for (unsigned i = 0; i < memory->n_ram; i++)
		kept[n++] = (struct range){ memory->ram[i].base, memory->ram[i].size };
	if (windows) {
		r = dma_reach(space, &reach);
		if (r)
			return r;
		keep_window(layout->pci.mem32, &reach, kept, &n);
		keep_window(layout->pci.mem64, &reach, kept, &n);
	}
	return vfio_space_keep(space, kept, n);
}

int dma_map(struct vfio_space *space, const struct memory *memory, const struct layout *layout,
	    bool windows)
{
	int r = keep_iovas(space, memory, layout, windows);

	if (!r)
		r = vfio_space_check_room(space, memory->n_ram);
	for (unsigned i = 0; !r && i < memory->n_ram; i++) {
		const struct ram_region *ram = &memory->ram[i];
		const struct vfio_memory part = { memory->memfd, ram->offset, ram->size, ram->hva };

		r = vfio_space_map(space, &part, ram->base);
	}
	return r;
}

void dma_unmap(struct vfio_space *space, const struct memory *memory)
{
	for (unsigned i = 0; i < memory->n_ram; i++)
		vfio_space_unmap(space, memory->ram[i].base, memory->ram[i].size);
}
