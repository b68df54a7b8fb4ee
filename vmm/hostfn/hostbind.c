/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the host's drivers to VFIO's: all questions first, of all functions, then the moves. So
 * nothing is taken from the host for a bind that would fail anyway. Main thread.
 */
#include <hostfn/hostbind.h>

#include <hostfn/hostfn.h>

#include <base/error.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 400

/* Whose group they are in and who has a driver of the host's: what has to go along, as words. */
static void group_words(const struct host_function *fn, char *ret, size_t size)
{
	struct group_member *members = NULL;
	struct host_function other;
	size_t used = 0;
	unsigned n = 0;

	if (sysfs_group(fn->group, &members, &n))
		error_clear();
	for (unsigned i = 0; i < n && used + BDF_TEXT + 1 < size; i++) {
		if (!members[i].is_function || sysfs_function(members[i].bdf, &other)) {
			error_clear();
			continue;
		}
		if (!bdf_compare(&other.bdf, &fn->bdf) ||
		    (!hostfn_is_bridge(&other) && hostfn_driver_is_hosts(other.driver)))
			used += (size_t)snprintf(ret + used, size - used, " %s", members[i].name);
	}
	free(members);
}

static int check_group(const struct host_function *fn, const struct bdf *bdfs, unsigned n)
{
	char name[BDF_TEXT], why[HOSTFN_WHY], words[WORDS] = "";
	int r = hostfn_group_free(fn, bdfs, n, why, sizeof(why));

	if (!r)
		return 0;
	bdf_format(fn->bdf, name);
	/* Each by itself is refused for the other's sake. */
	if (strstr(why, "run: thru bind ")) {
		group_words(fn, words, sizeof(words));
		return fail(STATUS_HOST, -r,
			    "%s %.*s; bind them together: thru bind%s, or it alone: --force", name,
			    (int)strcspn(why, ";"), why, words);
	}
	return fail(STATUS_HOST, -r, "%s %s", name, why);
}

static int check_use(const struct host_function *fn)
{
	char words[WORDS], name[BDF_TEXT];

	if (!hostuse(fn, words, sizeof(words)))
		return 0;
	return fail(STATUS_HOST, EBUSY,
		    "%s: the host uses it: %s; end that first, or take it from the host all the "
		    "same: --force",
		    bdf_format(fn->bdf, name), words);
}

/* The driver to ask for, when it is there. */
static int choose_driver(struct bdf bdf, bool force, char driver[32])
{
	char module[64], variant[32], name[BDF_TEXT];

	snprintf(driver, 32, "vfio-pci");
	if (!sysfs_variant(bdf, module, variant))
		return 0;
	if (*variant)
		memcpy(driver, variant, sizeof(variant));
	else if (!force)
		return fail(STATUS_HOST, ENOENT,
			    "%s: has a VFIO driver of its own, %s, which is not loaded; run: "
			    "modprobe %s, or have plain vfio-pci: --force",
			    bdf_format(bdf, name), module, module);
	return 0;
}

static int check_one(struct bdf bdf, const struct bdf *bdfs, unsigned n, bool force)
{
	char why[HOSTFN_WHY], name[BDF_TEXT], driver[32];
	struct host_function fn;
	int r = sysfs_function(bdf, &fn);

	if (r || (hostfn_is_vfio(&fn) && !hostfn_is_bridge(&fn)))
		return r;
	r = hostfn_possible(&fn, why, sizeof(why));
	if (r) /* "NAME: is a bridge", "NAME has no IOMMU group" */
		return fail(STATUS_HOST, -r, "%s%s %s", bdf_format(bdf, name),
			    hostfn_is_bridge(&fn) ? ":" : "", why);
	if (!r && !force)
		r = check_group(&fn, bdfs, n);
	if (!r && !force)
		r = check_use(&fn);
	if (!r)
		r = choose_driver(bdf, force, driver);
	return r ? r : sysfs_bind_check(bdf, driver);
}

int hostbind_check(const struct bdf *bdfs, unsigned n, bool force)
{
	int r = 0;

	for (unsigned i = 0; !r && i < n; i++)
		r = check_one(bdfs[i], bdfs, n, force);
	return r;
}

int hostbind(struct bdf bdf, bool force)
{
	struct host_function fn;
	char driver[32];
	int r = sysfs_function(bdf, &fn);

	if (r || hostfn_is_vfio(&fn))
		return r;
	r = choose_driver(bdf, force, driver);
	return r ? r : sysfs_bind(bdf, driver);
}
