/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The expansion ROM of a passed function: a copy that the guest reads.
 */
#pragma once

#include "io.h"

#include <core/bus.h>
#include <core/memory.h>
#include <devices/pci.h>

struct vfio_rom {
	struct vfio_io *io;
	struct memory *memory;
	struct bus *mmio;
	bus_handler handler; /* trapped accesses go there first; ctx is the vfio_rom */
	uint8_t *data;
	uint64_t size;  /* of the BAR; 0: none */
	uint64_t bytes; /* that there are */
	uint64_t at;    /* in the cdev */
	bool loaded;    /* they are in `data` */
	uint64_t address;
	unsigned slot;
	bool in_slot, on_bus;
	struct bus_region region;
};

/*
 * fd -1 is the device's own. A device without one is no error. Declares its BAR to `pci`. The fields up
 * to `handler` are filled.
 */
int vfio_rom_init(struct vfio_rom *rom, struct pci_function *pci, int fd) _must_check_;
void vfio_rom_deinit(struct vfio_rom *rom);

/* Its BAR decodes at `address`, or no longer. */
int vfio_rom_map(struct vfio_rom *rom, uint64_t address) _must_check_;
void vfio_rom_unmap(struct vfio_rom *rom);

/* Answer a trapped access. The first one loads the copy. */
void vfio_rom_access(struct vfio_rom *rom, uint64_t offset, void *data, unsigned len,
		     bool is_write);
