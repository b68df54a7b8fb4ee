/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel and initrd into RAM: the image's kind is told here, loaded by bzimage.c or pvh.c, and what
 * those two share is boot_room.c. Calls go down in that order.
 *
 * Everything below 1 MiB is thru's while it loads (layout.h); the kernel stands where its file asks
 * for, and the initrd as high as it may below 4 GiB, out of the way of what unpacks itself.
 *
 * Runs on the main thread, before the guest. Images are the operator's, but not trusted: every
 * number from a file is checked against the file's size and against guest RAM.
 */
#include "boot.h"
#include "../common/kernel_kept.h"
#include "cmdline.h"
#include "layout.h"

#include <base/error.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

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
			    initrd->path, initrd->size, top > room->floor ? top - room->floor : 0);
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

/*
 * Linux finds ECAM by ACPI (MCFG), so not without that. One that was built without PCI_MMCONFIG cannot be told
 * from others: see arch_board_deinit().
 */
static bool wants_cf8(const struct board *board)
{
	struct cmdline_words words;

	if (board->config->pci_cf8 != PCI_CF8_AUTO)
		return board->config->pci_cf8 == PCI_CF8_ON;
	cmdline_read(board->config->cmdline, &words);
	return !board->boot.linux_cmdline || words.acpi_off || words.no_ecam;
}

void arch_boot_find(struct board *board)
{
	if (board->config->kernel_unpack)
		kernel_kept_find(board);
}

void arch_boot_keep(struct board *board)
{
	kernel_kept_store(board);
}

int arch_boot_load(struct board *board)
{
	const struct board_config *config = board->config;
	struct boot_room room;
	struct image kernel;
	uint8_t magic[4];
	bool elf;
	int r;

	r = cmdline_check(config->cmdline);
	if (!r)
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
	if (!r && !elf)
		r = bzimage_place(board, &kernel);
	if (r)
		return r;
	board->layout.pci.no_cf8 = !wants_cf8(board);
	if (elf)
		pvh_finish(board);
	else
		bzimage_finish(board);
	return 0;
}
