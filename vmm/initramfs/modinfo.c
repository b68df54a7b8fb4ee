/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sections are found by name in the module's ELF file (little-endian, 64 bits), read by offset and never mapped.
 * Sizes and counts come from the file, so each has a limit.
 */
#include "modinfo.h"

#include <base/fd.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_LIMIT  (4u << 20)
#define NAMES_LIMIT (1u << 20)
#define SECTIONS    4096

/* The file's bytes [offset, offset + size) and a NUL, to free(). */
static char *piece(int fd, uint64_t offset, uint64_t size, uint64_t limit)
{
	char *bytes = size <= limit ? malloc(size + 1) : NULL;

	if (bytes && fd_read_at(fd, bytes, size, offset)) {
		free(bytes);
		return NULL;
	}
	if (bytes)
		bytes[size] = 0;
	return bytes;
}

static const Elf64_Shdr *section(const Elf64_Shdr *all, unsigned n, const char *names,
				 uint64_t names_size)
{
	for (unsigned i = 0; i < n; i++)
		if (all[i].sh_name < names_size && !strcmp(names + all[i].sh_name, ".modinfo"))
			return &all[i];
	return NULL;
}

int modinfo_read(int fd, struct modinfo *ret)
{
	const Elf64_Shdr *found = NULL;
	char *table, *names = NULL;
	Elf64_Shdr *all;
	Elf64_Ehdr h;

	*ret = (struct modinfo){ 0 };
	if (fd_read_at(fd, &h, sizeof(h), 0) || memcmp(h.e_ident, ELFMAG, SELFMAG) ||
	    h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_shentsize != sizeof(Elf64_Shdr) ||
	    !h.e_shnum || h.e_shstrndx >= h.e_shnum)
		return -ENOEXEC;
	table = piece(fd, h.e_shoff, h.e_shnum * sizeof(Elf64_Shdr), SECTIONS * sizeof(Elf64_Shdr));
	all = (Elf64_Shdr *)(void *)table;
	if (all)
		names = piece(fd, all[h.e_shstrndx].sh_offset, all[h.e_shstrndx].sh_size,
			      NAMES_LIMIT);
	if (names)
		found = section(all, h.e_shnum, names, all[h.e_shstrndx].sh_size);
	if (found) {
		ret->size = found->sh_size;
		ret->text = piece(fd, found->sh_offset, found->sh_size, SIZE_LIMIT);
	}
	free(names);
	free(table);
	return ret->text ? 0 : -ENOEXEC;
}

const char *modinfo_value(const struct modinfo *info, const char *key, unsigned nth)
{
	size_t len = strlen(key);

	for (size_t at = 0; at < info->size; at += strlen(info->text + at) + 1)
		if (!strncmp(info->text + at, key, len) && info->text[at + len] == '=' && !nth--)
			return info->text + at + len + 1;
	return NULL;
}
