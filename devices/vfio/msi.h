/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI of a passed function.
 */
#pragma once

#include "config.h"

#include <devices/msi.h>

#define VFIO_MSI_MAX 32

struct vfio_msi {
	struct vfio_io *io;
	struct vfio_config *config;
	struct irq_router *irq;
	uint32_t devid;
	unsigned cap;     /* offset; 0: none */
	unsigned len;     /* of the capability */
	unsigned mask_at; /* offset of the mask bits; 0: none */
	unsigned data_at;
	unsigned asked; /* vectors that the guest enabled when it was turned on */
	unsigned live;  /* those that the host had */
	bool on;        /* in the host */
	struct msi_vector vectors[VFIO_MSI_MAX];
};

/* Shape config->msi_cap. msi->cap stays 0 when there is none, or it is of no use. */
int vfio_msi_init(struct vfio_msi *msi, struct vfio_io *io, struct vfio_config *config,
		  struct irq_router *irq, uint32_t devid) _must_check_;

/* Vectors that the guest's registers ask for, 0: MSI is off. */
unsigned vfio_msi_wanted(const struct vfio_msi *msi);

/* -errno with the reason recorded; some vectors may work all the same: see `on`. */
int vfio_msi_enable(struct vfio_msi *msi) _must_check_;
int vfio_msi_disable(struct vfio_msi *msi);

/* A register of the capability was written while MSI is on, and the number of vectors is the same. */
int vfio_msi_update(struct vfio_msi *msi) _must_check_;

/* The pending bits are about to be read. */
void vfio_msi_refresh_pending(struct vfio_msi *msi);
