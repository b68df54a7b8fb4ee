/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest RAM as one sealed memfd, mapped once, and the numbering of KVM memory slots. The seals keep
 * anyone with the descriptor (iommufd, a vhost-user process) from shrinking it under the guest,
 * which would turn its next access into SIGBUS (memfd_create(2), fcntl(2) F_ADD_SEALS).
 */
#include <core/memory.h>

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <host/kvm.h>
#include <host/sysfs.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <unistd.h>

/*
 * What a middle-level entry of the host's page tables maps, a table being one page of entries of
 * eight bytes: 2, 32 or 512 MiB where pages have 4, 16 or 64 KiB. The last only a pool of huge pages
 * can give (MAX_PAGECACHE_ORDER in linux/pagemap.h).
 */
static uint64_t large_page(void)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return page * (page / 8);
}

static const char *pool_path(uint64_t hugepage, const char *name, char *path, size_t size)
{
	snprintf(path, size, "/sys/kernel/mm/hugepages/hugepages-%llukB%s",
		 (unsigned long long)(hugepage >> 10), name);
	return path;
}

/* A number in the pool's folder in sysfs, 0 when it cannot be read. */
static uint64_t pool_number(uint64_t hugepage, const char *name)
{
	char path[128], text[32];

	return sysfs_read(pool_path(hugepage, name, path, sizeof(path)), text, sizeof(text))
		       ? strtoull(text, NULL, 10)
		       : 0;
}

static const char *size_text(uint64_t size, char text[32])
{
	unsigned long long kib = size >> 10;
	bool mib = kib >= 1024;

	snprintf(text, 32, "%llu %s", mib ? kib >> 10 : kib, mib ? "MiB" : "KiB");
	return text;
}

static int pool_too_small(const struct memory *mem, uint64_t hugepage)
{
	uint64_t all = pool_number(hugepage, "/nr_hugepages");
	uint64_t promised = pool_number(hugepage, "/resv_hugepages");
	uint64_t free = pool_number(hugepage, "/free_hugepages");
	uint64_t need = mem->size / hugepage, left = free > promised ? free - promised : 0;
	char size[32], path[128];

	return fail(STATUS_HOST, ENOMEM,
		    "guest memory: it takes %llu huge pages of %s, and the host's pool has %llu "
		    "left; enlarge it: echo %llu > %s",
		    (unsigned long long)need, size_text(hugepage, size), (unsigned long long)left,
		    (unsigned long long)(all + (need > left ? need - left : 0)),
		    pool_path(hugepage, "/nr_hugepages", path, sizeof(path)));
}

static int no_such_pages(uint64_t hugepage)
{
	char path[128], one[32], wanted[32], sizes[256] = "";
	size_t n = 0;

	for (uint64_t size = KIB(4); size <= GIB(64); size *= 2)
		if (!access(pool_path(size, "", path, sizeof(path)), F_OK))
			n += (size_t)snprintf(sizes + n, sizeof(sizes) - n, "%s%s", n ? ", " : "",
					      size_text(size, one));
	return fail(STATUS_HOST, ENODEV,
		    "guest memory: this host has no huge pages of %s; it has: %s; choose another "
		    "size, or leave hugepages= out",
		    size_text(hugepage, wanted), *sizes ? sizes : "none");
}

static bool address_space_is_limited(void)
{
	struct rlimit limit;

	return !getrlimit(RLIMIT_AS, &limit) && limit.rlim_cur != RLIM_INFINITY;
}

static int create_memfd(struct memory *mem, uint64_t hugepage)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;

	if (hugepage)
		flags |= MFD_HUGETLB | (unsigned)__builtin_ctzll(hugepage) << MFD_HUGE_SHIFT;
	mem->memfd = memfd_create("guest-ram", flags);
	if (mem->memfd < 0 && hugepage && (errno == ENODEV || errno == EINVAL))
		return no_such_pages(hugepage);
	if (mem->memfd < 0)
		return fail(STATUS_HOST, errno, "guest memory: memfd_create: %s", strerror(errno));
	if (ftruncate(mem->memfd, (off_t)mem->size) < 0 ||
	    fcntl(mem->memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return fail(STATUS_HOST, errno, "guest memory of %llu MiB: %s; %s",
			    (unsigned long long)(mem->size >> 20), strerror(errno),
			    errno == EFBIG ? "it is a file to the limit on their size: raise it "
					     "(ulimit -f), or ask for less (--mem)"
					   : "ask for less (--mem)");
	return 0;
}

/*
 * Where to map: an address that is a multiple of a large page, as guest addresses and file offsets
 * are, so that all three translations (the processor's, KVM's, the IOMMU's) can use large entries.
 * Found by mapping a little more and giving it back; a hint, in case somebody is faster.
 */
static void *place(uint64_t size, uint64_t align)
{
	void *found = mmap(NULL, size + align, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (found == MAP_FAILED)
		return NULL;
	munmap(found, size + align);
	return (void *)align_up((uintptr_t)found, align);
}

static int map_ram(struct memory *mem, uint64_t hugepage)
{
	/* Huge pages are reserved by the mapping: without, the guest would end by SIGBUS. */
	int flags = MAP_SHARED | (hugepage ? 0 : MAP_NORESERVE);
	int r = create_memfd(mem, hugepage);
	void *hva;

	if (r)
		return r;
	hva = mmap(place(mem->size, MAX(hugepage, large_page())), mem->size, PROT_READ | PROT_WRITE,
		   flags, mem->memfd, 0);
	if (hva == MAP_FAILED && hugepage && errno == ENOMEM && !address_space_is_limited())
		return pool_too_small(mem, hugepage);
	if (hva == MAP_FAILED)
		return fail(STATUS_HOST, errno, "guest memory of %llu MiB: %s; %s",
			    (unsigned long long)(mem->size >> 20), strerror(errno),
			    address_space_is_limited()
				    ? "address space is limited: raise it (ulimit -v), or ask "
				      "for less (--mem)"
				    : "ask for less (--mem)");
	mem->hva = hva;
	/* Where the host's shmem_enabled is `advise`; elsewhere this is no more than a wish. */
	madvise(hva, mem->size, MADV_HUGEPAGE);
	/* A core dump of thru is not for the guest's secrets, and a fork maps its RAM if it needs it. */
	madvise(hva, mem->size, MADV_DONTDUMP);
	madvise(hva, mem->size, MADV_DONTFORK);
	return 0;
}

int memory_map_forked(const struct memory *mem)
{
	void *hva = mmap(mem->hva, mem->size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_NORESERVE | MAP_FIXED, mem->memfd, 0);

	return hva == MAP_FAILED ? -errno : 0;
}

static unsigned slot_take(struct memory *mem)
{
	for (unsigned slot = 0; slot < mem->slot_limit; slot++) {
		if (mem->slots[slot / 64] & BIT64(slot % 64))
			continue;
		mem->slots[slot / 64] |= BIT64(slot % 64);
		return slot;
	}
	return mem->slot_limit;
}

static void slot_give(struct memory *mem, unsigned slot)
{
	mem->slots[slot / 64] &= ~BIT64(slot % 64);
}

int memory_create(struct memory *mem, uint64_t size, uint64_t hugepage)
{
	int r;

	memset(mem, 0, sizeof(*mem));
	mem->vm_fd = -1;
	mem->memfd = -1;
	mem->size = size;
	r = map_ram(mem, hugepage);
	if (r)
		memory_deinit(mem);
	return r;
}

int memory_place(struct memory *mem, int vm_fd, const struct range *regions, unsigned n)
{
	unsigned limit = MEMORY_SLOT_MAX, slot;
	uint64_t offset = 0;
	int r = 0;

	mem->vm_fd = vm_fd;
	if (vm_fd >= 0)
		limit = (unsigned)kvm_check(vm_fd, KVM_CAP_NR_MEMSLOTS);
	if (!limit)
		return fail(STATUS_HOST, ENOTSUP,
			    "KVM: it has no memory slots; this kernel's KVM cannot run thru");
	mem->slot_limit = MIN(limit, (unsigned)MEMORY_SLOT_MAX);
	for (unsigned i = 0; !r && i < n; i++) {
		mem->ram[i] = (struct ram_region){
			.base = regions[i].base,
			.size = regions[i].size,
			.offset = offset,
			.hva = mem->hva + offset,
		};
		offset += regions[i].size;
		mem->n_ram++;
		r = memory_slot_add(mem, regions[i].base, regions[i].size, mem->ram[i].hva, 0,
				    &slot);
	}
	return r;
}

int memory_init(struct memory *mem, int vm_fd, const struct range *regions, unsigned n)
{
	uint64_t size = 0;
	int r;

	for (unsigned i = 0; i < n; i++)
		size += regions[i].size;
	r = memory_create(mem, size, 0);
	if (!r)
		r = memory_place(mem, vm_fd, regions, n);
	if (r)
		memory_deinit(mem);
	return r;
}

void memory_deinit(struct memory *mem)
{
	if (mem->hva)
		munmap(mem->hva, mem->size);
	fd_close(&mem->memfd);
	mem->hva = NULL;
	mem->n_ram = 0;
}

void *memory_at(const struct memory *mem, gpa_t gpa, uint64_t len)
{
	for (unsigned i = 0; i < mem->n_ram; i++) {
		const struct ram_region *ram = &mem->ram[i];

		if (range_holds((struct range){ ram->base, ram->size }, gpa, len))
			return ram->hva + (gpa - ram->base);
	}
	return NULL;
}

uint64_t memory_copy_file(const struct memory *mem, void *hva, int fd, uint64_t offset,
			  uint64_t len)
{
	off_t from = (off_t)offset, to = (uint8_t *)hva - mem->hva;
	uint64_t done = 0;
	ssize_t n = 1;

	if (mem->populated || lseek(mem->memfd, to, SEEK_SET) < 0)
		return 0;
	/* In pieces: whoever is told to stop (fd_read_until()) need not wait for a slow disk. */
	while (done < len && n > 0 && !fd_read_stopped()) {
		n = sendfile(mem->memfd, fd, &from, MIN(len - done, MIB(4)));
		done += n > 0 ? (uint64_t)n : 0;
	}
	return done;
}

int memory_slot_add(struct memory *mem, gpa_t gpa, uint64_t size, void *hva, unsigned flags,
		    unsigned *ret_slot)
{
	unsigned slot = slot_take(mem);
	int r;

	if (slot == mem->slot_limit)
		return fail(STATUS_HOST, ENOSPC,
			    "KVM: all %u memory slots are in use; give the guest fewer devices",
			    mem->slot_limit);
	if (mem->vm_fd >= 0) {
		r = kvm_set_memory(mem->vm_fd, slot, flags, gpa, size, hva);
		if (r) {
			slot_give(mem, slot);
			return r;
		}
	}
	*ret_slot = slot;
	return 0;
}

void memory_slot_remove(struct memory *mem, unsigned slot)
{
	/* Removing what KVM has is never refused; the slot's address and pages are not looked at. */
	if (mem->vm_fd >= 0 && kvm_set_memory(mem->vm_fd, slot, 0, 0, 0, NULL))
		return;
	slot_give(mem, slot);
}
