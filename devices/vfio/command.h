/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command register of a passed function (PCIe 6.0 §7.5.1.1.3): the guest's, and the device's.
 */
#pragma once

#include "io.h"

#include <devices/pci.h>

/* What the guest has there. */
uint16_t vfio_command_of(const struct pci_function *pci);

/* The device's, whatever the guest's is. */
void vfio_command_force(struct vfio_io *io, uint16_t command);

/* The guest writes it, or a field with it. */
void vfio_command_write(struct vfio_io *io, struct pci_function *pci, unsigned offset, unsigned len,
			uint32_t value);
