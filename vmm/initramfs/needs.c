/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Read in pieces by offset, each bounded, never mapped: a file that is truncated meanwhile would end us.
 * Only little-endian 64-bit files are read; of others only the machine is returned.
 */
#include "needs.h"

#include <base/bytes.h>
#include <base/fd.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEGMENTS_MAX 128
#define DYNAMIC_MAX  4096 /* entries */

struct file {
	int fd;
	unsigned n;
	Elf64_Phdr segments[SEGMENTS_MAX];
};

/* The bytes of a string, whole or not at all. */
static int string_at(int fd, uint64_t offset, char *ret)
{
	ssize_t n = pread(fd, ret, ELF_STRING_MAX, (off_t)offset);

	return n > 0 && memchr(ret, 0, (size_t)n) ? 0 : -ENOEXEC;
}

/* Where the byte that will be at `address` is in the file. */
static bool offset_of(const struct file *f, uint64_t address, uint64_t *ret)
{
	for (unsigned i = 0; i < f->n; i++) {
		const Elf64_Phdr *p = &f->segments[i];

		if (p->p_type != PT_LOAD || address < p->p_vaddr ||
		    address - p->p_vaddr >= p->p_filesz)
			continue;
		*ret = p->p_offset + (address - p->p_vaddr);
		return true;
	}
	return false;
}

static const Elf64_Phdr *segment(const struct file *f, uint32_t type)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->segments[i].p_type == type)
			return &f->segments[i];
	return NULL;
}

static int read_header(struct file *f, struct elf_needs *ret)
{
	Elf64_Ehdr h;

	if (fd_read_at(f->fd, &h, sizeof(h), 0) || memcmp(h.e_ident, ELFMAG, SELFMAG) ||
	    h.e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	ret->is_64 = h.e_ident[EI_CLASS] == ELFCLASS64;
	ret->machine = h.e_machine;
	if (!ret->is_64)
		return 0;
	if (h.e_phentsize != sizeof(Elf64_Phdr) || h.e_phnum > SEGMENTS_MAX)
		return -ENOEXEC;
	f->n = h.e_phnum;
	return fd_read_at(f->fd, f->segments, f->n * sizeof(Elf64_Phdr), h.e_phoff) ? -ENOEXEC : 0;
}

static int need(struct elf_needs *ret, int fd, uint64_t offset)
{
	if (ret->n == ELF_NEEDED_MAX)
		return -ENOEXEC;
	return string_at(fd, offset, ret->needed[ret->n++]);
}

/* DT_STRTAB may come after what names strings in it: one round to find it, one to read. */
static int read_dynamic(struct file *f, struct elf_needs *ret)
{
	const Elf64_Phdr *p = segment(f, PT_DYNAMIC);
	uint64_t strings = 0, n = p ? MIN(p->p_filesz / sizeof(Elf64_Dyn), DYNAMIC_MAX) : 0;
	Elf64_Dyn *dynamic = n ? calloc(n, sizeof(*dynamic)) : NULL;
	bool has_strings = false;
	int r = 0;

	if (!n)
		return 0;
	ret->needed = calloc(ELF_NEEDED_MAX, sizeof(*ret->needed));
	if (!dynamic || !ret->needed)
		r = -ENOMEM;
	else if (fd_read_at(f->fd, dynamic, n * sizeof(*dynamic), p->p_offset))
		r = -ENOEXEC;
	for (uint64_t i = 0; !r && i < n && dynamic[i].d_tag != DT_NULL; i++)
		if (dynamic[i].d_tag == DT_STRTAB)
			has_strings = offset_of(f, dynamic[i].d_un.d_ptr, &strings);
	for (uint64_t i = 0; !r && has_strings && i < n && dynamic[i].d_tag != DT_NULL; i++) {
		uint64_t at = strings + dynamic[i].d_un.d_val;

		if (dynamic[i].d_tag == DT_NEEDED)
			r = need(ret, f->fd, at);
		else if (dynamic[i].d_tag == DT_RPATH)
			r = string_at(f->fd, at, ret->rpath);
		else if (dynamic[i].d_tag == DT_RUNPATH)
			r = string_at(f->fd, at, ret->runpath);
	}
	free(dynamic);
	return r;
}

int elf_needs_read(int fd, struct elf_needs *ret)
{
	struct file f = { .fd = fd };
	const Elf64_Phdr *p;
	int r;

	*ret = (struct elf_needs){ 0 };
	r = read_header(&f, ret);
	p = r || !ret->is_64 ? NULL : segment(&f, PT_INTERP);
	if (p)
		r = string_at(fd, p->p_offset, ret->interpreter);
	if (!r && ret->is_64)
		r = read_dynamic(&f, ret);
	if (r) {
		free(ret->needed);
		ret->needed = NULL;
		ret->n = 0;
	}
	return r;
}
