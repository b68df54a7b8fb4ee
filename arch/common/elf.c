/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Headers of ELF-64 files (ELF-64 Object File Format, version 1.5). Where segments go is for each
 * architecture to say. Main thread, before the guest.
 */
#include "elf.h"

#include <errno.h>

struct range elf_range(const struct elf *elf, unsigned i)
{
	const Elf64_Phdr *ph = &elf->segments[i];

	return ph->p_type == PT_LOAD ? (struct range){ ph->p_paddr, ph->p_memsz }
				     : (struct range){ 0, 0 };
}

struct range elf_span(const struct elf *elf, unsigned *ret_first)
{
	uint64_t low = UINT64_MAX, high = 0;

	for (unsigned i = 0; i < elf->header.e_phnum; i++) {
		struct range range = elf_range(elf, i);

		if (!range.size)
			continue;
		high = MAX(high, range.base + range.size);
		if (range.base < low) {
			low = range.base;
			*ret_first = i;
		}
	}
	return high ? (struct range){ low, high - low } : (struct range){ 0, 0 };
}

static int check_segment(const struct elf *elf, unsigned i)
{
	const Elf64_Phdr *ph = &elf->segments[i];
	const char *why = NULL;

	if (ph->p_type != PT_LOAD)
		return 0;
	if (ph->p_filesz > ph->p_memsz)
		why = "is larger in the file than in memory";
	else if (ph->p_memsz > UINT64_MAX - ph->p_paddr)
		why = "ends beyond what can be addressed";
	return why ? fail(STATUS_IMAGE, ENOEXEC,
			  "%s: is damaged: ELF segment %u %s; build or fetch it again",
			  elf->image->path, i, why)
		   : 0;
}

int elf_read(struct elf *ret, const struct image *image, uint16_t machine, const char *wanted)
{
	Elf64_Ehdr *eh = &ret->header;
	int r = image_read(image, 0, eh, sizeof(*eh));

	if (r)
		return r;
	ret->image = image;
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB ||
	    eh->e_machine != machine)
		return image_refuse(image, wanted);
	if (!eh->e_phnum || eh->e_phnum > ELF_SEGMENTS_MAX ||
	    eh->e_phentsize != sizeof(ret->segments[0]))
		return fail(STATUS_IMAGE, ENOEXEC,
			    "%s: an ELF file with %u program headers is no kernel; %s", image->path,
			    eh->e_phnum, wanted);
	r = image_read(image, eh->e_phoff, ret->segments, eh->e_phnum * sizeof(ret->segments[0]));
	for (unsigned i = 0; !r && i < eh->e_phnum; i++)
		r = check_segment(ret, i);
	return r;
}
