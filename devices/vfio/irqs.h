/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The three kinds of interrupt of a passed function, of which at most one is on.
 */
#pragma once

#include "bar.h"
#include "intx.h"
#include "msi.h"
#include "msix.h"

enum vfio_irq_kind { VFIO_IRQ_NONE, VFIO_IRQ_INTX, VFIO_IRQ_MSI, VFIO_IRQ_MSIX };

struct vfio_irqs {
	enum vfio_irq_kind on;
	struct vfio_intx intx;
	struct vfio_msi msi;
	struct vfio_msix msix;
};

/* Shape config's capabilities and pin; of what is of no use the guest sees nothing. */
int vfio_irqs_init(struct vfio_irqs *irqs, struct vfio_io *io, struct vfio_config *config,
		   struct irq_router *irq, struct loop *loop, const struct pci_root_config *root,
		   unsigned devfn) _must_check_;
void vfio_irqs_deinit(struct vfio_irqs *irqs);

/* MSI-X's table and pending bits into the BARs that were found; without room for them no MSI-X. */
void vfio_irqs_place(struct vfio_irqs *irqs, struct vfio_bars *bars);

/* The guest's registers ask for another kind than the one that is on, or for more or fewer vectors. */
bool vfio_irqs_differ(const struct vfio_irqs *irqs);

/* The guest wrote MSI-X's table while that is on. */
bool vfio_irqs_table_written(const struct vfio_irqs *irqs);

/* What they ask for is turned on. -errno with the reason recorded; some of it may be on all the same. */
int vfio_irqs_on(struct vfio_irqs *irqs) _must_check_;
int vfio_irqs_off(struct vfio_irqs *irqs);

/* Of the kind that is on the guest changed vectors: make that true. The same answers. */
int vfio_irqs_update(struct vfio_irqs *irqs) _must_check_;
