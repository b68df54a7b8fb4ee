/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory slots of KVM are numbered so that no two that are in use have the same number and none reaches KVM's limit,
 * also when KVM refuses some; and an address of guest memory is found exactly where its region has it, whole, or not
 * at all.
 *
 * files: vmm/core/memory.c
 * unwind: 5, for up to 4 slots
 */
#include <core/memory.h>
#include <proof.h>

static unsigned live; /* of KVM, a bit each */
static struct memory memory;

int kvm_set_memory(int vm, unsigned slot, unsigned flags, gpa_t gpa, uint64_t size, void *hva)
{
	prove(slot < memory.slot_limit, "below the limit");
	if (!size) {
		prove(live & BIT(slot), "what is removed was there");
		live &= ~BIT(slot);
		return 0;
	}
	prove(!(live & BIT(slot)), "no two have one number");
	if (any(bool))
		return -22;
	live |= BIT(slot);
	return 0;
}

static void numbers(void)
{
	unsigned slots[4];

	memory.slot_limit = any(unsigned);
	assume(memory.slot_limit >= 1 && memory.slot_limit <= 4);
	for (unsigned i = 0; i < 4; i++) {
		slots[i] = MEMORY_SLOT_MAX;
		if (memory_slot_add(&memory, 0, 4096, &memory, 0, &slots[i]) == -28)
			prove(live == BIT(memory.slot_limit) - 1, "full when all are in use");
		if (slots[i] != MEMORY_SLOT_MAX && any(bool)) {
			memory_slot_remove(&memory, slots[i]);
			slots[i] = MEMORY_SLOT_MAX;
		}
	}
	for (unsigned i = 0; i < 4; i++)
		prove(slots[i] == MEMORY_SLOT_MAX || live & BIT(slots[i]), "KVM has what we have");
	if (live == 15)
		reach("all of them");
}

static void addresses(void)
{
	static uint8_t ram[32];
	uint64_t gpa = any_number(), len = any_number();
	uint8_t *at;

	memory.n_ram = 2;
	memory.ram[0] = (struct ram_region){ .base = any_number(), .size = 8, .hva = ram };
	memory.ram[1] = (struct ram_region){ .base = any_number(), .size = 16, .hva = ram + 8 };
	at = memory_at(&memory, gpa, len);
	if (!at)
		return;
	prove(len <= 16, "no more than there is");
	prove(!len || (__CPROVER_r_ok(at, len) && at >= ram && at + len <= ram + 24), "in RAM");
	prove(at < ram + 8 || at - (ram + 8) == gpa - memory.ram[1].base || (at == ram + 8 && !len), "at its place");
	reach("found");
}

int main(void)
{
	numbers();
	addresses();
	return 0;
}
