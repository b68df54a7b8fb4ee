/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory for devices (vmm/machine/dma.c) over a made-up address space: the order of its calls, what is
 * kept reachable, and what the user's limit on locked memory is compared with.
 */
#include "test.h"

#include <errno.h>
#include <host/way.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vmm/machine/dma.h>

static struct {
	struct range reach[REACH_MAX], kept[64], mapped[16];
	unsigned n_reach, n_kept, n_mapped, room;
	bool by_process, mapped_before_kept;
} iommu;

/* include/host/way.h */

int vfio_space_ranges(struct vfio_space *space, struct range *ranges, unsigned *n)
{
	(void)space;
	if (iommu.n_reach > *n)
		return -EMSGSIZE;
	memcpy(ranges, iommu.reach, iommu.n_reach * sizeof(*ranges));
	*n = iommu.n_reach;
	return 0;
}

int vfio_space_keep(struct vfio_space *space, const struct range *ranges, unsigned n)
{
	(void)space;
	iommu.mapped_before_kept |= iommu.n_mapped;
	for (unsigned i = 0; i < n; i++) {
		bool inside = false;

		for (unsigned k = 0; k < iommu.n_reach; k++)
			inside |= range_holds(iommu.reach[k], ranges[i].base, ranges[i].size);
		if (!inside)
			return fail(STATUS_HOST, EADDRINUSE, "fake: reserved");
		iommu.kept[iommu.n_kept++] = ranges[i];
	}
	return 0;
}

int vfio_space_check_room(struct vfio_space *space, unsigned n)
{
	(void)space;
	if (n > iommu.room)
		return fail(STATUS_HOST, ENOSPC, "fake: room for %u", iommu.room);
	return 0;
}

int vfio_space_map(struct vfio_space *space, const struct vfio_memory *part, iova_t iova)
{
	(void)space;
	iommu.mapped[iommu.n_mapped++] = (struct range){ iova, part->size };
	return 0;
}

int vfio_space_unmap(struct vfio_space *space, iova_t iova, uint64_t size)
{
	(void)space, (void)iova, (void)size;
	iommu.n_mapped--;
	return 0;
}

bool vfio_space_accounts_process(const struct vfio_space *space)
{
	(void)space;
	return iommu.by_process;
}

static struct vfio_space space;
static const struct memory memory = {
	.ram = { { .base = 0, .size = GIB(1) }, { .base = GIB(2), .size = GIB(1) } },
	.n_ram = 2,
};
static const struct layout layout = {
	.pci = { .mem32 = { GIB(3), MIB(512) }, .mem64 = { GIB(500), GIB(100) } },
};

/* What two IOMMUs leave: 39 bits, a window for interrupts in the middle of where 32-bit BARs go. */
static void set_up(void)
{
	memset(&iommu, 0, sizeof(iommu));
	iommu.room = 16;
	iommu.reach[iommu.n_reach++] = (struct range){ 0, GIB(3) + MIB(256) };
	iommu.reach[iommu.n_reach++] = (struct range){ GIB(3) + MIB(257),
						       GIB(512) - GIB(3) - MIB(257) };
}

static void ram_is_kept_then_mapped(void)
{
	set_up();
	CHECK_EQ(dma_map(&space, &memory, &layout, false), 0);
	CHECK(!iommu.mapped_before_kept);
	CHECK_EQ(iommu.n_kept, 2);
	CHECK_EQ(iommu.kept[1].base, GIB(2));
	CHECK_EQ(iommu.n_mapped, 2);
	CHECK_EQ(iommu.mapped[1].base, GIB(2));
	CHECK_EQ(iommu.mapped[1].size, GIB(1));
	dma_unmap(&space, &memory);
	CHECK_EQ(iommu.n_mapped, 0);
	/* None is made when not all find room. */
	iommu.room = 1;
	CHECK_EQ(dma_map(&space, &memory, &layout, false), -ENOSPC);
	CHECK_EQ(iommu.n_mapped, 0);
	CHECK_ERROR("room for 1");
}

/* The windows in reach only: the rest would be refused. */
static void windows_are_kept_for_p2p(void)
{
	set_up();
	CHECK_EQ(dma_map(&space, &memory, &layout, true), 0);
	CHECK_EQ(iommu.n_kept, 5);
	CHECK_EQ(iommu.kept[2].base, GIB(3));
	CHECK_EQ(iommu.kept[2].size, MIB(256));
	CHECK_EQ(iommu.kept[3].base, GIB(3) + MIB(257));
	CHECK_EQ(iommu.kept[3].size, MIB(255));
	CHECK_EQ(iommu.kept[4].base, GIB(500));
	CHECK_EQ(iommu.kept[4].size, GIB(12));
}

static void windows_without_end(void)
{
	struct reach reach;

	set_up();
	iommu.n_reach = REACH_MAX;
	CHECK_EQ(dma_reach(&space, &reach), 0);
	CHECK_EQ(reach.n, REACH_MAX);
	iommu.n_reach++;
	CHECK(dma_reach(&space, &reach) < 0);
	CHECK_ERROR("reserves more than 127 windows");
}

static void whose_pins(void)
{
	static const char status[] =
		"Name:\tthru\nUid:\t1000\t0\t0\t0\nVmSize:\t 9 kB\nVmPin:\t  2048 kB\n";

	CHECK_EQ(dma_pinned_by(status, 1000), MIB(2)); /* the real user: current_user() */
	CHECK_EQ(dma_pinned_by(status, 0), 0);
	CHECK_EQ(dma_pinned_by("Uid:\t1000\t1000\t1000\t1000\nThreads:\t1\n", 1000),
		 0); /* a kernel thread */
	CHECK_EQ(dma_pinned_by("VmPin:\t  2048 kB\n", 1000), 0);
	CHECK_EQ(dma_pinned_by("Name:\tx", 1000), 0);
	/* A name is what its process likes. */
	CHECK_EQ(dma_pinned_by("Name:\tUid:\t1000\nUid:\t0\nVmPin:\t 4 kB\n", 1000), 0);
}

/* As a process without privilege, whose limit is 4 MiB; as root of a user namespace of its own. */
static int with_limit_as(bool root_of_its_own, uint64_t size, const char **want)
{
	struct rlimit limit = { MIB(1), MIB(4) };
	int status = 1;
	pid_t pid = fork();

	if (!pid) {
		bool done = !setrlimit(RLIMIT_MEMLOCK, &limit) && (geteuid() || !setuid(65534));
		if (done && root_of_its_own && unshare(CLONE_NEWUSER))
			_exit(3);
		int r = done ? dma_check_memlock(&space, size) : -EIO;

		if (!r)
			_exit(0);
		for (; *want; want++)
			if (!strstr(error_message(), *want))
				_exit(2);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static int with_limit(uint64_t size, const char **want)
{
	return with_limit_as(false, size, want);
}

/* CAP_IPC_LOCK of another user namespace is none: VFIO asks the first. */
static void limit_in_a_user_namespace(void)
{
	const char *words[] = { "pins the guest's memory, 5120 KiB", "limit is 4096 KiB", NULL };
	int r;

	set_up();
	r = with_limit_as(true, MIB(5), words);
	if (r == 3)
		SKIP("an ordinary user may make no user namespace here");
	CHECK_EQ(r, 1);
	CHECK_EQ(with_limit_as(true, MIB(4), words), 0);
}

static void limit_on_locked_memory(void)
{
	const char *words[] = { "pins the guest's memory, 5120 KiB", "limit is 4096 KiB",
				"ulimit -l 5120", NULL };

	set_up();
	CHECK_EQ(with_limit(MIB(4), words), 0); /* the soft limit is raised */
	CHECK_EQ(with_limit(MIB(5), words), 1);
	iommu.by_process = true;
	CHECK_EQ(with_limit(MIB(4), words), 0);
	CHECK_EQ(with_limit(MIB(5), words), 1);
}

static const struct test tests[] = {
	TEST(ram_is_kept_then_mapped), TEST(windows_are_kept_for_p2p),
	TEST(windows_without_end),     TEST(whose_pins),
	TEST(limit_on_locked_memory),  TEST(limit_in_a_user_namespace),
};
TEST_MAIN(tests)
