/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory: RAM as one sealed memfd mapped once, and the numbering of KVM memory slots, which
 * RAM shares with mapped BARs. Written by the main thread before the vcpus start; slots later
 * change under the device lock only.
 */
#pragma once

#include <base/types.h>
#include <pthread.h>

#define MEMORY_RAM_MAX  16
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
	bool populated; /* by a prefault: its pages are there, or on their way */
	struct ram_region ram[MEMORY_RAM_MAX];
	unsigned n_ram;
	unsigned slot_limit; /* KVM_CAP_NR_MEMSLOTS, at most MEMORY_SLOT_MAX */
	uint64_t slots[MEMORY_SLOT_MAX / 64];
};

/*
 * Create the memfd (sealed against shrinking and growing) and map it, in huge pages of `hugepage` bytes
 * (0: ordinary ones), of which `size` is a multiple. Huge pages are reserved here: -ENOMEM (recorded)
 * when the host's pool has too few. It has no place in the guest yet. After a failure nothing is left.
 */
int memory_create(struct memory *mem, uint64_t size, uint64_t hugepage) _must_check_;

/*
 * Give it its places, one KVM slot per region (vm_fd -1: no KVM). The regions' sizes are multiples of
 * the page size and sum up to the size it was created with; the regions do not overlap. What
 * populates it meanwhile is not disturbed.
 */
int memory_place(struct memory *mem, int vm_fd, const struct range *regions,
		 unsigned n) _must_check_;

/* Both, in ordinary pages; after a failure nothing is left. */
int memory_init(struct memory *mem, int vm_fd, const struct range *regions,
		unsigned n) _must_check_;
void memory_deinit(struct memory *mem);

/* Populating all of RAM ahead, in threads. mem NULL: not started. */
struct memory_prefault {
	struct memory *mem;
	uint64_t page;
	pthread_t threads[32];
	unsigned n;
	unsigned running; /* under lock, as `error` */
	int error;
	uint64_t next, done; /* atomic */
	bool stop;           /* atomic */
	const bool *cancel;  /* the same from outside */
	pthread_mutex_t lock;
	pthread_cond_t idle;
};

/*
 * page: the size of RAM's pages, 0 for ordinary ones. RAM stays mapped until it is finished. When
 * *cancel becomes true (atomic; NULL: never) it ends early.
 */
int memory_prefault_start(struct memory_prefault *prefault, struct memory *mem, uint64_t page,
			  const bool *cancel) _must_check_;

/*
 * Wait for the end, or for nobody to touch RAM any more when it is abandoned. Who waits at a
 * terminal sees how far it is. Harmless when it was not started. -ECANCELED, unrecorded, when it was
 * ended from outside.
 */
int memory_prefault_finish(struct memory_prefault *prefault, bool abandon);

/* In a child of fork(2), which has no RAM: map it where it is in the parent. 0 or -errno, nothing recorded. */
int memory_map_forked(const struct memory *mem) _must_check_;

/*
 * Copy `len` bytes of a file to RAM at `hva` within the kernel, by pages: what is written whole need be
 * neither cleared nor faulted in before. Returns how many bytes were copied; the caller reads the
 * rest. That is all of it for a file that cannot be spliced (sendfile(2)), in huge pages, and where a
 * prefault populates RAM, whose pages may be larger than those that this would put in between.
 */
uint64_t memory_copy_file(const struct memory *mem, void *hva, int fd, uint64_t offset,
			  uint64_t len);

/* The host address of [gpa, gpa + len) when all of it is RAM in one region, NULL otherwise. */
void *memory_at(const struct memory *mem, gpa_t gpa, uint64_t len);

/* Map host memory (a BAR) as a new slot; flags as for kvm_set_memory(). -ENOSPC: no slot left. */
int memory_slot_add(struct memory *mem, gpa_t gpa, uint64_t size, void *hva, unsigned flags,
		    unsigned *ret_slot) _must_check_;
void memory_slot_remove(struct memory *mem, unsigned slot);
