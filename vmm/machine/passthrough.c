/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices a VM owns, in the order that the kernel wants (Documentation/driver-api/vfio.rst,
 * userspace-api/iommufd.rst, virt/kvm/devices/vfio.rst): KVM is told of the file before the bind,
 * an IOAS before the attach, IOVA ranges after it, and only then RAM is mapped. Main thread only.
 */
#include <machine/passthrough.h>

#include "dma.h"
#include "handover.h"
#include "side_by_side.h"

#include <hostfn/hostsafe.h>
#include <base/error.h>
#include <base/fd.h>
#include <base/log.h>
#include <errno.h>
#include <host/kvm.h>
#include <string.h>

#define FIRST_DEVICE 2 /* the guest sees the first one at 00:02.0, and so on in order */

/* Give each device its place: what was asked for, or the next device number that is free. */
static int place_all(struct passthrough *pt)
{
	const struct passthrough_config *c = &pt->config;
	bool taken[32] = { false };
	unsigned next = FIRST_DEVICE;

	for (unsigned i = 0; i < c->n; i++)
		taken[c->devices[i].devfn >> 3] = true;
	for (unsigned i = 0; i < c->n; i++) {
		pt->devfns[i] = c->devices[i].devfn;
		if (pt->devfns[i])
			continue;
		while (next < ARRAY_SIZE(taken) && taken[next])
			next++;
		if (next == ARRAY_SIZE(taken))
			return fail(STATUS_USAGE, E2BIG,
				    "--vfio: at most %d devices fit on the guest's bus; put some "
				    "together as functions of one (addr=DD.F)",
				    PASSTHROUGH_MAX - FIRST_DEVICE);
		pt->devfns[i] = PCI_DEVFN(next++, 0);
	}
	return 0;
}

void passthrough_init(struct passthrough *pt)
{
	*pt = (struct passthrough){ .kvm_vfio = -1 };
	for (unsigned i = 0; i < PASSTHROUGH_MAX; i++)
		pt->config_fds[i] = -1;
	vfio_space_init(&pt->space);
}

static int open_devices(struct passthrough *pt)
{
	const struct passthrough_config *c = &pt->config;
	int r = 0;

	for (; !r && pt->n < c->n; pt->n++)
		r = handover_device(&c->devices[pt->n], &pt->space, &pt->devices[pt->n],
				    &pt->rom_fds[pt->n], !pt->n);
	if (!r)
		r = handover_check_api(c, pt->space.way);
	for (unsigned i = 0; !r && pt->space.fd < 0 && i < pt->n; i++) {
		const char *why = vfio_device_wants_space(&pt->devices[i]);

		if (why)
			r = fail(STATUS_HOST, EINVAL, "%s: %s", pt->devices[i].name, why);
	}
	return r;
}

int passthrough_open(struct passthrough *pt, const struct passthrough_config *config)
{
	int r;

	passthrough_init(pt);
	pt->config = *config;
	config = &pt->config;
	if (!config->n)
		return 0;
	for (unsigned i = 0; i < config->n; i++)
		handover_recognise(&pt->config.devices[i]);
	r = place_all(pt);
	if (!r)
		r = hostsafe_check(config->allow);
	if (!r)
		r = handover_choose(config, &pt->space);
	if (!r && config->iommufd >= 0)
		r = handover_iommufd(config->iommufd);
	if (!r)
		pt->space.fd = config->iommufd;
	if (!r)
		r = open_devices(pt);
	if (!r)
		r = vfio_space_open(&pt->space);
	if (!r)
		r = dma_check_memlock(&pt->space, config->mem);
	return r;
}

void passthrough_close(struct passthrough *pt)
{
	while (pt->n) {
		struct vfio_device *dev = &pt->devices[--pt->n];

		vfio_events_deinit(&pt->events[pt->n]);
		fd_close(&pt->rom_fds[pt->n]);
		fd_close(&pt->config_fds[pt->n]);
		if (dev->fd >= 0)
			vfio_space_detach(&pt->space, dev);
		fd_close(&dev->fd);
	}
	vfio_space_close(&pt->space);
}

/* Devices of one group have one file: it is told of once. */
static bool told_before(const struct passthrough *pt, unsigned at)
{
	for (unsigned i = 0; i < at; i++)
		if (vfio_device_file(&pt->devices[i]) == vfio_device_file(&pt->devices[at]))
			return true;
	return false;
}

static int bind_one(void *ctx, unsigned i)
{
	struct passthrough *pt = ctx;

	return vfio_space_bind(&pt->space, &pt->devices[i]);
}

/* At once where each has a file of its own; groups are the space's, and have an order. */
static int bind_all(struct passthrough *pt)
{
	bool at_once = pt->space.way == VFIO_WAY_CDEV;
	int r = 0;

	for (unsigned i = 0; !r && i < pt->n; i++) {
		if (!told_before(pt, i))
			r = kvm_vfio_file_add(pt->kvm_vfio, vfio_device_file(&pt->devices[i]));
		if (!r && !at_once)
			r = bind_one(pt, i);
	}
	return !r && at_once ? side_by_side(pt->n, bind_one, pt) : r;
}

int passthrough_bind(struct passthrough *pt, int vm_fd, struct loop *loop)
{
	int r;

	if (!pt->n)
		return 0;
	for (unsigned i = 0; i < pt->n; i++)
		if (pt->config_fds[i] < 0 && !*pt->devices[i].mdev)
			pt->config_fds[i] = sysfs_open_config(pt->devices[i].bdf);
	side_by_side_prepare(pt->n);
	r = kvm_device_create(vm_fd, KVM_DEV_TYPE_VFIO, &pt->kvm_vfio);
	if (!r)
		r = bind_all(pt);
	/* All bound, so that a reset of their bus finds them all ours; nothing mapped: no DMA. */
	if (!r)
		r = vfio_reset_all(pt->devices, pt->n);
	if (r == -EAGAIN)
		return fail(STATUS_HOST, EAGAIN,
			    "devices: the host holds one for a moment; try again");
	for (unsigned i = 0; !r && i < pt->n; i++) {
		struct vfio_device *dev = &pt->devices[i];

		r = vfio_space_attach(&pt->space, dev);
		if (!r && !pt->events[i].dev)
			r = vfio_events_init(&pt->events[i], dev, loop);
	}
	return r;
}

static bool wants_p2p(const struct passthrough *pt)
{
	for (unsigned i = 0; i < pt->n; i++)
		if (pt->config.devices[i].p2p)
			return true;
	return false;
}

int passthrough_reach(struct passthrough *pt, struct reach *ret)
{
	ret->windows = wants_p2p(pt);
	return dma_reach(&pt->space, ret);
}

int passthrough_map(struct passthrough *pt, const struct board *board)
{
	if (!pt->n)
		return 0;
	return dma_map(&pt->space, &board->memory, &board->layout, wants_p2p(pt));
}

static bool has_siblings(const struct passthrough *pt, unsigned at)
{
	for (unsigned i = 0; i < pt->n; i++)
		if (i != at && pt->devfns[i] >> 3 == pt->devfns[at] >> 3)
			return true;
	return false;
}

int passthrough_add(struct passthrough *pt, struct board *board)
{
	int r = 0;

	while (!r && pt->n_functions < pt->n) {
		unsigned i = pt->n_functions;
		struct vfio_function_config config = {
			.dev = &pt->devices[i],
			.root = &board->pci,
			.memory = &board->memory,
			.irq = &board->irq,
			.loop = board->loop,
			.watch = &pt->watches[i],
			.devfn = pt->devfns[i],
			.multifunction = has_siblings(pt, i),
			.rom = pt->config.devices[i].rom,
			.rom_fd = pt->rom_fds[i],
			.no_d3cold = pt->config.devices[i].no_d3cold,
			.p2p = pt->config.devices[i].p2p,
			.space = &pt->space,
		};

		r = vfio_function_create(&config, &pt->functions[i]);
		if (!r)
			pt->n_functions++;
	}
	return r;
}

/*
 * The kernel resets a device as its last file is closed, if it has a reset of its own (vfio_pci_core_disable()
 * in drivers/vfio/pci/vfio_pci_core.c): then it is not done before as well. Who handed a file over may still have
 * it; a mediated device has no such reset.
 */
static bool closing_resets(const struct passthrough *pt, unsigned i)
{
	enum passthrough_by by = pt->config.devices[i].by;
	const struct vfio_device *dev = &pt->devices[i];
	struct vfio_device_info info;
	bool resets = !*dev->mdev && (by == PASSTHROUGH_BY_BDF || by == PASSTHROUGH_BY_PATH) &&
		      !vfio_device_info(dev, &info) && info.flags & VFIO_DEVICE_FLAGS_RESET;

	error_clear();
	return resets;
}

static int close_one(void *ctx, unsigned i)
{
	struct passthrough *pt = ctx;
	struct vfio_device *dev = &pt->devices[i];

	if (dev->state == VFIO_DEVICE_CLOSING) {
		fd_close(&dev->fd);
		dev->bound = dev->attached = false;
		if (!dev->gone && !dev->no_reset && sysfs_is_dead(pt->config_fds[i]))
			return vfio_dead_after_reset(dev);
	}
	return 0;
}

/*
 * What was used is reset, for whoever has it next. EAGAIN: the host holds the device to take it back, and resets it
 * itself as it closes.
 */
static void reset_after(struct passthrough *pt)
{
	int r;

	for (unsigned i = 0; i < pt->n; i++)
		if (!pt->devices[i].bound)
			return;
	for (unsigned i = 0; pt->last && i < pt->n; i++)
		if (closing_resets(pt, i))
			pt->devices[i].state = VFIO_DEVICE_CLOSING;
	r = vfio_reset_all(pt->devices, pt->n);
	if (r && r != -EAGAIN)
		log_warn("after use: %s", error_message());
	error_clear();
	if (side_by_side(pt->n, close_one, pt))
		log_warn("after use: %s", error_message());
}

void passthrough_release(struct passthrough *pt, const struct memory *memory)
{
	bool used = pt->n_functions;
	struct error why;

	while (pt->n_functions)
		vfio_function_destroy(pt->functions[--pt->n_functions]);
	/* KVM has a reference to each file, and so no close before this is the last. */
	for (unsigned i = 0; pt->kvm_vfio >= 0 && i < pt->n; i++)
		if (!told_before(pt, i))
			kvm_vfio_file_remove(pt->kvm_vfio, vfio_device_file(&pt->devices[i]));
	fd_close(&pt->kvm_vfio);
	error_take(&why); /* whatever ended the VM stays the reason */
	if (used)
		reset_after(pt);
	error_put(&why);
	if (pt->space.made)
		dma_unmap(&pt->space, memory);
}
