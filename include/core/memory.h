/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory: RAM as one sealed memfd mapped once, and the numbering of KVM memory slots, which
 * RAM shares with mapped BARs. Written by the main thread before the vcpus start; slots later
 * change under the loop's lock only.
 */
#pragma once

#include <base/types.h>

#define MEMORY_RAM_MAX  4
#define MEMORY_SLOT_MAX 512

struct ram_region {
	gpa_t base;
	uint64_t size;
	uint64_t offset; /* in the memfd */
	uint8_t *hva;
};

struct memory {
	int vm_fd; /* -1: no KVM (unit tests); slots are numbered all the same */
	int memfd;
	uint8_t *hva;
	uint64_t size;
	struct ram_region ram[MEMORY_RAM_MAX];
	unsigned n_ram;
	unsigned slot_limit; /* KVM_CAP_NR_MEMSLOTS, at most MEMORY_SLOT_MAX */
	uint64_t slots[MEMORY_SLOT_MAX / 64];
};

/*
 * Create the memfd (sealed against shrinking and growing), map it, and give KVM one slot per
 * region. The regions' sizes are multiples of the host's page size and they do not overlap.
 */
int memory_init(struct memory *mem, int vm_fd, const struct range *regions,
		unsigned n) _must_check_;
void memory_deinit(struct memory *mem);

/* The host address of [gpa, gpa + len) when all of it is RAM in one region, NULL otherwise. */
void *memory_at(const struct memory *mem, gpa_t gpa, uint64_t len);

/* Map host memory (a BAR) as a new slot; flags as for kvm_set_memory(). -ENOSPC: no slot left. */
int memory_slot_add(struct memory *mem, gpa_t gpa, uint64_t size, void *hva, unsigned flags,
		    unsigned *ret_slot) _must_check_;
void memory_slot_remove(struct memory *mem, unsigned slot);
