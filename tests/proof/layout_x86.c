/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RAM of the x86_64 board around the windows that IOMMUs reserve: for RAM of any size in GiB up to 2 TiB, processors of
 * any width and devices that reach any two spans, its pieces add up to what was asked for, ascend and share nothing,
 * lie in what devices reach and in what processors address, and touch neither the holes of the board (32-bit BARs, ECAM,
 * HyperTransport's) nor the window of 64-bit BARs.
 *
 * files: arch/common/place.c
 * unwind: 5, pieces of RAM
 */
#include "../../arch/x86_64/layout.c"
#include <proof.h>

int main(void)
{
	struct board_config config = { .mem_size = (uint64_t)any(uint16_t) << 30 };
	struct reach devices = { .n = 2, .windows = any(bool) };
	unsigned bits = any(unsigned), i = any(unsigned);
	struct layout layout;
	uint64_t sum = 0, end = 0;

	assume(config.mem_size <= TIB(2) && bits <= 52);
	/* In units of 256 MiB, to 4 TiB. */
	for (unsigned k = 0; k < 2; k++) {
		devices.spans[k].base = (uint64_t)(any(uint16_t) & 0x3fff) << 28;
		devices.spans[k].size = (uint64_t)(any(uint16_t) & 0x3fff) << 28;
		assume(devices.spans[k].size);
	}
	assume(devices.spans[0].base + devices.spans[0].size < devices.spans[1].base);
	if (arch_layout(&config, bits, &devices, &layout))
		return 0;
	prove(layout.n_ram >= 1 && layout.n_ram <= 4, "pieces");
	for (unsigned k = 0; k < 4; k++)
		if (k < layout.n_ram) {
			prove(layout.ram[k].base >= end && layout.ram[k].size, "they ascend, and share nothing");
			end = layout.ram[k].base + layout.ram[k].size;
			sum += layout.ram[k].size;
		}
	prove(sum == config.mem_size && !layout.ram[0].base, "all of it, from 0");
	prove(end <= BIT64(bits ? bits : 46), "that processors address");
	assume(i < layout.n_ram);
	prove(range_holds(devices.spans[0], layout.ram[i].base, layout.ram[i].size) ||
		      range_holds(devices.spans[1], layout.ram[i].base, layout.ram[i].size),
	      "that devices reach");
	prove(!range_overlaps(layout.ram[i], (struct range){ LAYOUT_MEM32_BASE, LAYOUT_HIGH_BASE - LAYOUT_MEM32_BASE }) &&
		      !range_overlaps(layout.ram[i], (struct range){ LAYOUT_HT_BASE, LAYOUT_HT_END - LAYOUT_HT_BASE }) &&
		      !range_overlaps(layout.ram[i], layout.pci.mem64),
	      "the board's holes");
	if (i == 2)
		reach("three pieces");
	return 0;
}
