/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's accesses to a passed function's configuration space, by the masks that config_shape.c
 * made of config_table.h: to the device, to pci.config[], or to both; and what follows a write to the
 * command register, a function reset bit, an interrupt capability, the power state (power.c).
 *
 * Main thread, or under the device lock.
 */
#include "function.h"

#include <base/bytes.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#define ALL UINT32_MAX

/* Access to the device. */

uint32_t vfio_config_device_read(struct vfio_function *fn, unsigned offset, unsigned len)
{
	uint8_t buf[4] = { 0xff, 0xff, 0xff, 0xff };
	uint32_t value;
	int r;

	if (fn->lost || offset + len > fn->config_size)
		return ALL;
	r = vfio_region_read(fn->dev, fn->config_at + offset, buf, len);
	if (r) {
		vfio_function_lost(fn, strerror(-r));
		return ALL;
	}
	value = load_le32(buf);
	/* Reserved bits of Status read 0 (§7.5.1.1.4): all-ones is nobody's answer. */
	if (offset <= PCI_STATUS && offset + len >= PCI_STATUS + 2 &&
	    load_le16(buf + (PCI_STATUS - offset)) == 0xffff)
		vfio_function_lost(fn, "its configuration space reads all-ones");
	return len < 4 ? value & (BIT(8 * len) - 1) : value;
}

void vfio_config_device_write(struct vfio_function *fn, unsigned offset, unsigned len,
			      uint32_t value)
{
	uint8_t buf[4];
	int r;

	if (fn->lost || offset + len > fn->config_size)
		return;
	store_le32(buf, value);
	r = vfio_region_write(fn->dev, fn->config_at + offset, buf, len);
	if (r)
		vfio_function_lost(fn, strerror(-r));
}

/* Hand on the passed bits of a write, in the largest accesses that touch no others. */
static void pass_write(struct vfio_function *fn, unsigned offset, unsigned len, uint32_t value)
{
	uint32_t mask = (uint32_t)load_le(fn->passes + offset, len);
	uint32_t full = len < 4 ? BIT(8 * len) - 1 : ALL;

	if (mask == full) {
		vfio_config_device_write(fn, offset, len, value);
	} else if (mask && len == 1) {
		value = (vfio_config_device_read(fn, offset, 1) & ~mask) | (value & mask);
		vfio_config_device_write(fn, offset, 1, value);
	} else if (mask) {
		pass_write(fn, offset, len / 2, value & (BIT(4 * len) - 1));
		pass_write(fn, offset + len / 2, len / 2, value >> (4 * len));
	}
}

/* The guest's accesses. */

static bool touches(unsigned offset, unsigned len, unsigned from, unsigned n)
{
	return offset < from + n && from < offset + len;
}

uint32_t vfio_config_read(struct pci_function *pci, unsigned offset, unsigned len)
{
	struct vfio_function *fn = vfio_function_of(pci);
	uint32_t full = len < 4 ? BIT(8 * len) - 1 : ALL, mask, value = 0;

	if (fn->lost)
		return full;
	if (fn->msi.mask_at && touches(offset, len, fn->msi.mask_at + 4, 4))
		vfio_msi_refresh_pending(fn);
	mask = (uint32_t)load_le(fn->ours + offset, len);
	if (mask != full)
		value = vfio_config_device_read(fn, offset, len) & ~mask;
	if (fn->lost)
		return full;
	return value | (pci_config_read(pci, offset, len) & mask);
}

void vfio_config_set_command(struct vfio_function *fn, uint16_t command)
{
	bool on;

	if (command == fn->device_command)
		return;
	on = command & ~fn->device_command & PCI_COMMAND_MEMORY;
	fn->device_command = command;
	vfio_config_device_write(fn, PCI_COMMAND, 2, command);
	if (on)
		vfio_p2p_redo(fn);
}

/* After the BARs (pci.h): decode that goes off, goes off in the device last. */
void vfio_config_command(struct pci_function *pci, uint16_t before, uint16_t now)
{
	(void)before;
	vfio_config_set_command(vfio_function_of(pci), now);
}

/* Decode that goes on, goes on in the device first: a BAR in KVM's map must answer. */
static void command_ahead(struct vfio_function *fn, unsigned offset, unsigned len, uint32_t value)
{
	if (offset <= PCI_COMMAND && PCI_COMMAND < offset + len)
		vfio_config_set_command(fn, fn->device_command |
						    ((value >> (8 * (PCI_COMMAND - offset))) &
						     (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)));
}

/* A function level reset is ours to perform; the bit reads 0 (§7.5.3.4). */
static bool take_reset(struct vfio_function *fn, unsigned offset, unsigned len, uint32_t *value)
{
	const struct {
		unsigned cap, at;
		uint8_t bit;
		bool does;
	} resets[] = {
		{ fn->express_cap, PCI_EXP_DEVCTL + 1, PCI_EXP_DEVCTL_BCR_FLR >> 8,
		  fn->express_flr },
		{ fn->af_cap, PCI_AF_CTRL, PCI_AF_CTRL_FLR, fn->af_flr },
	};
	bool reset = false;

	for (unsigned i = 0; i < ARRAY_SIZE(resets); i++) {
		unsigned at = resets[i].cap + resets[i].at;
		uint32_t bit;

		if (!resets[i].cap || !touches(offset, len, at, 1))
			continue;
		bit = (uint32_t)resets[i].bit << (8 * (at - offset));
		reset |= *value & bit && resets[i].does;
		*value &= ~bit;
	}
	return reset;
}

void vfio_config_write(struct pci_function *pci, unsigned offset, unsigned len, uint32_t value)
{
	struct vfio_function *fn = vfio_function_of(pci);
	bool reset;

	if (fn->lost)
		return;
	reset = take_reset(fn, offset, len, &value);
	command_ahead(fn, offset, len, value);
	pci_config_write(pci, offset, len, value);
	pass_write(fn, offset, len, value);
	if (fn->pm_cap && touches(offset, len, fn->pm_cap + PCI_PM_CTRL, 2))
		vfio_power_changed(fn);
	if ((fn->msi.cap && touches(offset, len, fn->msi.cap, vfio_msi_len(fn))) ||
	    (fn->msix.cap && touches(offset, len, fn->msix.cap, PCI_CAP_MSIX_SIZEOF)))
		vfio_function_irqs(fn);
	if (reset)
		vfio_function_guest_reset(fn);
}
