/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command register of a passed function. The guest has its own, the device has what the guest last wrote:
 * every write of it is handed on, also one that changes nothing, because VFIO's recovery of a device that
 * reset itself hangs on it (vfio_basic_config_write()).
 *
 * Decode that goes on goes on in the device before a BAR comes into the guest, and off when it is out of it. The
 * kernel is not relied on for that: a VF has no memory enable. At the end, and around a reset, the register is
 * forced to 0: VFIO restores it after a reset, and DMA with it.
 *
 * Main thread, or a vcpu that is alone with the function.
 */
#include "command.h"

#include <base/bytes.h>
#include <linux/pci_regs.h>

#define DECODE (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)

uint16_t vfio_command_of(const struct pci_function *pci)
{
	return load_le16(pci->config + PCI_COMMAND);
}

void vfio_command_force(struct vfio_io *io, uint16_t command)
{
	vfio_io_config_write(io, PCI_COMMAND, 2, command);
}

/* What a write makes of the guest's register. */
static uint16_t written(const struct pci_function *pci, unsigned offset, unsigned len,
			uint32_t value)
{
	uint16_t mask = load_le16(pci->writable + PCI_COMMAND);
	uint8_t bytes[2];

	store_le16(bytes, vfio_command_of(pci));
	for (unsigned i = 0; i < len; i++)
		if (offset + i >= PCI_COMMAND && offset + i < PCI_COMMAND + 2)
			bytes[offset + i - PCI_COMMAND] = (uint8_t)(value >> (8 * i));
	return (uint16_t)((vfio_command_of(pci) & ~mask) | (load_le16(bytes) & mask));
}

/* What is the guest's own is written, BARs come and go with it, and the device is kept in step. */
void vfio_command_write(struct vfio_io *io, struct pci_function *pci, unsigned offset, unsigned len,
			uint32_t value)
{
	uint16_t before = vfio_command_of(pci), now = written(pci, offset, len, value);
	uint16_t ahead = now | (before & DECODE);
	bool comes_on = now & ~before & DECODE;

	if (comes_on)
		vfio_command_force(io, ahead);
	pci_config_write(pci, offset, len, value);
	if (!comes_on || ahead != now)
		vfio_command_force(io, now);
}
