/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF-64 kernels and programs: their header and program headers, checked once and kept, since a file may
 * change while it is read.
 */
#pragma once

#include "image.h"

#include <elf.h>

#define ELF_SEGMENTS_MAX 64

struct elf {
	const struct image *image;
	Elf64_Ehdr header;
	Elf64_Phdr segments[ELF_SEGMENTS_MAX]; /* header.e_phnum of them */
};

/* What segment `i` is to have in memory; an empty range when it is not to be loaded. */
struct range elf_range(const struct elf *elf, unsigned i);

/* What all of them span, empty when nothing is to be loaded; else the lowest one. */
struct range elf_span(const struct elf *elf, unsigned *ret_first);

/*
 * Read the headers of a little-endian ELF-64 file for `machine` (EM_...). Then: there are 1 to
 * ELF_SEGMENTS_MAX segments, and each that is to be loaded is no larger in the file than in memory and
 * ends before 2^64. Others are refused as image_refuse() does, with `wanted`.
 */
int elf_read(struct elf *ret, const struct image *image, uint16_t machine,
	     const char *wanted) _must_check_;
