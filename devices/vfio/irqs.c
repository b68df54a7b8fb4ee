/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which kind of interrupt of a passed function is on (PCI 3.0 §6.8.2): the one that the guest's registers
 * ask for, and INTx when they ask for none. A guest that enables both MSI and MSI-X does what is undefined;
 * it gets MSI-X.
 *
 * Main thread, or a vcpu that is alone with the function.
 */
#include "irqs.h"

#include <base/log.h>
#include <linux/pci_regs.h>

int vfio_irqs_init(struct vfio_irqs *irqs, struct vfio_io *io, struct vfio_config *config,
		   struct irq_router *irq, struct loop *loop, const struct pci_root_config *root,
		   unsigned devfn)
{
	uint8_t *pin = &config->pci->config[PCI_INTERRUPT_PIN];
	int r = vfio_intx_init(&irqs->intx, io, irq, loop, *pin);

	*pin = irqs->intx.pin;
	irqs->intx.gsi = pci_intx_gsi(root, devfn, irqs->intx.pin);
	if (!r)
		r = vfio_msi_init(&irqs->msi, io, config, irq, devfn);
	if (!r)
		r = vfio_msix_init(&irqs->msix, io, config, irq, devfn);
	if (config->msi_cap && !irqs->msi.cap)
		vfio_config_hide(config, config->msi_cap, irqs->msi.len);
	if (config->msix_cap && !irqs->msix.cap)
		vfio_config_hide(config, config->msix_cap, PCI_CAP_MSIX_SIZEOF);
	return r;
}

void vfio_irqs_deinit(struct vfio_irqs *irqs)
{
	vfio_msix_deinit(&irqs->msix);
}

void vfio_irqs_place(struct vfio_irqs *irqs, struct vfio_bars *bars)
{
	struct vfio_msix *msix = &irqs->msix;

	if (!msix->cap)
		return;
	if (!vfio_bars_hold(bars, msix->table_bar, msix->table_at) ||
	    !vfio_bars_hold(bars, msix->pba_bar, msix->pba_at)) {
		log_warn("%s: MSI-X is hidden: its table is outside the device's BARs",
			 msix->io->dev->name);
		vfio_config_hide(msix->config, msix->cap, PCI_CAP_MSIX_SIZEOF);
		vfio_msix_deinit(msix);
		return;
	}
	msix->pba_io = bars->bar[msix->pba_bar].at + msix->pba_at.base;
	vfio_bars_window(bars, &(struct vfio_window){ msix->table_bar, msix->table_at,
						      vfio_msix_table, msix });
	vfio_bars_window(bars,
			 &(struct vfio_window){ msix->pba_bar, msix->pba_at, vfio_msix_pba, msix });
}

static enum vfio_irq_kind wanted(const struct vfio_irqs *irqs)
{
	if (vfio_msix_wanted(&irqs->msix))
		return VFIO_IRQ_MSIX;
	if (vfio_msi_wanted(&irqs->msi))
		return VFIO_IRQ_MSI;
	return irqs->intx.pin ? VFIO_IRQ_INTX : VFIO_IRQ_NONE;
}

bool vfio_irqs_differ(const struct vfio_irqs *irqs)
{
	enum vfio_irq_kind kind = wanted(irqs);

	return kind != irqs->on ||
	       (kind == VFIO_IRQ_MSI && vfio_msi_wanted(&irqs->msi) != irqs->msi.asked);
}

bool vfio_irqs_table_written(const struct vfio_irqs *irqs)
{
	return irqs->on == VFIO_IRQ_MSIX && irqs->msix.guest.from != irqs->msix.guest.to;
}

int vfio_irqs_on(struct vfio_irqs *irqs)
{
	enum vfio_irq_kind kind = wanted(irqs);
	bool on = false;
	int r = 0;

	switch (kind) {
	case VFIO_IRQ_INTX:
		r = vfio_intx_enable(&irqs->intx);
		on = irqs->intx.on;
		break;
	case VFIO_IRQ_MSI:
		r = vfio_msi_enable(&irqs->msi);
		on = irqs->msi.on;
		break;
	case VFIO_IRQ_MSIX:
		r = vfio_msix_enable(&irqs->msix);
		on = irqs->msix.on;
		break;
	case VFIO_IRQ_NONE:
		break;
	}
	irqs->on = on ? kind : VFIO_IRQ_NONE;
	return r;
}

/* Each for itself: what could not be turned on as a whole may be on in part. */
int vfio_irqs_off(struct vfio_irqs *irqs)
{
	int msix = vfio_msix_disable(&irqs->msix);
	int msi = vfio_msi_disable(&irqs->msi);
	int intx = vfio_intx_disable(&irqs->intx);

	irqs->on = VFIO_IRQ_NONE;
	return msix ? msix : msi ? msi : intx;
}

int vfio_irqs_update(struct vfio_irqs *irqs)
{
	if (irqs->on == VFIO_IRQ_MSIX)
		return vfio_msix_update(&irqs->msix);
	return irqs->on == VFIO_IRQ_MSI ? vfio_msi_update(&irqs->msi) : 0;
}
