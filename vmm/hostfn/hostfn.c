/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The conditions of Documentation/driver-api/vfio.rst and iommufd.rst for one function, in the
 * order in which an operator meets them; the first that fails is the answer. Main thread only.
 */
#include "answer.h"

#include <hostfn/hostfn.h>

#include <hostfn/hostway.h>

#include <base/error.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLASS_HOST_BRIDGE    0x0600
#define CLASS_CARDBUS_BRIDGE 0x0607 /* of a header of its own, which vfio-pci refuses */

bool hostfn_is_bridge(const struct host_function *fn)
{
	return fn->is_bridge || fn->class >> 8 == CLASS_HOST_BRIDGE ||
	       fn->class >> 8 == CLASS_CARDBUS_BRIDGE;
}

/* mlx5_vfio_pci, hisi-acc-vfio-pci, vfio-pci... (drivers/vfio/pci): of the family by their names. */
bool hostfn_driver_is_vfio(const char *driver)
{
	size_t n = strlen(driver);

	return n >= 8 &&
	       (!strcmp(driver + n - 8, "vfio-pci") || !strcmp(driver + n - 8, "vfio_pci"));
}

bool hostfn_is_vfio(const struct host_function *fn)
{
	return fn->has_vfio_dev || hostfn_driver_is_vfio(fn->driver);
}

/*
 * A driver that does no DMA on its own leaves the group to others: those that set
 * driver_managed_dma (iommu_device_use_default_domain() is not called for them).
 */
static bool driver_is_harmless(const char *driver)
{
	return !*driver || !strcmp(driver, "pci-stub") || !strcmp(driver, "pcieport") ||
	       hostfn_driver_is_vfio(driver);
}

bool hostfn_driver_is_hosts(const char *driver)
{
	return !driver_is_harmless(driver);
}

/* vfio-platform, vfio-amba, vfio-fsl-mc, vfio-cdx: the same of what is no PCI function. */
static bool other_is_harmless(const char *driver)
{
	return !*driver || !strncmp(driver, "vfio-", 5);
}

static const char *iommu_advice(void)
{
#if defined(__x86_64__)
	return "turn on VT-d or AMD-Vi in the firmware, and intel_iommu=on or amd_iommu=on on the "
	       "host's kernel command line";
#else
	return "turn on the SMMU in the firmware";
#endif
}

bool hostfn_must_stay(const struct host_function *fn, struct bdf other)
{
	struct bdf physfn;

	return sysfs_vfs(other) ||
	       (sysfs_physfn(fn->bdf, &physfn) && !bdf_compare(&physfn, &other));
}

static int answer_no_acs(const struct host_function *fn, const struct host_function *member,
			 struct answer a)
{
	char name[BDF_TEXT];

	return answer(a, EBUSY,
		      "shares IOMMU group %d with %s, which has to stay with %s, for its virtual "
		      "functions are gone without: nothing on their way to memory keeps the two "
		      "apart (no ACS); use a slot or a host that does",
		      fn->group, bdf_format(member->bdf, name), member->driver);
}

/* Members that `thru bind` takes from the host: all are told at once, so that one command mends it. */
struct takeable {
	char with[HOSTFN_WHY / 2], names[HOSTFN_WHY / 4];
};

static void takeable_add(struct takeable *t, const struct host_function *member)
{
	size_t with = strlen(t->with), names = strlen(t->names);
	char name[BDF_TEXT];

	bdf_format(member->bdf, name);
	/* What finds no room is told when these are VFIO's. */
	if (with + BDF_TEXT + sizeof(member->driver) + 24 > sizeof(t->with) ||
	    names + BDF_TEXT + 1 > sizeof(t->names))
		return;
	snprintf(t->with + with, sizeof(t->with) - with, "%s%s, which is bound to %s",
		 with ? ", and " : "", name, member->driver);
	snprintf(t->names + names, sizeof(t->names) - names, " %s", name);
}

static int check_member(const struct host_function *fn, const struct group_member *m,
			struct takeable *takeable, struct answer a)
{
	struct host_function member;

	if (!m->is_function)
		return other_is_harmless(m->driver)
			       ? 0
			       : answer(a, EBUSY,
					"shares IOMMU group %d with %s, no PCI function, which is "
					"bound to %s; run: echo %s > "
					"/sys/kernel/iommu_groups/%d/devices/%s/driver/unbind",
					fn->group, m->name, m->driver, m->name, fn->group, m->name);
	if (sysfs_function(m->bdf, &member)) {
		error_clear();
		return 0;
	}
	if (member.is_bridge || driver_is_harmless(member.driver))
		return 0;
	if (hostfn_must_stay(fn, m->bdf))
		return answer_no_acs(fn, &member, a);
	if (hostfn_is_bridge(&member))
		return answer(
			a, EBUSY,
			"shares IOMMU group %d with %s, a bridge that vfio-pci does not take, "
			"which is bound to %s; if the host can do without: echo %s > "
			"/sys/bus/pci/drivers/%s/unbind",
			fn->group, m->name, member.driver, m->name, member.driver);
	takeable_add(takeable, &member);
	return 0;
}

int hostfn_group_free(const struct host_function *fn, const struct bdf *except, unsigned n_except,
		      char *why, size_t size)
{
	struct takeable takeable = { "", "" };
	struct answer a = { why, size };
	struct group_member *members;
	unsigned n;
	int r = 0;

	if (sysfs_group(fn->group, &members, &n)) {
		error_clear();
		return answer(a, ENODEV, "vanished from its IOMMU group; run: thru devices");
	}
	for (unsigned i = 0; !r && i < n; i++) {
		bool skip = members[i].is_function && !bdf_compare(&members[i].bdf, &fn->bdf);

		for (unsigned j = 0; j < n_except; j++)
			skip |= members[i].is_function && !bdf_compare(&members[i].bdf, &except[j]);
		if (!skip)
			r = check_member(fn, &members[i], &takeable, a);
	}
	free(members);
	if (!r && *takeable.with)
		r = answer(a, EBUSY, "shares IOMMU group %d with %s; run: thru bind%s", fn->group,
			   takeable.with, takeable.names);
	return r;
}

/* vfio-pci gives such ones a group of their own making, of this name (drivers/vfio/group.c). */
static bool is_noiommu(const struct host_function *fn)
{
	char path[64], text[32];

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/name", fn->group);
	return !strncmp(fn->cdev, "noiommu", 7) ||
	       (sysfs_read(path, text, sizeof(text)) && !strcmp(text, "vfio-noiommu\n"));
}

int hostfn_possible(const struct host_function *fn, char *why, size_t size)
{
	struct answer a = { why, size };

	if (size)
		why[0] = 0;
	if (hostfn_is_bridge(fn))
		return answer(a, EINVAL,
			      "is a bridge: it stays with the host; choose a function behind it");
	if (is_noiommu(fn))
		return answer(a, EPERM, HOSTFN_NOIOMMU "; %s", iommu_advice());
	if (fn->group < 0)
		return answer(a, ENODEV, "has no IOMMU group: the IOMMU is off; %s",
			      iommu_advice());
	if (sysfs_group_reserves(fn->group, "direct"))
		return answer(a, EPERM,
			      "is used by the host's firmware by DMA (`direct` in the "
			      "reserved_regions of its group %d), so no guest can have it; choose "
			      "another, or turn that use off in the firmware",
			      fn->group);
	return 0;
}

/* No IOMMU is its own, and nothing that it shares one with. */
static int mdev_ready(const struct host_function *fn, struct answer a)
{
	enum vfio_way way;

	if (!*fn->driver)
		return answer(
			a, ENODEV,
			"has no driver; load the one of VFIO's that its parent's driver comes "
			"with (modprobe vfio_mdev, kvmgt, ...)");
	return hostway_find(fn, 1, HOSTWAY_ANY, &way, a.why, a.size);
}

int hostfn_ready(const struct host_function *fn, char *why, size_t size)
{
	struct answer a = { why, size };
	enum vfio_way way;
	char name[BDF_TEXT];
	int r;

	if (*fn->mdev)
		return mdev_ready(fn, a);
	r = hostfn_possible(fn, why, size);
	bdf_format(fn->bdf, name);
	if (r)
		return r;
	if (!*fn->driver)
		return answer(a, ENODEV, "is not bound to vfio-pci; run: thru bind %s", name);
	if (!hostfn_is_vfio(fn))
		return answer(a, EBUSY, "is bound to %s; run: thru bind %s", fn->driver, name);
	/* A vendor's driver that made it VFIO's shares the IOMMU out on its own (vGPU). */
	r = hostfn_driver_is_vfio(fn->driver) ? hostfn_group_free(fn, NULL, 0, why, size) : 0;
	if (r)
		return r;
	return hostway_find(fn, 1, HOSTWAY_ANY, &way, why, size);
}
