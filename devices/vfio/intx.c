/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * INTx of a passed function (PCI 3.0 §2.2.6, PCIe 6.0 §6.1.2): level triggered, and wholly in the
 * kernel. VFIO masks the device's line and signals `fd`; KVM raises the guest's pin. When the guest
 * acknowledges at its irqchip, KVM lowers the pin and signals `unmask_fd` (resample); VFIO unmasks,
 * and signals again at once if the device still asserts (vfio_pci_intrs.c, "INTx").
 *
 * On whenever neither MSI nor MSI-X is. The command register's INTx disable goes through to the
 * device, where VFIO turns it into a mask (vfio_basic_config_write()).
 *
 * Main thread, or under the device lock.
 */
#include "function.h"

#include <base/fd.h>

int vfio_intx_init(struct vfio_function *fn)
{
	struct vfio_irq_info info;
	int r;

	fn->intx.fd = fn->intx.unmask_fd = -1;
	r = vfio_irq_info(fn->dev, VFIO_PCI_INTX_IRQ_INDEX, &info);
	if (r)
		return r;
	if (!info.count || fn->intx.pin > 4)
		fn->intx.pin = 0;
	return 0;
}

int vfio_intx_enable(struct vfio_function *fn)
{
	struct vfio_intx *intx = &fn->intx;
	int32_t fd;
	int r;

	if (!intx->pin)
		return 0;
	intx->gsi = pci_intx_gsi(&fn->root->config, fn->pci.devfn, intx->pin);
	r = fd_event(&intx->fd);
	if (!r)
		r = fd_event(&intx->unmask_fd);
	if (!r)
		r = irq_fd_add(fn->irq, intx->gsi, intx->fd, intx->unmask_fd);
	if (r) {
		fd_close(&intx->fd);
		fd_close(&intx->unmask_fd);
		return r;
	}
	/* The trigger first: VFIO takes the unmask eventfd only while INTx is on. */
	fd = intx->fd;
	r = vfio_irq_set_trigger(fn->dev, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &fd);
	if (!r) {
		fn->irq_mode = VFIO_IRQ_INTX;
		r = vfio_irq_set_unmask_fd(fn->dev, VFIO_PCI_INTX_IRQ_INDEX, intx->unmask_fd);
	}
	if (r)
		vfio_intx_disable(fn);
	return r;
}

void vfio_intx_disable(struct vfio_function *fn)
{
	struct vfio_intx *intx = &fn->intx;

	if (intx->fd < 0)
		return;
	if (fn->irq_mode == VFIO_IRQ_INTX && vfio_irq_disable(fn->dev, VFIO_PCI_INTX_IRQ_INDEX))
		vfio_function_trouble(fn, "INTx off");
	/* Removing the irqfd lowers the guest's pin (irqfd_resampler_shutdown()). */
	irq_fd_remove(fn->irq, intx->gsi, intx->fd);
	fd_close(&intx->fd);
	fd_close(&intx->unmask_fd);
}
