/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several functions at once: all of the host's, those of an IOMMU group with what else is in it, those
 * below a bridge, those that a physical function has made.
 *
 * Called by verbs and at a machine's start, on the main thread.
 */
#include "sysfs_path.h"

#include <base/error.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bdf_list {
	struct bdf *bdfs;
	unsigned n;
};

#define DEPTH_MAX 32 /* of buses below buses */

static int compare(const void *a, const void *b)
{
	return bdf_compare(a, b);
}

/* Add the functions that a directory names, in no order, and with `depth` those below them. */
static int list_add(struct bdf_list *list, const char *path, unsigned depth)
{
	char below[PATH_MAX];
	struct dirent *entry;
	struct bdf *more, bdf;
	DIR *dir = opendir(path);
	int r = 0;

	if (!dir)
		return -errno;
	while (errno = 0, !r && (entry = readdir(dir))) {
		if (!bdf_parse(entry->d_name, &bdf))
			continue;
		more = reallocarray(list->bdfs, list->n + 1, sizeof(bdf));
		if (!more) {
			r = -ENOMEM;
			break;
		}
		list->bdfs = more;
		list->bdfs[list->n++] = bdf;
		if (depth &&
		    snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) < PATH_MAX)
			r = list_add(list, below, depth - 1);
	}
	r = r ? r : -errno;
	closedir(dir);
	return r;
}

static int list_bdfs(const char *path, unsigned depth, struct bdf **ret, unsigned *ret_n)
{
	struct bdf_list list = { NULL, 0 };
	int r = list_add(&list, path, depth);

	if (r) {
		free(list.bdfs);
		return r;
	}
	if (list.n)
		qsort(list.bdfs, list.n, sizeof(*list.bdfs), compare);
	*ret = list.bdfs;
	*ret_n = list.n;
	return 0;
}

int sysfs_functions(struct host_function **ret, unsigned *ret_n)
{
	struct host_function *functions;
	struct bdf *bdfs;
	char path[PATH_MAX];
	unsigned n_bdfs, n = 0;
	int r;

	sysfs_path(path, "/sys/bus/pci/devices");
	r = list_bdfs(path, 0, &bdfs, &n_bdfs);
	if (r)
		return fail(STATUS_HOST, -r, "%s: %s; is sysfs mounted, and has this machine PCI?",
			    path, strerror(-r));
	functions = calloc(n_bdfs + 1, sizeof(*functions));
	if (!functions) {
		free(bdfs);
		return fail(STATUS_HOST, ENOMEM, "PCI functions: out of memory");
	}
	for (unsigned i = 0; i < n_bdfs; i++)
		n += sysfs_read_function(bdfs[i], &functions[n]);
	free(bdfs);
	*ret = functions;
	*ret_n = n;
	return 0;
}

/* A member that is no PCI function keeps its name only; one that is, its address too. */
static void read_member(const char *dir, const char *name, struct group_member *ret)
{
	char path[PATH_MAX];

	*ret = (struct group_member){ .is_function = false };
	snprintf(ret->name, sizeof(ret->name), "%.*s", (int)sizeof(ret->name) - 1, name);
	ret->is_function = bdf_parse(name, &ret->bdf);
	if (snprintf(path, sizeof(path), "%s/%s/driver", dir, name) < PATH_MAX)
		sysfs_last(path, ret->driver, sizeof(ret->driver));
}

/* Functions first, in their order; then the others. */
static int compare_members(const void *a, const void *b)
{
	const struct group_member *x = a, *y = b;

	if (x->is_function != y->is_function)
		return x->is_function ? -1 : 1;
	return x->is_function ? bdf_compare(&x->bdf, &y->bdf) : strcmp(x->name, y->name);
}

static int list_members(const char *path, struct group_member **ret, unsigned *ret_n)
{
	struct group_member *list = NULL, *more;
	struct dirent *entry;
	unsigned n = 0;
	DIR *dir = opendir(path);
	int r;

	if (!dir)
		return -errno;
	while (errno = 0, (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		more = reallocarray(list, n + 1, sizeof(*list));
		if (!more) {
			errno = ENOMEM;
			break;
		}
		list = more;
		read_member(path, entry->d_name, &list[n++]);
	}
	r = -errno;
	closedir(dir);
	if (r) {
		free(list);
		return r;
	}
	if (n)
		qsort(list, n, sizeof(*list), compare_members);
	*ret = list;
	*ret_n = n;
	return 0;
}

int sysfs_group(int group, struct group_member **ret, unsigned *ret_n)
{
	char path[PATH_MAX];
	int r;

	sysfs_path(path, "/sys/kernel/iommu_groups/%d/devices", group);
	r = list_members(path, ret, ret_n);
	if (r)
		return fail(STATUS_HOST, -r, "IOMMU group %d: %s; run: thru devices", group,
			    strerror(-r));
	return 0;
}

int sysfs_below_bridge(struct bdf bdf, struct bdf **ret, unsigned *ret_n)
{
	char path[PATH_MAX], real[PATH_MAX], name[BDF_TEXT], *slash;
	struct bdf bridge;
	unsigned n = 0;
	int r;

	/* .../pci0000:00/0000:00:1c.0/0000:01:00.0: the function is below 0000:00:1c.0. */
	sysfs_path(path, "/sys/bus/pci/devices/%s", bdf_format(bdf, name));
	if (!realpath(path, real) || !(slash = strrchr(real, '/')))
		return -ENODEV;
	*slash = 0;
	slash = strrchr(real, '/');
	if (!slash || !bdf_parse(slash + 1, &bridge))
		return -ENODEV;
	r = list_bdfs(real, DEPTH_MAX, ret, ret_n);
	for (unsigned i = 0; !r && i < *ret_n; i++)
		if (bdf_compare(&(*ret)[i], &bdf))
			(*ret)[n++] = (*ret)[i];
	*ret_n = r ? 0 : n;
	return r;
}

unsigned sysfs_vfs(struct bdf bdf)
{
	char name[BDF_TEXT], text[32];

	sysfs_attribute(bdf_format(bdf, name), "sriov_numvfs", text, sizeof(text));
	return (unsigned)strtoul(text, NULL, 10);
}

bool sysfs_physfn(struct bdf bdf, struct bdf *ret)
{
	char name[BDF_TEXT], text[64];

	sysfs_link(bdf_format(bdf, name), "physfn", text, sizeof(text));
	return bdf_parse(text, ret);
}

/* Lines of "0xSTART 0xEND TYPE" (sysfs-kernel-iommu_groups). */
bool sysfs_group_reserves(int group, const char *type)
{
	char path[96], text[4096], *rest = text, *line;

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/reserved_regions", group);
	if (!sysfs_read(path, text, sizeof(text)))
		return false;
	while ((line = strsep(&rest, "\n"))) {
		const char *last = strrchr(line, ' ');

		if (last && !strcmp(last + 1, type))
			return true;
	}
	return false;
}
