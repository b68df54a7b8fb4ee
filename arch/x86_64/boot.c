/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What both ways of booting need: telling the image's kind, the memory map, the command line and
 * the initrd. The ways themselves are bzimage.c and pvh.c.
 *
 * Everything below 1 MiB is thru's while it loads (layout.h); the kernel stands where its file asks
 * for, and the initrd as high as it may below 4 GiB, out of the way of what unpacks itself.
 *
 * Runs on the main thread, before the guest. Images are the operator's, but not trusted: every
 * number from a file is checked against the file's size and against guest RAM.
 */
#include "boot.h"
#include "layout.h"

#include <base/error.h>
#include <errno.h>
#include <inttypes.h>
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

static int initrd_too_large(const struct board *board, const struct image *initrd,
			    const struct boot_room *room, uint64_t space)
{
	uint64_t need = align_up(room->floor + align_up(initrd->size, 4096), MIB(1));
	uint64_t top = MIN(room->ceiling, LAYOUT_MEM32_BASE);

	if (need > top)
		return fail(STATUS_IMAGE, E2BIG,
			    "%s: the initrd has %" PRIu64
			    " bytes, this kernel takes at most %" PRIu64
			    " whatever the RAM; make it smaller",
			    initrd->path, initrd->size, top - room->floor);
	if (need <= board->config->mem_size)
		return fail(STATUS_IMAGE, E2BIG,
			    "%s: the initrd has %" PRIu64 " bytes, and the largest room between "
			    "what the IOMMU of the devices reserves has %" PRIu64
			    "; make it smaller, or leave that device out",
			    initrd->path, initrd->size, space);
	return fail(STATUS_IMAGE, E2BIG,
		    "%s: the initrd has %" PRIu64 " bytes, beside the kernel there is room for "
		    "%" PRIu64 "; give the guest at least %" PRIu64 "M with --mem",
		    initrd->path, initrd->size, space, need >> 20);
}

/* The highest place for `size` bytes in one region of RAM. Room: how much the largest has. */
static bool find_room(const struct layout *layout, const struct boot_room *room, uint64_t size,
		      gpa_t *ret_base, uint64_t *ret_room)
{
	*ret_room = 0;
	for (unsigned i = layout->n_ram; i-- > 0;) {
		const struct range *ram = &layout->ram[i];
		gpa_t base = MAX(ram->base, room->floor);
		gpa_t end = MIN(ram->base + ram->size, room->ceiling);
		uint64_t space = end > base ? align_down(end - base, 4096) : 0;

		if (size <= space) {
			*ret_base = align_down(end - size, 4096);
			return true;
		}
		*ret_room = MAX(*ret_room, space);
	}
	return false;
}

static int load_initrd(struct board *board, const struct boot_room *room)
{
	const struct board_config *config = board->config;
	struct image initrd;
	uint64_t space;
	gpa_t base;
	int r;

	r = image_init(&initrd, config->initrd_path, config->initrd_fd);
	if (r)
		return r;
	if (!find_room(&board->layout, room, initrd.size, &base, &space))
		return initrd_too_large(board, &initrd, room, space);
	r = image_load(&initrd, 0, initrd.size, &board->memory, base);
	if (r)
		return r;
	board->boot.initrd = (struct range){ base, initrd.size };
	return 0;
}

int arch_boot_load(struct board *board)
{
	const struct board_config *config = board->config;
	struct boot_room room;
	struct image kernel;
	uint8_t magic[4];
	bool elf;
	int r;

	r = image_init(&kernel, config->kernel_path, config->kernel_fd);
	if (r)
		return r;
	if (kernel.size < sizeof(magic))
		return image_refuse(&kernel, BOOT_WANTED);
	r = image_read(&kernel, 0, magic, sizeof(magic));
	if (r)
		return r;

	elf = !memcmp(magic, "\177ELF", sizeof(magic));
	board->boot = (struct boot_info){ .rsdp = LAYOUT_ACPI_BASE };
	r = elf ? pvh_load(board, &kernel, &room) : bzimage_load(board, &kernel, &room);
	if (!r && config->initrd_fd >= 0)
		r = load_initrd(board, &room);
	if (r)
		return r;
	if (elf)
		pvh_finish(board);
	else
		bzimage_finish(board);
	return 0;
}
