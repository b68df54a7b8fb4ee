/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits of control groups over trees of files: both versions, groups above, containers. */
#include "test.h"

#include "fake-sysfs.h"

#include <errno.h>
#include <host/sysfs.h>
#include <hostfn/cgroup.h>

#define V1_MEMORY  "30 25 0:26 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory\n"
#define V1_HUGETLB "31 25 0:27 / /sys/fs/cgroup/hugetlb rw,nosuid - cgroup cgroup rw,hugetlb\n"
#define V2         "33 24 0:29 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

static void text(const char *path, const char *what)
{
	put(path_of("%s", path), what, strlen(what));
}

static void host(const char *groups, const char *mounts)
{
	strcpy(tree, "/tmp/thru-sysfs-XXXXXX");
	if (!mkdtemp(tree))
		abort();
	sysfs_set_root(tree);
	text("proc/self/cgroup", groups);
	text("proc/self/mountinfo", mounts);
}

static void version_2(void)
{
	host("0::/user.slice/guest.scope\n", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" V2);
	CHECK_EQ(cgroup_check_memory(GIB(64), 0), 0); /* no file: no limit */
	text("sys/fs/cgroup/user.slice/guest.scope/memory.max", "max\n");
	CHECK_EQ(cgroup_check_memory(GIB(64), 0), 0);
	text("sys/fs/cgroup/user.slice/guest.scope/memory.max", "268435456\n");
	CHECK_EQ(cgroup_check_memory(MIB(256), 0), 0);
	CHECK_EQ(cgroup_check_memory(MIB(257), 0), -ENOMEM);
	CHECK_EQ(error_status(), STATUS_HOST);
	CHECK_ERROR("asks for 257 MiB and its control group allows 256 MiB "
		    "(/sys/fs/cgroup/user.slice/guest.scope/memory.max)");
	CHECK_EQ(cgroup_check_memory(MIB(512), MIB(2)), 0); /* huge pages count elsewhere */
	remove_tree();
}

/* The lowest on the way up counts, also at the top of what a container sees. */
static void groups_above(void)
{
	host("0::/a/b/c\n", V2);
	text("sys/fs/cgroup/a/b/c/memory.max", "max\n");
	text("sys/fs/cgroup/a/b/memory.max", "1073741824\n");
	text("sys/fs/cgroup/a/memory.max", "536870912\n");
	CHECK_EQ(cgroup_check_memory(MIB(512), 0), 0);
	CHECK_EQ(cgroup_check_memory(MIB(513), 0), -ENOMEM);
	CHECK_ERROR("(/sys/fs/cgroup/a/memory.max)");
	text("sys/fs/cgroup/memory.max", "1048576\n");
	CHECK_EQ(cgroup_check_memory(MIB(2), 0), -ENOMEM);
	CHECK_ERROR("allows 1 MiB (/sys/fs/cgroup/memory.max)");
	remove_tree();
}

static void version_1(void)
{
	host("9:name=systemd:/x\n4:cpu,memory:/box/1\n3:hugetlb:/pages\n0::/\n",
	     V1_HUGETLB V1_MEMORY V2);
	text("sys/fs/cgroup/memory/box/1/memory.limit_in_bytes", "9223372036854771712\n");
	CHECK_EQ(cgroup_check_memory(GIB(64), 0), 0);
	text("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "67108864\n");
	CHECK_EQ(cgroup_check_memory(MIB(65), 0), -ENOMEM);
	CHECK_ERROR("allows 64 MiB (/sys/fs/cgroup/memory/box/memory.limit_in_bytes)");
	text("sys/fs/cgroup/hugetlb/pages/hugetlb.2MB.limit_in_bytes", "33554432\n");
	CHECK_EQ(cgroup_check_memory(MIB(64), MIB(2)), -ENOMEM);
	CHECK_ERROR("allows 32 MiB of such huge pages");
	CHECK_EQ(cgroup_check_memory(MIB(32), MIB(2)), 0);
	remove_tree();
}

static void huge_pages(void)
{
	host("0::/g\n", V2);
	text("sys/fs/cgroup/g/hugetlb.1GB.max", "1073741824\n");
	text("sys/fs/cgroup/g/hugetlb.64KB.max", "65536\n");
	text("sys/fs/cgroup/g/hugetlb.2MB.rsvd.max", "4194304\n");
	CHECK_EQ(cgroup_check_memory(GIB(2), GIB(1)), -ENOMEM);
	CHECK_ERROR("hugetlb.1GB.max");
	CHECK_EQ(cgroup_check_memory(MIB(1), KIB(64)), -ENOMEM);
	CHECK_ERROR("hugetlb.64KB.max");
	CHECK_EQ(cgroup_check_memory(MIB(8), MIB(2)), -ENOMEM);
	CHECK_ERROR("allows 4 MiB of such huge pages (/sys/fs/cgroup/g/hugetlb.2MB.rsvd.max)");
	CHECK_EQ(cgroup_check_memory(MIB(4), MIB(2)), 0);
	remove_tree();
}

/* Only a part of the hierarchy is mounted, as in containers that share the host's name space. */
static void part_mounted(void)
{
	host("0::/docker/1/x\n", "33 24 0:29 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
	text("sys/fs/cgroup/x/memory.max", "2097152\n");
	CHECK_EQ(cgroup_check_memory(MIB(3), 0), -ENOMEM);
	CHECK_ERROR("(/sys/fs/cgroup/x/memory.max)");
	text("proc/self/cgroup", "0::/docker/11\n"); /* not in it: what is seen is the top */
	CHECK_EQ(cgroup_check_memory(MIB(3), 0), 0);
	text("sys/fs/cgroup/memory.max", "2097152\n");
	CHECK_EQ(cgroup_check_memory(MIB(3), 0), -ENOMEM);
	CHECK_ERROR("(/sys/fs/cgroup/memory.max)");
	remove_tree();
	/* A part that is another's is mounted, too, and comes first: its limit is not ours. */
	host("0::/user/x\n", "32 24 0:29 /docker/1 /srv/box/cgroup ro - cgroup2 cgroup rw\n" V2
			     "34 24 0:29 /user/xx /srv/bin/cgroup ro - cgroup2 cgroup rw\n");
	text("srv/box/cgroup/memory.max", "2097152\n");
	text("srv/bin/cgroup/memory.max", "2097152\n");
	CHECK_EQ(cgroup_check_memory(MIB(64), 0), 0);
	text("sys/fs/cgroup/user/memory.max", "4194304\n");
	CHECK_EQ(cgroup_check_memory(MIB(64), 0), -ENOMEM);
	CHECK_ERROR("allows 4 MiB (/sys/fs/cgroup/user/memory.max)");
	remove_tree();
}

static void nothing_there(void)
{
	static const char *const odd[] = { "", "\n", "0:\n", "::\n", "0::\n", "nonsense" };

	for (unsigned i = 0; i < ARRAY_SIZE(odd); i++) {
		host(odd[i], "1 2 3\n - \n - cgroup2\n");
		CHECK_EQ(cgroup_check_memory(GIB(64), 0), 0);
		text("proc/self/mountinfo", V2);
		text("sys/fs/cgroup/memory.max", "nonsense");
		CHECK_EQ(cgroup_check_memory(GIB(64), 0), 0);
		remove_tree();
	}
}

static const struct test tests[] = {
	TEST(version_2),  TEST(groups_above), TEST(version_1),
	TEST(huge_pages), TEST(part_mounted), TEST(nothing_there),
};
TEST_MAIN(tests)
