/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits of control groups, compared before there is a guest: one that is too small kills the process
 * when the guest has filled it (memory), or ends it by SIGBUS (huge pages). Versions 1 and 2 may be
 * mounted side by side, each with other controllers; limits of the groups above count as well.
 *
 * /proc/self/cgroup tells the group in each hierarchy, /proc/self/mountinfo where that is mounted and
 * which part of it (proc(5), cgroups(7)). What cannot be read does not limit. What others in the group
 * use is not counted: it comes and goes.
 *
 * Main thread.
 */
#include <hostfn/cgroup.h>

#include <base/error.h>
#include <base/log.h>
#include <errno.h>
#include <host/sysfs.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOUNTS_SIZE KIB(256) /* of text; hosts with many containers have long lists */

struct hierarchy {
	const char *controller; /* of version 1; "" is version 2 */
	char group[PATH_MAX];   /* ours */
	char root[PATH_MAX];    /* the part of the hierarchy that is mounted */
	char mount[PATH_MAX];   /* where */
};

struct limit {
	uint64_t bytes;
	char file[PATH_MAX];
};

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += len)
		if ((at == list || at[-1] == ',') && (!at[len] || at[len] == ','))
			return true;
	return false;
}

/* Lines `ID:CONTROLLERS:GROUP`; those of version 2 have no controllers. */
static bool find_group(struct hierarchy *h)
{
	char text[KIB(8)], *line, *rest = text, *list, *group;

	if (!sysfs_read("/proc/self/cgroup", text, sizeof(text)))
		return false;
	while ((line = strsep(&rest, "\n"))) {
		list = strchr(line, ':');
		group = list ? strchr(list + 1, ':') : NULL;
		if (!group || strlen(group) > sizeof(h->group))
			continue;
		*group = 0;
		if (*h->controller ? !has_word(list + 1, h->controller) : list[1] != 0)
			continue;
		strcpy(h->group, group + 1);
		return true;
	}
	return false;
}

/* `36 35 98:0 ROOT MOUNT rw,noatime shared:1 - TYPE SOURCE OPTIONS`. */
static bool is_mount_of(struct hierarchy *h, char *line)
{
	char *end = strstr(line, " - "), type[32], options[PATH_MAX];

	if (!end || sscanf(end, " - %31s %*s %4095s", type, options) != 2 ||
	    sscanf(line, "%*d %*d %*s %4095s %4095s", h->root, h->mount) != 2)
		return false;
	return *h->controller ? !strcmp(type, "cgroup") && has_word(options, h->controller)
			      : !strcmp(type, "cgroup2");
}

/* How much of the group's path is the mount's; false: the group is outside of what is mounted. */
static bool is_inside(const struct hierarchy *h, size_t *ret_len)
{
	size_t len = strcmp(h->root, "/") ? strlen(h->root) : 0;

	*ret_len = len;
	return !strncmp(h->group, h->root, len) && (!h->group[len] || h->group[len] == '/');
}

/* The group's path below the mount, "" for its top. A group outside of what is mounted: the top. */
static const char *below_mount(const struct hierarchy *h)
{
	size_t len;

	return is_inside(h, &len) && strcmp(h->group + len, "/") ? h->group + len : "";
}

/*
 * The first that has our group in it: a part of a hierarchy may be mounted elsewhere, for a container. Where none
 * has, as in one that does not see its own place, the last one.
 */
static bool find_mount(struct hierarchy *h)
{
	char *text = malloc(MOUNTS_SIZE), *rest = text, *line;
	bool found = false, inside = false;
	struct hierarchy *at = malloc(sizeof(*at));
	size_t len;

	if (text && at && sysfs_read("/proc/self/mountinfo", text, MOUNTS_SIZE))
		while (!inside && (line = strsep(&rest, "\n"))) {
			*at = *h;
			if (!is_mount_of(at, line))
				continue;
			found = true;
			inside = is_inside(at, &len);
			*h = *at;
		}
	free(at);
	free(text);
	return found;
}

/* The lowest limit that file `name` sets in our group and those above it. */
static struct limit lowest(const char *controller, const char *name)
{
	struct hierarchy h = { .controller = controller };
	struct limit limit = { .bytes = UINT64_MAX };
	char at[PATH_MAX * 2], file[PATH_MAX * 3], text[64], *end, *slash;
	size_t top;

	if (!find_group(&h) || !find_mount(&h))
		return limit;
	top = strlen(h.mount);
	snprintf(at, sizeof(at), "%s%s", h.mount, below_mount(&h));
	while (strlen(at) >= top) {
		uint64_t bytes;

		snprintf(file, sizeof(file), "%s/%s", at, name);
		bytes = sysfs_read(file, text, sizeof(text)) ? strtoull(text, &end, 10) : 0;
		if (*text && end > text && bytes < limit.bytes &&
		    strlen(file) < sizeof(limit.file)) {
			limit.bytes = bytes;
			strcpy(limit.file, file);
		}
		slash = strrchr(at, '/');
		if (!slash)
			break;
		*slash = 0;
	}
	return limit;
}

static struct limit lower(struct limit a, struct limit b)
{
	return b.bytes < a.bytes ? b : a;
}

/* The kernel's names of sizes: 64KB, 2MB, 1GB (hugetlb_cgroup.c, mem_fmt()). */
static struct limit lowest_of_pool(uint64_t hugepage, const char *what)
{
	char one[64], two[64];
	const char *unit = hugepage >= GIB(1) ? "GB" : hugepage >= MIB(1) ? "MB" : "KB";
	unsigned long long n = hugepage >> (hugepage >= GIB(1) ? 30 : hugepage >= MIB(1) ? 20 : 10);

	snprintf(one, sizeof(one), "hugetlb.%llu%s.%slimit_in_bytes", n, unit, what);
	snprintf(two, sizeof(two), "hugetlb.%llu%s.%smax", n, unit, what);
	return lower(lowest("hugetlb", one), lowest("", two));
}

int cgroup_check_memory(uint64_t size, uint64_t hugepage)
{
	struct limit limit, high;

	if (hugepage)
		limit = lower(lowest_of_pool(hugepage, ""), lowest_of_pool(hugepage, "rsvd."));
	else
		limit = lower(lowest("memory", "memory.limit_in_bytes"), lowest("", "memory.max"));
	if (size > limit.bytes)
		return fail(
			STATUS_HOST, ENOMEM,
			"--mem: the guest asks for %llu MiB and its control group allows %llu MiB%s "
			"(%s); ask for less, or raise it there",
			(unsigned long long)(size >> 20), (unsigned long long)(limit.bytes >> 20),
			hugepage ? " of such huge pages" : "", limit.file);
	high = hugepage ? (struct limit){ .bytes = UINT64_MAX } : lowest("", "memory.high");
	if (size > high.bytes)
		log_warn(
			"--mem: the guest asks for %llu MiB and its control group is slowed down from "
			"%llu MiB on (%s)",
			(unsigned long long)(size >> 20), (unsigned long long)(high.bytes >> 20),
			high.file);
	return 0;
}
