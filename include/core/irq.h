/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts on their way into KVM: global system interrupts (GSI), the routing table that gives
 * each its pin or MSI message, and the lines of emulated devices. Used under the device lock.
 */
#pragma once

#include <base/types.h>
#include <core/loop.h>
#include <linux/kvm.h>

#define IRQ_GSI_MAX 4096

struct irq_router {
	int vm_fd; /* -1: no KVM (unit tests) */
	struct loop *
		loop; /* is told when a line cannot be driven; NULL: nobody is. The owner's to set */
	uint32_t line_base; /* added to a GSI for KVM_IRQ_LINE: 0 on x86_64, see aarch64 */
	unsigned gsi_limit; /* KVM_CAP_IRQ_ROUTING, at most IRQ_GSI_MAX */
	unsigned msi_first; /* GSIs below are pins of the irqchip */
	bool msi_devid; /* messages carry the requester id (KVM_CAP_MSI_DEVID; the ITS needs it) */
	/* Messages that the irqchip does not know: written there, they name an SPI (GICv2m). 0: none. */
	uint64_t spi_doorbell;
	unsigned spi_first, spi_n; /* those that may be named; SPI 0 is the irqchip's input 0 */
	struct kvm_irq_routing *table;
	uint64_t gsis[IRQ_GSI_MAX / 64]; /* MSI GSIs in use */
	uint16_t places[IRQ_GSI_MAX];    /* of an MSI GSI in the table, plus 1; 0: not there */
	bool dirty;                      /* table differs from what KVM has */
};

/* Pins [0, n_pins) belong to the irqchip. The table starts empty. */
int irq_router_init(struct irq_router *router, int vm_fd, unsigned n_pins) _must_check_;
void irq_router_deinit(struct irq_router *router);

/* Add the route of a pin (an irqchip of KVM_IRQCHIP_*, its input). For arch/irqchip.c. */
int irq_pin_route(struct irq_router *router, unsigned gsi, unsigned irqchip,
		  unsigned pin) _must_check_;

/* A GSI for an MSI message; -ENOSPC (recorded) when KVM has no more. Not live until set. */
int irq_msi_alloc(struct irq_router *router, unsigned *ret_gsi) _must_check_;
void irq_msi_free(struct irq_router *router, unsigned gsi);

/* Give the GSI its message. A message that changes nothing costs nothing. devid: requester id. */
int irq_msi_set(struct irq_router *router, unsigned gsi, uint64_t address, uint32_t data,
		uint32_t devid) _must_check_;

/* Hand pending changes to KVM, one call for all of them (KVM_SET_GSI_ROUTING). */
int irq_commit(struct irq_router *router) _must_check_;

/* kvm_irqfd() and its removal on this router's VM. */
int irq_fd_add(struct irq_router *router, unsigned gsi, int fd, int resample_fd) _must_check_;
void irq_fd_remove(struct irq_router *router, unsigned gsi, int fd);

/* The interrupt output of an emulated device, as its owner wired it. */
struct irq_line {
	struct irq_router *router;
	unsigned gsi;
};

/* Drive the line. Level; an edge is true then false. Does nothing when router is NULL. */
void irq_line_set(struct irq_line line, bool level);
