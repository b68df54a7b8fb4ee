/* SPDX-License-Identifier: BSD-2-Clause */
/* Where things may lie while a kernel is loaded; see boot_room.c. */
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

/* Copy the command line to LAYOUT_CMDLINE, refusing one longer than `max` bytes without its NUL. */
int boot_cmdline(struct board *board, uint64_t max) _must_check_;

/*
 * The TSC's frequency as a word of Linux's (tsc_early_khz=, since 5.10), before all others, so that one of
 * the operator's counts. Nothing where the kernel is not Linux, or its command line is full.
 */
void boot_tell_tsc(struct board *board, unsigned khz);

/* Refuse RAM that does not hold [base, base + size): names the kernel and the --mem it needs. */
int boot_no_room(const struct board *board, const struct image *kernel, gpa_t base, uint64_t size);
