/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the PCI function (pci.c) and the registers of its common configuration (pci_common.c). Under the
 * device lock.
 */
#pragma once

#include "device.h"

#include <devices/msi.h>

#define COMMON_SIZE \
	0x38 /* §4.1.4.3 up to queue_device; what follows belongs to features left out */

/* Each queue has a doorbell and, with one more for the configuration, a vector that fit there. */
#define QUEUES_MAX 511

struct virtio_pci {
	struct pci_function fn;
	struct virtio_pci_config config;
	struct virtio_device *dev;
	struct msix msix;
	struct bus_region region;
	bool mapped;
	unsigned msix_cap, window; /* of configuration space: where the two capabilities are */

	uint32_t features_select, driver_select;
	uint16_t queue_select;
	uint8_t isr; /* atomic, as the vectors are */
	uint16_t config_vector;
	uint16_t vectors[QUEUES_MAX]; /* of each queue */
	bool rings[QUEUES_MAX];       /* its doorbell is in KVM */
};

/* An access to the common configuration, any size and alignment; what is beyond COMMON_SIZE is not there. */
void virtio_pci_common(struct virtio_pci *pci, unsigned offset, uint8_t *data, unsigned len,
		       bool is_write);

/* Registers of the transport as after a reset. The MSI-X table is the PCI function's and stays. */
void virtio_pci_forget(struct virtio_pci *pci);

/* Put the doorbells in KVM that should be there, take out the others. */
void virtio_pci_doorbells(struct virtio_pci *pci);
