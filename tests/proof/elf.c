/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The headers of an ELF file, of any bytes (numbers as any_number() has them): what elf_read() takes has as many segments as there is room for, and each
 * that is to be loaded lies, in memory, in the span that elf_span() gives, which does not wrap; its first segment begins
 * where the span does. Files of up to two segments.
 *
 * files: arch/common/elf.c
 * unwind: 3, segments
 */
#include "../../arch/common/elf.h"
#include <proof.h>

static struct elf elf;

int image_read(const struct image *image, uint64_t offset, void *buf, uint64_t len)
{
	if (buf == &elf.header) {
		elf.header = any(Elf64_Ehdr);
	} else {
		prove(buf == elf.segments && len <= sizeof(elf.segments) && len == elf.header.e_phnum * sizeof(Elf64_Phdr),
		      "into their room");
		assume(elf.header.e_phnum <= 2);
		for (unsigned i = 0; i < 2; i++) {
			elf.segments[i].p_type = any(uint32_t);
			elf.segments[i].p_paddr = any_number();
			elf.segments[i].p_memsz = any_number();
			elf.segments[i].p_filesz = any_number();
		}
	}
	return any(bool) ? -61 : 0;
}

int image_refuse(const struct image *image, const char *wanted)
{
	return -8;
}

int main(void)
{
	struct image image = { .path = "" };
	unsigned first = 99, i = any(unsigned);
	struct range span, one;

	if (elf_read(&elf, &image, EM_X86_64, ""))
		return 0;
	prove(elf.header.e_phnum >= 1 && elf.header.e_phnum <= ELF_SEGMENTS_MAX, "segments that were read");
	span = elf_span(&elf, &first);
	assume(i < elf.header.e_phnum);
	one = elf_range(&elf, i);
	if (one.size) {
		prove(span.size && one.base >= span.base, "not before the span");
		prove(one.base + one.size >= one.base && one.base + one.size - 1 - span.base < span.size, "nor behind it");
		prove(first < elf.header.e_phnum && elf_range(&elf, first).base == span.base, "the lowest one");
		prove(elf.segments[i].p_filesz <= one.size, "the file has no more");
		reach("loaded");
	}
	return 0;
}
