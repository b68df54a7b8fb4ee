/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power states of a passed function (PCIe 6.0 §5.3, §7.5.2). The guest's D3hot is passed to the
 * device, and the host may take it further as long as the guest leaves it there.
 *
 * Main thread, or under the loop's lock.
 */
#include "function.h"

#include <linux/pci_regs.h>

/*
 * Low power. In D3hot the host may go further (runtime power management, D3cold) and wakes the device
 * for every access, into D0 and back. What the guest reads as its state is then ours, until it asks
 * for D0: it must not find the device awake that it put to sleep.
 */
static void low_power_on(struct vfio_function *fn)
{
	unsigned at = fn->pm_cap + PCI_PM_CTRL;

	if (vfio_low_power(fn->dev, true))
		return; /* a kernel or host without: D3hot it is */
	fn->low_power = true;
	vfio_config_emulate(fn, at, 1, PCI_PM_CTRL_STATE_MASK, 3, PCI_PM_CTRL_STATE_MASK);
}

static void low_power_off(struct vfio_function *fn)
{
	unsigned at = fn->pm_cap + PCI_PM_CTRL;
	uint8_t control;

	fn->low_power = false;
	fn->ours[at] &= (uint8_t)~PCI_PM_CTRL_STATE_MASK;
	fn->passes[at] |= PCI_PM_CTRL_STATE_MASK;
	fn->pci.writable[at] &= (uint8_t)~PCI_PM_CTRL_STATE_MASK;
	if (fn->lost)
		return;
	if (vfio_low_power(fn->dev, false))
		vfio_function_trouble(fn, "power");
	/* It may never have been taken further than D3hot. */
	control = (uint8_t)vfio_config_device_read(fn, at, 1);
	vfio_config_device_write(fn, at, 1, control & ~(uint32_t)PCI_PM_CTRL_STATE_MASK);
}

void vfio_power_up(struct vfio_function *fn)
{
	if (fn->low_power)
		low_power_off(fn);
}

/* D3hot and its like: no BAR answers (PCIe 6.0 §5.3.1.4). Ask the device which state it took. */
void vfio_power_changed(struct vfio_function *fn)
{
	unsigned at = fn->pm_cap + PCI_PM_CTRL;
	uint8_t state;

	if (fn->low_power) {
		if (fn->pci.config[at] & PCI_PM_CTRL_STATE_MASK)
			return; /* from D3hot the only way is up (§5.3.1.4.1) */
		low_power_off(fn);
	}
	state = vfio_config_device_read(fn, at, 1) & PCI_PM_CTRL_STATE_MASK;
	if (fn->pci.asleep == (state != 0))
		return;
	fn->pci.asleep = state != 0;
	pci_function_refresh(&fn->pci);
	if (state == 3)
		low_power_on(fn);
	else if (!state)
		vfio_p2p_redo(fn);
}
