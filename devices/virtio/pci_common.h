/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of the common configuration on PCI (pci_common.c), and what they keep. Under the device lock.
 */
#pragma once

#include "device.h"

/* §4.1.4.3 up to queue_device; what follows belongs to features left out */
#define COMMON_SIZE 0x38

/* Each queue has a doorbell and, with one more for the configuration, a vector that fit there. */
#define QUEUES_MAX 511

struct pci_common {
	struct virtio_device *dev;
	unsigned n_vectors; /* that there are */
	uint32_t features_select, driver_select;
	uint16_t queue_select;
	uint8_t isr; /* atomic, as the vectors are; read by its own register (pci.c) */
	uint16_t config_vector;
	uint16_t vectors[QUEUES_MAX]; /* of each queue */
};

/* As after a reset. The MSI-X table is the PCI function's and stays. */
void pci_common_reset(struct pci_common *common);

/*
 * An access of any size and alignment; what is beyond COMMON_SIZE is not there. True: which queues are
 * enabled may be different now.
 */
bool pci_common_access(struct pci_common *common, unsigned offset, uint8_t *data, unsigned len,
		       bool is_write);
