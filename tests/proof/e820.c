/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory map that an x86_64 guest is told: for RAM in up to three pieces as a layout has them, there are no more
 * entries than room for them, they ascend and share nothing, and what is told as RAM is RAM.
 *
 * files: arch/x86_64/boot_room.c
 * unwind: 4, pieces of RAM
 */
#include "../../arch/x86_64/boot_room.h"
#include "../../arch/x86_64/layout.h"
#include <proof.h>

void *memory_at(const struct memory *memory, gpa_t gpa, uint64_t len)
{
	return NULL;
}

int main(void)
{
	struct layout layout = { .n_ram = any(unsigned), .pci.ecam = { LAYOUT_ECAM_BASE, LAYOUT_ECAM_SIZE } };
	struct boot_map_entry map[BOOT_MAP_MAX];
	uint64_t end = 0;
	bool held;
	unsigned n, i = any(unsigned);

	assume(layout.n_ram >= 1 && layout.n_ram <= 3);
	for (unsigned k = 0; k < 3; k++) {
		layout.ram[k] = (struct range){ (uint64_t)any(uint16_t) << 21, (uint64_t)any(uint16_t) << 21 };
		assume(layout.ram[k].size && layout.ram[k].base >= end);
		end = layout.ram[k].base + layout.ram[k].size;
		assume(end <= LAYOUT_MEM32_BASE || layout.ram[k].base >= LAYOUT_HIGH_BASE);
	}
	assume(!layout.ram[0].base);
	n = boot_map(&layout, map);
	prove(n <= 6 && n <= BOOT_MAP_MAX, "there is room");
	assume(i < n);
	prove(map[i].size, "none is empty");
	prove(!i || map[i - 1].base + map[i - 1].size <= map[i].base, "they ascend, and share nothing");
	held = false;
	for (unsigned k = 0; k < 3; k++)
		held |= k < layout.n_ram && range_holds(layout.ram[k], map[i].base, map[i].size);
	prove(map[i].type != BOOT_MAP_RAM || held, "RAM is RAM");
	if (i == 5)
		reach("three pieces");
	return 0;
}
