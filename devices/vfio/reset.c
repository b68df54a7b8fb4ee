/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resets by VFIO (Documentation/driver-api/vfio.rst; drivers/vfio/pci/vfio_pci_core.c): the first rung of
 * the ladder (devices/reset_ladder.h) that the device really has is taken. That of the function is
 * VFIO_DEVICE_RESET, that of its bus VFIO_DEVICE_PCI_HOT_RESET.
 *
 * A hot reset hits every function of the bus. VFIO tells which those are and whether all are ours, which
 * it knows by the iommufd that they are bound to. Other devices of this VM may be hit only while no
 * function of theirs is in the guest (vfio_reset_all()); a reset for one that is (vfio_reset_alone()) must
 * hit nothing else. A device with reset=none is never reset: one that would hit it is refused.
 *
 * Main thread, or under the device lock.
 */
#include "reset.h"

#include <base/bytes.h>
#include <base/capability.h>
#include <base/error.h>
#include <devices/reset_ladder.h>
#include <devices/vfio.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A device's configuration space, before or beside a function of it. */
struct space {
	const struct vfio_device *dev;
	uint64_t at; /* in the cdev */
};

static int space_find(const struct vfio_device *dev, struct space *ret)
{
	struct vfio_region_info config;
	unsigned no_mmaps = 0;
	int r = vfio_region_info(dev, VFIO_PCI_CONFIG_REGION_INDEX, &config, NULL, &no_mmaps);

	if (!r)
		*ret = (struct space){ dev, config.offset };
	return r;
}

static uint32_t space_read(void *ctx, unsigned offset, unsigned len)
{
	const struct space *space = ctx;
	uint8_t bytes[4] = { 0 };
	int r = vfio_region_read(space->dev, space->at + offset, bytes, len);

	return r ? UINT32_MAX : load_le32(bytes);
}

/* Of a capability; what cannot be read promises nothing. */
static uint32_t field(struct space *space, unsigned offset, unsigned len)
{
	uint32_t value = space_read(space, offset, len);

	return value == UINT32_MAX ? 0 : value;
}

static void look_at(struct space *space, unsigned cap, unsigned id, struct reset_abilities *ret)
{
	const uint8_t af = PCI_AF_CAP_TP | PCI_AF_CAP_FLR;

	switch (id) {
	case PCI_CAP_ID_EXP:
		ret->flr |= field(space, cap + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR;
		break;
	case PCI_CAP_ID_AF:
		ret->flr |= (field(space, cap + PCI_AF_CAP, 1) & af) == af;
		break;
	case PCI_CAP_ID_PM:
		ret->pm = !(field(space, cap + PCI_PM_CTRL, 2) & PCI_PM_CTRL_NO_SOFT_RESET);
		break;
	}
}

/* What VFIO and the configuration space tell. */
static int look(const struct vfio_device *dev, struct reset_abilities *ret)
{
	struct vfio_device_info info;
	struct capabilities list;
	struct space space;
	int r = vfio_device_info(dev, &info);

	if (!r)
		r = space_find(dev, &space);
	if (r)
		return r;
	*ret = (struct reset_abilities){ .own = info.flags & VFIO_DEVICE_FLAGS_RESET };
	capabilities_init(&list, false, PCI_CFG_SPACE_SIZE, space_read, &space);
	while (capabilities_next(&list))
		look_at(&space, list.at, list.id, ret);
	return 0;
}

/* What a hot reset hits that it must not. */
struct in_the_way {
	char name[32]; /* "": nothing */
	bool told;     /* it was told not to be reset: reset=none */
};

static const struct vfio_device *device_of(const struct vfio_device *devs, unsigned n,
					   uint32_t devid)
{
	for (unsigned i = 0; i < n; i++)
		if (devid && devs[i].devid == devid)
			return &devs[i];
	return NULL;
}

/* The first one of them. */
static void look_around(const struct vfio_device *devs, unsigned n, unsigned at, bool alone,
			const struct vfio_pci_hot_reset_info *info, struct in_the_way *ret)
{
	*ret = (struct in_the_way){ .told = false };
	for (unsigned i = 0; i < info->count && !*ret->name; i++) {
		const struct vfio_pci_dependent_device *hit = &info->devices[i];
		const struct vfio_device *ours = device_of(devs, n, hit->devid);
		bool foreign = hit->devid == (uint32_t)VFIO_PCI_DEVID_NOT_OWNED;
		bool other = hit->devid != VFIO_PCI_DEVID_OWNED && hit->devid != devs[at].devid;

		ret->told = ours && ours->no_reset;
		if (foreign || (alone && other) || ret->told)
			bdf_format(bdf_near(devs[at].bdf, hit->segment, hit->bus, hit->devfn),
				   ret->name);
	}
}

/*
 * A hot reset on behalf of devs[at]. What it hits of our own becomes clean with it. -EBUSY when a
 * function is in the way, and then its name; -ENODEV when there is no such reset.
 */
static int hot_reset(struct vfio_device *devs, unsigned n, unsigned at, bool alone,
		     struct in_the_way *ret_other)
{
	struct vfio_pci_hot_reset_info *info;
	int r = vfio_hot_reset_info(&devs[at], &info);

	if (r)
		return r;
	look_around(devs, n, at, alone, info, ret_other);
	if (*ret_other->name || !(info->flags & VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED))
		r = -EBUSY;
	else
		r = vfio_hot_reset(&devs[at]);
	for (unsigned i = 0; !r && i < info->count; i++)
		for (unsigned k = 0; k < n; k++)
			if (info->devices[i].devid && devs[k].devid == info->devices[i].devid)
				devs[k].state = VFIO_DEVICE_CLEAN;
	if (!r)
		devs[at].state = VFIO_DEVICE_CLEAN;
	free(info);
	return r;
}

static int refuse(const struct vfio_device *dev, int why, const struct in_the_way *other)
{
	if (why == -EBUSY && other->told)
		return fail(
			STATUS_HOST, EBUSY,
			"%s: cannot be reset: it has no reset of its own, and one of its bus "
			"would hit %s, which is not to be reset (reset=none); leave that out, or "
			"do without for both: add ,reset=none to this --vfio, too",
			dev->name, other->name);
	if (why == -EBUSY && *other->name)
		return fail(STATUS_HOST, EBUSY,
			    "%s: cannot be reset: it has no reset of its own, and one of its bus "
			    "would hit %s; give the guest that one, too (thru bind %s, --vfio %s), "
			    "or do without a reset: add ,reset=none to its --vfio",
			    dev->name, other->name, other->name, other->name);
	return fail(
		STATUS_HOST, ENOTTY,
		"%s: cannot be reset: it has no reset of its own, and its bus has none, so what "
		"one guest leaves in it the next finds; choose another device, or do without a "
		"reset: add ,reset=none to its --vfio",
		dev->name);
}

/* All-ones are nobody's identifiers (PCIe 6.0 §7.5.1.1.1). The kernel has waited for it already. */
static int check_alive(const struct vfio_device *dev)
{
	struct space space;
	int r = space_find(dev, &space);

	return r || space_read(&space, PCI_VENDOR_ID, 4) != UINT32_MAX ? r
								       : vfio_dead_after_reset(dev);
}

int vfio_dead_after_reset(const struct vfio_device *dev)
{
	char address[BDF_TEXT];

	return fail(
		STATUS_HOST, EIO,
		"%s: does not answer after its reset; bring it back before it is used again: echo "
		"1 > /sys/bus/pci/devices/%s/remove; echo 1 > /sys/bus/pci/rescan; or power the "
		"host off",
		dev->name, vfio_device_address(dev, address));
}

static int climb(struct vfio_device *devs, unsigned n, unsigned at, bool alone)
{
	struct vfio_device *dev = &devs[at];
	struct in_the_way other = { .told = false };
	struct reset_abilities has;
	enum reset_rung rungs[RESET_RUNGS];
	int r = look(dev, &has), why = -ENOTTY;

	if (r)
		return r;
	for (unsigned i = 0, n_rungs = reset_ladder(&has, rungs); i < n_rungs; i++) {
		if (rungs[i] == RESET_BUS)
			r = why = hot_reset(devs, n, at, alone, &other);
		else /* The bind has done the same a moment ago (vfio_pci_core_enable()). */
			r = dev->state == VFIO_DEVICE_BOUND ? 0 : vfio_device_reset(dev);
		if (!r || (rungs[i] != RESET_BUS && r != -ENOTTY))
			return r;
	}
	return refuse(dev, why, &other);
}

int vfio_reset_all(struct vfio_device *devs, unsigned n)
{
	int first = 0, r;

	for (unsigned i = 0; i < n; i++) {
		if (devs[i].state >= VFIO_DEVICE_CLEAN || devs[i].no_reset || devs[i].gone)
			continue;
		r = climb(devs, n, i, false);
		if (!r)
			r = check_alive(&devs[i]);
		if (!r)
			devs[i].state = VFIO_DEVICE_CLEAN;
		first = first ? first : r;
	}
	return first;
}

#define TRIES    50       /* of a device that the host holds, ... */
#define TRIES_NS 20000000 /* ... each so long after the other */

int vfio_reset_alone(struct vfio_device *dev, const struct lock *lock)
{
	const struct timespec pause = { .tv_nsec = TRIES_NS };
	enum vfio_device_state state = dev->state;
	int r = dev->gone ? 0 : climb(dev, 1, 0, true);

	for (unsigned i = 1; i < TRIES && r == -EAGAIN && !(lock && lock_stopping(lock)); i++) {
		nanosleep(&pause, NULL);
		r = climb(dev, 1, 0, true);
	}
	/* It stays in use: at the end it is reset again. */
	dev->state = state;
	if (r == -EAGAIN)
		return fail(STATUS_HOST, EAGAIN,
			    "%s: the host holds the device, to take it back or to reset it; try "
			    "again, or see its kernel log (dmesg)",
			    dev->name);
	return r;
}
