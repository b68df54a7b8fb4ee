/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the two ways in: bzimage.c (Linux's 64-bit boot protocol) and pvh.c (ELF by PVH).
 * boot.c tells them apart, and does what both need.
 */
#pragma once

#include "../common/image.h"

#include <arch/arch.h>

#define BOOT_WANTED "give an x86_64 bzImage, or a vmlinux built with CONFIG_PVH=y"

/* Spans of the guest's memory map; the types are those of E820, which PVH shares. */
#define BOOT_MAP_MAX (MEMORY_RAM_MAX + 4)
enum { BOOT_MAP_RAM = 1, BOOT_MAP_RESERVED = 2, BOOT_MAP_ACPI = 3 };
struct boot_map_entry {
	uint64_t base, size;
	uint32_t type;
};
unsigned boot_map(const struct layout *layout, struct boot_map_entry map[BOOT_MAP_MAX]);

/* What is left for an initrd once the kernel is in place. */
struct boot_room {
	gpa_t floor;   /* the kernel's end */
	gpa_t ceiling; /* highest address + 1 that the kernel accepts */
};

/*
 * Load the kernel's file, fill board->boot (entry, argument, pvh) and say where an initrd may lie.
 * The command line is in place already.
 */
int bzimage_load(struct board *board, const struct image *kernel,
		 struct boot_room *ret_room) _must_check_;
int pvh_load(struct board *board, const struct image *kernel,
	     struct boot_room *ret_room) _must_check_;

/* Once board->boot.initrd is known: tell the kernel all that it is told. */
void bzimage_finish(struct board *board);
void pvh_finish(struct board *board);

/* Copy the command line to LAYOUT_CMDLINE, refusing one longer than `max` bytes without its NUL. */
int boot_cmdline(struct board *board, uint64_t max) _must_check_;

/* Refuse RAM that does not hold [base, base + size): names the kernel and the --mem it needs. */
int boot_no_room(const struct board *board, const struct image *kernel, gpa_t base, uint64_t size);
