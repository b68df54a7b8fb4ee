/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio devices on the PCI root (VIRTIO 1.3 §4.1, modern transport, MSI-X). A device is made by who
 * owns its back end (devices/virtio_console.h and the like) and outlives reboots of the guest: each
 * machine plugs it in, and takes it out when its vcpus have stopped.
 */
#pragma once

#include <base/types.h>
#include <core/irq.h>
#include <core/memory.h>
#include <devices/pci.h>

struct virtio_device;
struct virtio_pci;

/* What a device leans on while it is plugged in; all outlive that. */
struct virtio_pci_config {
	struct virtio_device *dev;
	struct pci_root *root;
	unsigned devfn;
	const struct memory *memory;
	struct irq_router *irq;
};

/* Put the device on the root, in reset state. Main thread, before the vcpus run. */
int virtio_pci_create(const struct virtio_pci_config *config, struct virtio_pci **ret) _must_check_;

/*
 * No vcpu runs any more, and RAM is still there: what the guest has handed over and nobody has taken yet
 * is delivered now. Waits for whoever takes it: up to a second when he takes nothing, ten in all. So
 * without the device lock.
 */
void virtio_pci_drain(struct virtio_pci *pci);

/* Reset it and take it off the root. NULL is harmless. */
void virtio_pci_destroy(struct virtio_pci *pci);
