/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI-X of a passed function: the guest's table (devices/msi.h) and the device's vectors.
 */
#pragma once

#include "config.h"

#include <devices/msi.h>

struct vfio_msix {
	struct vfio_io *io;
	struct vfio_config *config;
	unsigned cap; /* offset; 0: none */
	unsigned table_bar, pba_bar;
	struct range table_at, pba_at; /* in those BARs */
	uint64_t pba_io;               /* in the cdev */
	bool resizable;                /* vectors may be added while enabled */
	bool on;                       /* in the host */
	struct msix guest;
	uint64_t live[MSIX_MAX / 64]; /* vectors that have a handler in the host */
	unsigned started;             /* vectors given one, ever */
};

/* Shape config->msix_cap. msix->cap stays 0 when there is none, or it is of no use. */
int vfio_msix_init(struct vfio_msix *msix, struct vfio_io *io, struct vfio_config *config,
		   struct irq_router *irq, uint32_t devid) _must_check_;
void vfio_msix_deinit(struct vfio_msix *msix);

bool vfio_msix_wanted(const struct vfio_msix *msix);

/* -errno with the reason recorded; some vectors may work all the same: see `on`. */
int vfio_msix_enable(struct vfio_msix *msix) _must_check_;
int vfio_msix_disable(struct vfio_msix *msix);

/* Back to what a reset leaves: every vector masked. Off already. */
void vfio_msix_reset(struct vfio_msix *msix);

/* The guest wrote message control, or the table: make it true. */
int vfio_msix_update(struct vfio_msix *msix) _must_check_;

/* Accesses to the table and to the pending bits (bus.h); ctx is the vfio_msix. */
void vfio_msix_table(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write);
void vfio_msix_pba(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write);
