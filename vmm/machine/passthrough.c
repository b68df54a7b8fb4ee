/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices a VM owns, in the order that the kernel wants (Documentation/driver-api/vfio.rst,
 * userspace-api/iommufd.rst, virt/kvm/devices/vfio.rst): KVM is told of the file before the bind,
 * an IOAS before the attach, IOVA ranges after it, and only then RAM is mapped. Main thread only.
 */
#include <machine/passthrough.h>

#include "dma.h"
#include "handover.h"

#include <hostfn/hostsafe.h>
#include <base/error.h>
#include <base/fd.h>
#include <base/log.h>
#include <errno.h>
#include <host/iommufd.h>
#include <host/kvm.h>
#include <string.h>

#define FIRST_DEVICE 2 /* the guest sees the first one at 00:02.0, and so on in order */

/* Give each device its place: what was asked for, or the next device number that is free. */
static int place_all(struct passthrough *pt, const struct run_options *o)
{
	bool taken[32] = { false };
	unsigned next = FIRST_DEVICE;

	for (unsigned i = 0; i < o->n_vfio; i++)
		taken[o->vfio[i].devfn >> 3] = true;
	for (unsigned i = 0; i < o->n_vfio; i++) {
		pt->devfns[i] = o->vfio[i].devfn;
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

int passthrough_open(struct passthrough *pt, const struct run_options *o)
{
	int r;

	*pt = (struct passthrough){ .iommufd = -1, .kvm_vfio = -1 };
	pt->options = o->vfio;
	if (!o->n_vfio)
		return 0;
	r = place_all(pt, o);
	if (!r)
		r = hostsafe_check(o->allow);
	if (!r && o->iommufd >= 0)
		r = handover_iommufd(o->iommufd);
	if (!r)
		pt->iommufd = o->iommufd;
	for (unsigned i = 0; !r && i < o->n_vfio; i++, pt->n++)
		r = handover_device(&o->vfio[i], &pt->devices[i], &pt->rom_fds[i], &pt->iommufd);
	for (unsigned i = 0; !r && i < pt->n; i++)
		if (pt->devices[i].bound && pt->iommufd < 0)
			r = fail(STATUS_HOST, EINVAL,
				 "%s: is bound to an iommufd already; hand that over as well: "
				 "--iommufd fd=N",
				 pt->devices[i].name);
	if (!r && pt->iommufd < 0)
		r = iommufd_open(&pt->iommufd);
	if (!r)
		r = dma_check_memlock(pt->iommufd, o->mem);
	return r;
}

void passthrough_close(struct passthrough *pt)
{
	while (pt->n) {
		struct vfio_device *dev = &pt->devices[--pt->n];

		vfio_events_deinit(&pt->events[pt->n]);
		fd_close(&pt->rom_fds[pt->n]);
		if (dev->attached)
			vfio_device_detach(dev);
		fd_close(&dev->fd);
	}
	if (pt->has_ioas)
		iommufd_destroy(pt->iommufd, pt->ioas);
	fd_close(&pt->iommufd);
}

int passthrough_bind(struct passthrough *pt, int vm_fd, struct loop *loop)
{
	int r;

	if (!pt->n)
		return 0;
	r = kvm_device_create(vm_fd, KVM_DEV_TYPE_VFIO, &pt->kvm_vfio);
	if (!r && !pt->has_ioas) {
		r = ioas_alloc(pt->iommufd, &pt->ioas);
		pt->has_ioas = !r;
	}
	for (unsigned i = 0; !r && i < pt->n; i++) {
		struct vfio_device *dev = &pt->devices[i];

		r = kvm_vfio_file_add(pt->kvm_vfio, dev->fd);
		if (!r && !dev->bound)
			r = vfio_device_bind(dev, pt->iommufd);
	}
	/* All bound, so that a reset of their bus finds them all ours; none attached: no DMA. */
	if (!r)
		r = vfio_reset_all(pt->devices, pt->n);
	if (r == -EAGAIN)
		return fail(STATUS_HOST, EAGAIN,
			    "devices: the host holds one for a moment; try again");
	for (unsigned i = 0; !r && i < pt->n; i++) {
		struct vfio_device *dev = &pt->devices[i];

		if (!dev->attached)
			r = vfio_device_attach(dev, pt->ioas);
		if (!r && !pt->events[i].dev)
			r = vfio_events_init(&pt->events[i], dev, loop);
	}
	return r;
}

static bool wants_p2p(const struct passthrough *pt)
{
	for (unsigned i = 0; i < pt->n; i++)
		if (pt->options[i].p2p)
			return true;
	return false;
}

int passthrough_reach(const struct passthrough *pt, struct reach *ret)
{
	ret->windows = wants_p2p(pt);
	return dma_reach(pt->iommufd, pt->ioas, ret);
}

int passthrough_map(struct passthrough *pt, const struct board *board)
{
	if (!pt->n)
		return 0;
	return dma_map(pt->iommufd, pt->ioas, &board->memory, &board->layout, wants_p2p(pt));
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
			.rom = pt->options[i].rom,
			.rom_fd = pt->rom_fds[i],
			.p2p = pt->options[i].p2p,
			.iommufd = pt->iommufd,
			.ioas = pt->ioas,
		};

		r = vfio_function_create(&config, &pt->functions[i]);
		if (!r)
			pt->n_functions++;
	}
	return r;
}

/*
 * What was used is reset, for whoever has it next. Whatever ended the VM stays the recorded reason.
 * EAGAIN: the host holds the device to take it back, and resets it itself as it closes.
 */
static void reset_after(struct passthrough *pt)
{
	bool had_reason = *error_message();
	int r = 0;

	for (unsigned i = 0; i < pt->n; i++)
		if (!pt->devices[i].bound)
			return;
	r = vfio_reset_all(pt->devices, pt->n);
	if (r && r != -EAGAIN)
		log_warn("after use: %s",
			 had_reason ? "a device could not be reset" : error_message());
	if (r && !had_reason)
		error_clear();
}

void passthrough_release(struct passthrough *pt, const struct memory *memory)
{
	bool used = pt->n_functions;

	while (pt->n_functions)
		vfio_function_destroy(pt->functions[--pt->n_functions]);
	if (used)
		reset_after(pt);
	if (pt->has_ioas)
		dma_unmap(pt->iommufd, pt->ioas, memory);
	for (unsigned i = 0; pt->kvm_vfio >= 0 && i < pt->n; i++)
		kvm_vfio_file_remove(pt->kvm_vfio, pt->devices[i].fd);
	fd_close(&pt->kvm_vfio);
}
