/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BARs of a passed function, as memory slots and trapped spans. Made in three steps: found, then windows
 * put into them (the MSI-X table and pending bits), then tiled and mapped.
 */
#pragma once

#include "io.h"
#include "p2p.h"

#include <core/bus.h>
#include <core/memory.h>
#include <devices/pci.h>

struct vfio_bars;

/* Part of a BAR: mapped into the guest (hva), or trapped. The spans of a BAR tile it in order. */
struct vfio_span {
	struct vfio_bars *bars;
	unsigned bar;
	uint64_t offset, size; /* in the BAR */
	void *hva;             /* NULL: trapped */
	unsigned slot;
	bool in_slot, on_bus;
	uint64_t address; /* guest physical, of one in a slot */
	struct bus_region region;
};

struct vfio_bar {
	uint64_t at;   /* in the cdev */
	uint64_t size; /* 0: none */
	bool io;
	bool busy_told; /* somebody of the host has it: said */
	struct vfio_span *spans;
	unsigned n_spans;
	char name[48]; /* of its trapped regions */
};

/* A part of a BAR that somebody here answers for, in whole pages trapped. */
struct vfio_window {
	unsigned bar;
	struct range at; /* in the BAR */
	bus_handler handler;
	void *ctx;
};

struct vfio_bars {
	struct vfio_io *io;
	struct pci_function *pci;
	struct memory *memory;
	struct bus *mmio, *pio; /* pio NULL: ports are memory */
	struct vfio_p2p *p2p;
	bus_handler handler; /* trapped accesses go there first; its ctx is the span */
	struct vfio_bar bar[PCI_BARS];
	struct vfio_window windows[2];
	unsigned n_windows;
};

/* Declares the BARs that the device has to `pci`. The fields up to `handler` are filled. */
int vfio_bars_find(struct vfio_bars *bars) _must_check_;

/* Does [at.base, at.base + at.size) lie in a BAR of memory? */
bool vfio_bars_hold(const struct vfio_bars *bars, unsigned bar, struct range at);

void vfio_bars_window(struct vfio_bars *bars, const struct vfio_window *window);
int vfio_bars_tile(struct vfio_bars *bars) _must_check_;
void vfio_bars_deinit(struct vfio_bars *bars);

/* It decodes at `address`, or no longer (pci.h). */
int vfio_bars_map(struct vfio_bars *bars, unsigned index, uint64_t address) _must_check_;
void vfio_bars_unmap(struct vfio_bars *bars, unsigned index);

/* Answer a trapped access to a span: each part of it by a window, or by the device. */
void vfio_bars_access(struct vfio_span *span, uint64_t offset, void *data, unsigned len,
		      bool is_write);
