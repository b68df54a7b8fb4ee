/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Uncompressed ELF64 kernels by the PVH direct boot ABI (xen/docs/misc/pvh.pandoc; in Linux
 * include/xen/interface/hvm/start_info.h and elfnote.h): segments go to their physical addresses,
 * the boot processor starts in 32-bit protected mode at the address in the note
 * XEN_ELFNOTE_PHYS32_ENTRY with the address of an hvm_start_info. Nothing is unpacked or moved, so
 * this is the quicker way in.
 *
 * Left out: 32-bit ELF, XEN_ELFNOTE_PHYS32_RELOC (segments lie where they are linked).
 */
#include "boot.h"
#include "layout.h"

#include "../common/elf.h"

#include <base/bytes.h>
#include <base/error.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define NOTES_MAX                16384 /* of one segment; Linux has some hundred bytes */
#define XEN_ELFNOTE_PHYS32_ENTRY 18

/* struct hvm_start_info and the lists it points to, all in the page of LAYOUT_BOOT_PARAMS. */
enum {
	SI_MAGIC = 0,
	SI_VERSION = 4,
	SI_NR_MODULES = 12,
	SI_MODLIST = 16,
	SI_CMDLINE = 24,
	SI_RSDP = 32,
	SI_MEMMAP = 40,
	SI_MEMMAP_ENTRIES = 48,
	START_MAGIC = 0x336ec578,
	MODLIST_AT = 0x100, /* from the start of the page */
	MEMMAP_AT = 0x200,
	MEMMAP_ENTRY = 24,
};

/*
 * Linux cuts longer ones in silence (COMMAND_LINE_SIZE of x86), and an ELF file has no field that
 * says how much its kernel takes.
 */
#define CMDLINE_MAX 2047

struct notes {
	gpa_t entry; /* 0: no PVH entry, and no such kernel */
	bool is_linux;
};

/*
 * Notes are (name size, description size, type), name, description, the last two padded to 4 bytes, or to
 * 8 in a segment that is aligned to 8 (gABI, "Note Section"). What the last one lacks of its padding
 * is not missed. Linux has some by its own name in every kernel (include/linux/build-salt.h).
 */
static void look_at_notes(const uint8_t *notes, uint64_t len, uint64_t align, struct notes *found)
{
	uint64_t at = 0;

	while (at < len && len - at >= 12) {
		uint64_t name_len = load_le32(notes + at);
		uint64_t desc_len = load_le32(notes + at + 4);
		uint32_t type = load_le32(notes + at + 8);
		uint64_t name = at + 12, desc = align_up(name + name_len, align);

		if (desc + desc_len > len)
			return;
		if (type == XEN_ELFNOTE_PHYS32_ENTRY && name_len == 4 && !found->entry &&
		    !memcmp(notes + name, "Xen", 4) && (desc_len == 4 || desc_len == 8))
			found->entry = load_le(notes + desc, (unsigned)desc_len);
		if (name_len == 6 && !memcmp(notes + name, "Linux", 6))
			found->is_linux = true;
		at = align_up(desc + desc_len, align);
	}
}

static int read_notes(const struct elf *elf, struct notes *ret)
{
	uint8_t notes[NOTES_MAX];
	uint64_t len;
	int r;

	*ret = (struct notes){ 0 };
	for (unsigned i = 0; i < elf->header.e_phnum; i++) {
		const Elf64_Phdr *ph = &elf->segments[i];

		if (ph->p_type != PT_NOTE)
			continue;
		len = MIN(ph->p_filesz, sizeof(notes));
		r = image_read(elf->image, ph->p_offset, notes, len);
		if (r)
			return r;
		look_at_notes(notes, len, ph->p_align == 8 ? 8 : 4, ret);
	}
	if (ret->entry)
		return 0;
	return fail(
		STATUS_IMAGE, ENOEXEC,
		"%s: is an x86_64 ELF file without a PVH entry (note XEN_ELFNOTE_PHYS32_ENTRY); "
		"build it with CONFIG_PVH=y, or give the bzImage",
		elf->image->path);
}

/* What a segment has in RAM beyond the file is zero: RAM is fresh. */
static int load_segment(struct board *board, const struct image *kernel, const Elf64_Phdr *ph)
{
	if (ph->p_paddr < LAYOUT_KERNEL_MIN || !memory_at(&board->memory, ph->p_paddr, ph->p_memsz))
		return boot_no_room(board, kernel, ph->p_paddr, ph->p_memsz);
	return image_load(kernel, ph->p_offset, ph->p_filesz, &board->memory, ph->p_paddr);
}

int pvh_load(struct board *board, const struct image *kernel, struct boot_room *ret_room)
{
	struct notes notes;
	gpa_t end = 0;
	struct elf elf;
	int r;

	r = elf_read(&elf, kernel, EM_X86_64, BOOT_WANTED);
	if (!r)
		r = read_notes(&elf, &notes);
	if (!r)
		r = boot_cmdline(board, CMDLINE_MAX);
	for (unsigned i = 0; !r && i < elf.header.e_phnum; i++) {
		struct range range = elf_range(&elf, i);

		if (!range.size)
			continue;
		r = load_segment(board, kernel, &elf.segments[i]);
		end = MAX(end, range.base + range.size);
	}
	if (r)
		return r;
	if (notes.entry < LAYOUT_KERNEL_MIN || notes.entry >= end || notes.entry >= GIB(4))
		return fail(STATUS_IMAGE, ENOEXEC,
			    "%s: is damaged: its PVH entry %#" PRIx64
			    " lies in no segment; build or fetch it again",
			    kernel->path, notes.entry);

	board->boot.pvh = true;
	board->boot.entry = notes.entry;
	board->boot.linux_cmdline = notes.is_linux ? CMDLINE_MAX : 0;
	board->boot.argument = LAYOUT_BOOT_PARAMS;
	/* Linux takes the module's address in 32 bits on this path. */
	*ret_room = (struct boot_room){ .floor = MIN(end, GIB(4)), .ceiling = GIB(4) };
	return 0;
}

void pvh_finish(struct board *board)
{
	uint8_t *page = memory_at(&board->memory, LAYOUT_BOOT_PARAMS, 4096);
	const struct boot_info *boot = &board->boot;
	struct boot_map_entry map[BOOT_MAP_MAX];
	unsigned n = boot_map(&board->layout, map);

	store_le32(page + SI_MAGIC, START_MAGIC);
	store_le32(page + SI_VERSION, 1);
	store_le64(page + SI_CMDLINE, LAYOUT_CMDLINE);
	store_le64(page + SI_RSDP, boot->rsdp);
	store_le64(page + SI_MEMMAP, LAYOUT_BOOT_PARAMS + MEMMAP_AT);
	store_le32(page + SI_MEMMAP_ENTRIES, n);
	for (unsigned i = 0; i < n; i++) {
		uint8_t *entry = page + MEMMAP_AT + MEMMAP_ENTRY * i;

		store_le64(entry, map[i].base);
		store_le64(entry + 8, map[i].size);
		store_le32(entry + 16, map[i].type);
	}
	if (!boot->initrd.size)
		return;
	store_le32(page + SI_NR_MODULES, 1);
	store_le64(page + SI_MODLIST, LAYOUT_BOOT_PARAMS + MODLIST_AT);
	store_le64(page + MODLIST_AT, boot->initrd.base);
	store_le64(page + MODLIST_AT + 8, boot->initrd.size);
}
