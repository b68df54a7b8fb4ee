/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF files: Linux's vmlinux, and programs linked to run in RAM or anywhere (test suites). All are
 * started as an Image is: booting.rst, with the device tree's address in x0.
 *
 * Pure: no KVM. Main thread, before the guest. Left out: relocations, which a program that runs
 * anywhere applies itself; entry points in a segment's bss.
 */
#include "boot.h"

#include "../common/elf.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/*
 * Programs of kvm-unit-tests begin with a stack behind their last segment (arm/flat.lds there), which no
 * header tells of. Nothing of ours is put so near.
 */
#define STACK_BEHIND KIB(256)

struct placed {
	struct elf elf;
	struct range span; /* that its segments ask for */
	uint64_t first;    /* the lowest one's offset in the file */
	uint64_t shift;    /* from the address asked for to the one given, modulo 2^64 */
};

static int find_span(struct placed *p)
{
	unsigned first;

	p->span = elf_span(&p->elf, &first);
	if (!p->span.size)
		return fail(STATUS_IMAGE, ENOEXEC,
			    "%s: an ELF file with nothing to load; " BOOT_WANTED,
			    p->elf.image->path);
	p->first = p->elf.segments[first].p_offset;
	return 0;
}

/*
 * Where it asks to be, if that is RAM. Linux's vmlinux is linked at virtual addresses, but holds what
 * an Image does; and ET_DYN says of itself that it runs anywhere (test suites). Those two go to
 * where an Image goes.
 */
static int find_place(const struct board *board, struct placed *p)
{
	const struct image *image = p->elf.image;
	const struct range *ram = boot_ram(&board->layout);
	uint8_t header[BOOT_HEADER_SIZE] = { 0 };
	int r;

	if (memory_at(&board->memory, p->span.base, p->span.size))
		return 0;
	r = image_read(image, p->first, header,
		       MIN(image->size - MIN(p->first, image->size), sizeof(header)));
	if (r)
		return r;
	if (!boot_is_image(header) && p->elf.header.e_type != ET_DYN)
		return fail(STATUS_IMAGE, ENOEXEC,
			    "%s: its ELF segments want %#" PRIx64
			    ", which is not RAM; link it to run at %#" PRIx64
			    " or to be position-independent",
			    image->path, p->span.base, ram->base + BOOT_OLD_TEXT_OFFSET);
	if (p->span.size > ram->size)
		return boot_no_room(image, p->span.size);
	p->shift = ram->base - p->span.base;
	return 0;
}

int boot_elf(struct board *board, const struct image *image, struct range *ret)
{
	struct placed p = { 0 };
	const Elf64_Ehdr *eh = &p.elf.header;
	int r = elf_read(&p.elf, image, EM_AARCH64, BOOT_WANTED);

	if (!r)
		r = find_span(&p);
	if (!r)
		r = find_place(board, &p);
	for (unsigned i = 0; !r && i < eh->e_phnum; i++)
		if (elf_range(&p.elf, i).size)
			r = image_load(image, p.elf.segments[i].p_offset,
				       p.elf.segments[i].p_filesz, &board->memory,
				       p.elf.segments[i].p_paddr + p.shift);
	if (r)
		return r;
	if (!range_holds(p.span, eh->e_entry, 4))
		return fail(STATUS_IMAGE, ENOEXEC,
			    "%s: its ELF entry point lies outside it; " BOOT_WANTED, image->path);
	board->boot.entry = eh->e_entry + p.shift;
	*ret = (struct range){ p.span.base + p.shift, p.span.size + STACK_BEHIND };
	return 0;
}
