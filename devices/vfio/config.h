/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration space of a passed function: which bits are the device's and which are ours, and what a write
 * to it sets off. The masks are made by config_shape.c from the tables of config_table.h and by the other
 * parts, each for its own capability; config.c answers by them.
 */
#pragma once

#include "io.h"

#include <devices/pci.h>

/* What a write sets off, or what must be done before a read: function.c acts on it. */
enum vfio_touch {
	VFIO_TOUCH_COMMAND = 1,
	VFIO_TOUCH_POWER = 2, /* the power management control register */
	VFIO_TOUCH_MSI = 4,
	VFIO_TOUCH_MSIX = 8,
	VFIO_TOUCH_PENDING = 16, /* MSI's pending bits */
	VFIO_TOUCH_RESET = 32,   /* a byte that has a function level reset bit */
};

struct vfio_config {
	struct vfio_io *io;
	struct pci_function *pci;         /* config[]: what we answer, by the masks in `ours` */
	uint8_t ours[PCI_CONFIG_SIZE];    /* bits answered from pci->config[] */
	uint8_t passes[PCI_CONFIG_SIZE];  /* bits whose writes reach the device */
	uint8_t touches[PCI_CONFIG_SIZE]; /* VFIO_TOUCH_ of each byte */
	uint8_t initial[PCI_CONFIG_SIZE]; /* pci->config[] after a reset */
	/* Where the capabilities that other parts shape begin, the first of each kind; 0: none. */
	unsigned pm_cap, msi_cap, msix_cap;
	unsigned msi_end; /* where the next capability begins, if not the space ends */
	struct {
		unsigned at; /* 0: no such register */
		uint8_t bit;
		bool does; /* the device has that reset */
	} resets[2];       /* of PCI Express, of conventional functions (AF) */
};

/* config_shape.c: read the device's space and make the masks. */
int vfio_config_init(struct vfio_config *config, struct vfio_io *io,
		     struct pci_function *pci) _must_check_;

/* Bits of a little-endian field of up to 4 bytes that are ours: initial value, what may change. */
void vfio_config_emulate(struct vfio_config *config, unsigned offset, unsigned len, uint32_t bits,
			 uint32_t value, uint32_t writable);

/* Accesses to these bytes touch something. */
void vfio_config_mark(struct vfio_config *config, unsigned offset, unsigned len, uint8_t touch);

/* Take a capability that turned out to be unusable, of `len` bytes, out of the list again. */
void vfio_config_hide(struct vfio_config *config, unsigned cap, unsigned len);

/* What an access touches. */
unsigned vfio_config_touched(const struct vfio_config *config, unsigned offset, unsigned len);

/*
 * The function level reset bits of a write are taken out of it: they read 0 (PCIe 6.0 §7.5.3.4). True
 * when one is set and the device has that reset.
 */
bool vfio_config_take_reset(const struct vfio_config *config, unsigned offset, unsigned len,
			    uint32_t *value);

/* What the guest reads. Aligned, as the root hands it on (pci.h). */
uint32_t vfio_config_read(struct vfio_config *config, unsigned offset, unsigned len);

/* Of a write, the bits that are the device's; pci_config_write() is for the others. */
void vfio_config_pass(struct vfio_config *config, unsigned offset, unsigned len, uint32_t value);

/* What we answer becomes again what it was at first. */
void vfio_config_reset(struct vfio_config *config);
