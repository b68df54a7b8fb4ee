/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A passed PCI function: the guest's view of a bound VFIO device. Configuration space by table
 * (passed, shaped, emulated, hidden), BARs as memory slots with trapped pages around the MSI-X
 * table and PBA, INTx/MSI/MSI-X from VFIO eventfds to KVM irqfds. The main thread creates and
 * destroys it; in between it is used under the device lock.
 */
#pragma once

#include <base/types.h>
#include <core/irq.h>
#include <core/loop.h>
#include <core/memory.h>
#include <devices/pci.h>
#include <host/vfio.h>
#include <host/way.h>

struct vfio_function;

/* One access of the guest that was trapped: what it asked and what it got. */
struct vfio_access {
	unsigned region; /* VFIO_PCI_*_REGION_INDEX */
	unsigned len;
	uint64_t offset, value;
	bool is_write;
};

/*
 * An account of a device, kept by its functions over reboots of the guest; its owner's. The calls
 * come under the device lock, `access` on the thread of the vcpu that made it.
 */
struct vfio_watch {
	uint64_t reads[VFIO_PCI_NUM_REGIONS], writes[VFIO_PCI_NUM_REGIONS];
	void (*access)(struct vfio_watch *watch, const struct vfio_access *access); /* or NULL */
	void (*irqs)(struct vfio_watch *watch,
		     bool on); /* just turned on, about to go off; or NULL */
	void *irqs_ctx, *access_ctx;
};

/* What a function leans on; all outlive it. */
struct vfio_function_config {
	struct vfio_device *dev; /* bound and attached */
	struct pci_root *root;
	struct memory *memory;
	struct irq_router *irq;
	struct loop *loop;
	unsigned devfn;           /* where the guest sees it */
	bool multifunction;       /* there are others with this device number */
	struct vfio_watch *watch; /* NULL: nobody keeps account */
	bool rom;                 /* the guest sees an expansion ROM: rom_fd's, or the device's */
	int rom_fd;               /* a file to take it from; -1: the device */
	bool no_d3cold;           /* a guest that puts it to sleep gets D3hot and no more */
	bool p2p;                 /* the other devices of `space` may reach its BARs */
	struct vfio_space *space; /* of p2p only */
};

/*
 * Reset all that are not clean, each by the first way that it has: function, hot (slot or bus), or
 * power-management reset. All are bound to one iommufd and no function exists on any. -errno with
 * the reason recorded when one has no way: it names what is in the way, and what to do. -EAGAIN
 * (not recorded): the host holds the device, to take it back or to reset it.
 */
int vfio_reset_all(struct vfio_device *devs, unsigned n) _must_check_;

/* Records that it did not answer any more, and what to do; -EIO. */
int vfio_dead_after_reset(const struct vfio_device *dev);

/*
 * Read the device's regions, interrupts and configuration space and put the function on the root.
 * The device is clean. -errno with the reason recorded, nothing left behind.
 */
int vfio_function_create(const struct vfio_function_config *config,
			 struct vfio_function **ret) _must_check_;

/* What the guest would read of its configuration space, 1, 2 or 4 bytes aligned. */
uint32_t vfio_function_config(struct vfio_function *fn, unsigned offset, unsigned len);

/* Off the root, interrupts off, DMA off, BARs unmapped; a reset is due. NULL is harmless. */
void vfio_function_destroy(struct vfio_function *fn);

/*
 * The device's error (AER) and request (give it back) events: each posts VM_EVENT_DEVICE_LOST with
 * the reason recorded. From the bind to the close of the device, over reboots of the guest.
 */
struct vfio_events {
	struct vfio_device *dev; /* NULL: not initialised */
	struct loop *loop;
	struct loop_source error, request;
};

int vfio_events_init(struct vfio_events *events, struct vfio_device *dev,
		     struct loop *loop) _must_check_;
void vfio_events_deinit(struct vfio_events *events);
