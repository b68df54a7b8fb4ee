/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What both ways of booting (bzimage.c, pvh.c) lean on: the memory map, the command line, and the
 * refusal of a kernel that finds no room.
 *
 * Runs on the main thread, before the guest.
 */
#include "boot_room.h"
#include "layout.h"

#include <base/error.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What of RAM lies in [from, to). */
static unsigned map_ram(const struct layout *layout, gpa_t from, gpa_t to,
			struct boot_map_entry *map)
{
	unsigned n = 0;

	for (unsigned i = 0; i < layout->n_ram; i++) {
		gpa_t base = MAX(layout->ram[i].base, from);
		gpa_t end = MIN(layout->ram[i].base + layout->ram[i].size, to);

		if (base < end)
			map[n++] = (struct boot_map_entry){ base, end - base, BOOT_MAP_RAM };
	}
	return n;
}

unsigned boot_map(const struct layout *layout, struct boot_map_entry map[BOOT_MAP_MAX])
{
	const struct range *ecam = &layout->pci.ecam;
	unsigned n = 0;

	/* The hole that PCs have below 1 MiB: Linux keeps off it in any case. */
	map[n++] = (struct boot_map_entry){ 0, LAYOUT_LOW_END, BOOT_MAP_RAM };
	map[n++] = (struct boot_map_entry){ LAYOUT_ACPI_BASE, LAYOUT_ACPI_SIZE, BOOT_MAP_ACPI };
	n += map_ram(layout, LAYOUT_KERNEL_MIN, ecam->base, map + n);
	/* Linux believes MCFG before it has an AML interpreter only when E820 agrees. */
	map[n++] = (struct boot_map_entry){ ecam->base, ecam->size, BOOT_MAP_RESERVED };
	n += map_ram(layout, ecam->base, UINT64_MAX, map + n);
	return n;
}

int boot_cmdline(struct board *board, uint64_t max)
{
	uint64_t len = strlen(board->config->cmdline);
	char *at = memory_at(&board->memory, LAYOUT_CMDLINE, LAYOUT_CMDLINE_MAX);

	max = MIN(max, LAYOUT_CMDLINE_MAX - 1);
	if (len > max)
		return fail(STATUS_IMAGE, E2BIG,
			    "--cmdline: has %" PRIu64 " bytes, this kernel takes %" PRIu64
			    "; shorten it",
			    len, max);
	if (!at)
		return fail(STATUS_IMAGE, ENOMEM, "--mem: less than 1 MiB; give more");
	memcpy(at, board->config->cmdline, len + 1);
	return 0;
}

void boot_tell_tsc(struct board *board, unsigned khz)
{
	char *at = memory_at(&board->memory, LAYOUT_CMDLINE, LAYOUT_CMDLINE_MAX);
	const char *cmdline = board->config->cmdline;
	size_t max = MIN(board->boot.linux_cmdline, LAYOUT_CMDLINE_MAX - 1);
	char word[32];
	int len = snprintf(word, sizeof(word), "tsc_early_khz=%u ", khz);

	if (!at || !khz || (size_t)len + strlen(cmdline) > max)
		return;
	memcpy(at, word, (size_t)len);
	strcpy(at + len, cmdline);
}

int boot_no_room(const struct board *board, const struct image *kernel, gpa_t base, uint64_t size)
{
	uint64_t end = base + size;

	if (base < LAYOUT_KERNEL_MIN || end < base || end > LAYOUT_MEM32_BASE)
		return fail(STATUS_IMAGE, ENOEXEC,
			    "%s: asks for memory from %#" PRIx64 " to %#" PRIx64
			    ", where this machine has none for kernels; link it between %#" PRIx64
			    " and %#" PRIx64,
			    kernel->path, base, end, (uint64_t)LAYOUT_KERNEL_MIN,
			    (uint64_t)LAYOUT_MEM32_BASE);
	if (end <= board->config->mem_size)
		return fail(
			STATUS_IMAGE, ENOMEM,
			"%s: needs RAM from %#" PRIx64 " to %#" PRIx64
			", and the IOMMU of the devices reserves a part of it; see "
			"/sys/kernel/iommu_groups/*/reserved_regions, and leave that device out",
			kernel->path, base, end);
	return fail(STATUS_IMAGE, ENOMEM,
		    "%s: needs RAM up to %" PRIu64 " MiB, the guest has %" PRIu64
		    "; give it more with --mem",
		    kernel->path, (end + MIB(1) - 1) >> 20, board->config->mem_size >> 20);
}
