/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM for tests, behind the one door (include/host/call.h): what it would hold of a VM's memory slots,
 * irqfds, ioeventfds and routes. It is as strict as KVM (Documentation/virt/kvm/api.rst), and stricter where that
 * is lenient: slots that overlap, an irqfd given twice, one taken away that is not there. What a
 * caller does wrong is refused and counted in `wrongs`.
 */
#pragma once

#include <base/types.h>
#include <linux/kvm.h>

#define FAKE_KVM_FD        1000000 /* the VM's descriptor; never a real one */
#define FAKE_KVM_SLOTS     64
#define FAKE_KVM_IRQFDS    2304
#define FAKE_KVM_ROUTES    4096
#define FAKE_KVM_DOORBELLS 16

struct fake_kvm_irqfd {
	int fd, resample; /* -1: none */
	unsigned gsi;
};

struct fake_kvm_doorbell {
	uint64_t address;
	int fd;
};

struct fake_kvm {
	struct kvm_userspace_memory_region slots[FAKE_KVM_SLOTS]; /* memory_size 0: none */
	struct fake_kvm_irqfd irqfds[FAKE_KVM_IRQFDS];
	unsigned n_irqfds;
	struct kvm_irq_routing_entry routes[FAKE_KVM_ROUTES];
	unsigned n_routes;
	struct fake_kvm_doorbell doorbells[FAKE_KVM_DOORBELLS];
	unsigned n_doorbells;
	unsigned route_calls, slot_calls; /* KVM_SET_GSI_ROUTING, KVM_SET_USER_MEMORY_REGION */
	uint32_t refused_hi;              /* messages with this upper half are refused; 0: none */
	unsigned wrongs;
	char why[128];
};

extern struct fake_kvm fake_kvm;

/* A new VM: nothing in it. */
void fake_kvm_init(void);

/* What a guest's access to this address finds: a slot, or NULL. */
const struct kvm_userspace_memory_region *fake_kvm_slot(uint64_t address);
unsigned fake_kvm_slots(void);

/* A guest's write there: whether it rings an eventfd, and needs no exit. */
bool fake_kvm_ring(uint64_t address);

/* The irqfd of a GSI, NULL when there is none; the route of a GSI. */
const struct fake_kvm_irqfd *fake_kvm_irqfd(unsigned gsi);
const struct kvm_irq_routing_entry *fake_kvm_route(unsigned gsi);
