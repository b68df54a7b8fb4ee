/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Message signalled interrupts of a function: the vectors that MSI and MSI-X share, and the MSI-X table
 * as a guest sees it (PCIe 6.0 §6.1.4, §7.7.2). For passed functions, whose vectors VFIO signals, and
 * for emulated ones, whose vectors their own code or vhost signals. Used under the device lock.
 *
 * A vector is an eventfd. Unmasked, KVM listens to it (an irqfd) and the interrupt goes to the guest
 * without a word of ours. Masked, it is only taken from KVM: the eventfd, its GSI and the route stay,
 * whoever signals goes on signalling, and the eventfd's count is the vector's pending bit.
 */
#pragma once

#include <core/irq.h>

struct pci_function;

struct msi_vector {
	int fd;  /* -1: not open; whoever interrupts signals it */
	int gsi; /* -1: none; found at the first use */
	/* What the guest says, to be made true by msi_vectors_apply(). */
	bool wanted; /* unmasked: interrupts reach it, with this message */
	uint64_t address;
	uint32_t data;
	/* What is true. */
	bool connected; /* KVM listens */
	bool pending;   /* arrived while masked, and taken out of fd */
};

void msi_vector_init(struct msi_vector *vector);
int msi_vector_open(struct msi_vector *vector) _must_check_; /* harmless when it is open */
void msi_vector_close(struct irq_router *irq, struct msi_vector *vector);

/* Did an interrupt arrive that the guest has masked? */
bool msi_vector_pending(struct msi_vector *vector);

/*
 * Make `n` vectors what they say: those that are wanted are opened and connected, the others
 * disconnected, with one change of KVM's routes for all of them, none when no message changed. What
 * was pending of a vector that is unmasked goes out. devid: the requester id. -errno with the reason
 * recorded: of those that could not be connected `connected` is false, all others are as they say.
 */
int msi_vectors_apply(struct irq_router *irq, uint32_t devid, struct msi_vector *vectors,
		      unsigned n) _must_check_;

/*
 * The MSI-X table and pending bits of a function, whose registers the guest writes in any size. Writes
 * change what the guest reads at once, and take effect at msix_apply(): call it after each access, or
 * after several.
 */
struct msix {
	struct irq_router *irq;
	uint32_t devid;
	unsigned n;           /* vectors; 0: none */
	bool enabled, masked; /* message control's Enable and Function Mask */
	uint8_t *table;
	struct msi_vector *vectors;
	unsigned from, to; /* those that the guest may have changed since msix_apply() */
};

#define MSIX_MAX 2048

/* n: 1 to MSIX_MAX. As after a reset: off, every vector masked. */
int msix_init(struct msix *msix, unsigned n, struct irq_router *irq, uint32_t devid) _must_check_;
void msix_deinit(struct msix *msix);

/* Back to that, all vectors closed. */
void msix_reset(struct msix *msix);

/* Bytes of the table and of the pending bits, where they lie in a BAR. */
uint64_t msix_table_size(const struct msix *msix);
uint64_t msix_pba_size(const struct msix *msix);

/*
 * Lay out the capability of an emulated function at `at` of its configuration space, all but the link
 * to the next one. Offsets are in BAR `bar`, multiples of 8.
 */
void msix_capability(const struct msix *msix, struct pci_function *fn, unsigned at, unsigned bar,
		     uint32_t table, uint32_t pba);

/* Message control has this value now (§7.7.2.2). */
void msix_control(struct msix *msix, uint16_t control);

/* An access of the guest's, wholly inside the table or the pending bits; those are read-only. */
void msix_table_access(struct msix *msix, uint64_t offset, uint8_t *data, unsigned len,
		       bool is_write);
void msix_pba_read(struct msix *msix, uint64_t offset, uint8_t *data, unsigned len);

/* As msi_vectors_apply(), of the vectors that the guest changed. */
int msix_apply(struct msix *msix) _must_check_;

/*
 * The function interrupts, by its own code. Masked, it becomes pending; nothing happens while MSI-X is
 * off, or at a number that is no vector's (§6.1.4.6 leaves both to the function).
 */
void msix_signal(struct msix *msix, unsigned vector);
