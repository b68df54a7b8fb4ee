/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Linux in a bzImage, entered as the ELF kernel that it holds: the work of the unpacker that it has before it
 * (arch/x86/boot/compressed in Linux: extract_kernel() and choose_random_location()), done outside the guest. The
 * kernel finds what that leaves behind: the 64-bit entry of head_64.S, boot_params in RSI, memory mapped one to one,
 * interrupts off, KASLR_FLAG as it is true.
 *
 * KASLR stays: where there are relocations, and no `nokaslr`, the kernel stands at one of all the places in RAM that
 * are free, and at one of all in the 1 GiB of virtual space that it may be in; both are chosen anew at each boot. One
 * without relocations (CONFIG_RANDOMIZE_BASE off) stands where it is linked.
 *
 * Left out, as by other loaders: 5-level paging, which only that unpacker switches on. Left to it: the words of
 * cmdline_read_unpacker(), encrypted memory, EFI, what a kexec hands over.
 *
 * Main thread, before the guest. Every number is checked; a kernel that is not as expected unpacks itself.
 */
#include "boot.h"
#include "cmdline.h"
#include "relocs.h"
#include "vmlinux_file.h"

#include "../common/elf.h"

#include <base/bytes.h>
#include <base/fd.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* boot.rst; in boot_params they have the offsets that they have in the file. */
enum {
	HDR_LOADFLAGS = 0x211,
	HDR_KERNEL_ALIGNMENT = 0x230,
	HDR_PREF_ADDRESS = 0x258,
	KASLR_FLAG = BIT(1),
};

#define IMAGE_SIZE     GIB(1)   /* KERNEL_IMAGE_SIZE, from START_KERNEL_MAP on */
#define ALIGN_MIN      MIB(2)   /* MIN_KERNEL_ALIGN: it maps itself by large pages */
#define PHYSICAL_FIRST MIB(512) /* choose_random_location() begins there at the latest */

struct vmlinux {
	struct image image; /* its descriptor is ours */
	struct elf elf;
	struct range linked; /* physical addresses */
	uint8_t *table;      /* behind the ELF file; NULL: there is none */
	struct relocs relocs;
	gpa_t base;       /* where it stands ... */
	uint64_t virtual; /* ... and, from START_KERNEL_MAP, where it finds itself */
};

static void vmlinux_deinit(struct vmlinux *v)
{
	fd_close(&v->image.fd);
	free(v->table);
}

/* An ELF file of objcopy's ends with its section headers; what follows are the relocations. */
static int read_relocs(struct vmlinux *v)
{
	const Elf64_Ehdr *eh = &v->elf.header;
	uint64_t headers = (uint64_t)eh->e_shnum * eh->e_shentsize, end = eh->e_shoff + headers;
	uint64_t size = v->image.size - MIN(end, v->image.size);
	int r;

	if (!headers || !range_holds((struct range){ 0, v->image.size }, eh->e_shoff, headers))
		return -ENOEXEC;
	if (!size)
		return 0;
	v->table = malloc(size);
	if (!v->table)
		return -ENOMEM;
	r = image_read(&v->image, end, v->table, size);
	return r ? r : relocs_read(v->table, size, &v->relocs);
}

static int vmlinux_read(struct vmlinux *v, uint64_t max, gpa_t pref)
{
	int r = elf_read(&v->elf, &v->image, EM_X86_64, BOOT_WANTED);
	unsigned first;

	if (r)
		return r;
	v->linked = elf_span(&v->elf, &first); /* text, data, bss and brk */
	v->linked.size = align_up(v->linked.size, ALIGN_MIN);
	if (memcmp(v->elf.header.e_ident, ELFMAG, SELFMAG) || !v->linked.size ||
	    v->linked.size > align_up(max, ALIGN_MIN) || v->linked.base != pref ||
	    !range_holds(v->linked, v->elf.header.e_entry, 1))
		return -ENOEXEC;
	v->base = v->virtual = v->linked.base;
	return read_relocs(v);
}

/* How many places there are in [from, to), and which is the `n`th of them. */
static uint64_t places_in(gpa_t from, gpa_t to, uint64_t size, uint64_t align, uint64_t n,
			  gpa_t *ret)
{
	from = align_up(from, align);
	if (to < size || from > to - size)
		return 0;
	if (n <= (to - size - from) / align)
		*ret = from + n * align;
	return (to - size - from) / align + 1;
}

/* The same in all of RAM but the initrd's; SIZE_MAX for `n` only counts. */
static uint64_t places(const struct board *board, gpa_t from, uint64_t size, uint64_t align,
		       uint64_t n, gpa_t *ret)
{
	const struct range *initrd = &board->boot.initrd;
	uint64_t all = 0;

	for (unsigned i = 0; i < board->layout.n_ram; i++) {
		const struct range *ram = &board->layout.ram[i];
		gpa_t base = MAX(ram->base, from), end = ram->base + ram->size;

		if (!range_overlaps(*ram, *initrd)) {
			all += places_in(base, end, size, align, n - all, ret);
			continue;
		}
		all += places_in(base, initrd->base, size, align, n - all, ret);
		base = MAX(base, initrd->base + initrd->size);
		all += places_in(base, end, size, align, n - all, ret);
	}
	return all;
}

static int choose(struct vmlinux *v, const struct board *board, uint64_t align)
{
	gpa_t from = MIN(v->linked.base, PHYSICAL_FIRST);
	uint64_t size = v->linked.size, chance[2], n;

	if (!is_power_of_two(align) || align < ALIGN_MIN || !is_aligned(v->linked.base, align) ||
	    v->linked.base + size > IMAGE_SIZE)
		return -ENOEXEC;
	if (getrandom(chance, sizeof(chance), GRND_NONBLOCK) != sizeof(chance))
		return -EAGAIN;
	n = places(board, from, size, align, UINT64_MAX, &v->base);
	if (n)
		places(board, from, size, align, chance[0] % n, &v->base);
	n = (IMAGE_SIZE - v->linked.base - size) / align + 1;
	v->virtual = v->linked.base + chance[1] % n * align;
	return 0;
}

/* What a segment has in RAM beyond the file is zero: RAM is fresh. */
static int load(struct vmlinux *v, struct board *board)
{
	uint8_t *to = memory_at(&board->memory, v->base, v->linked.size);
	int r = to ? 0 : -ENOMEM;

	for (unsigned i = 0; !r && i < v->elf.header.e_phnum; i++) {
		const Elf64_Phdr *ph = &v->elf.segments[i];

		if (elf_range(&v->elf, i).size)
			r = image_load(&v->image, ph->p_offset, ph->p_filesz, &board->memory,
				       v->base + (ph->p_paddr - v->linked.base));
	}
	if (!r && v->virtual != v->linked.base)
		r = relocs_apply(&v->relocs, to, v->linked.size, v->linked.base,
				 v->virtual - v->linked.base);
	return r;
}

int vmlinux_place(struct board *board, const struct image *kernel, struct range part, uint64_t max,
		  uint8_t *params)
{
	_cleanup_(vmlinux_deinit) struct vmlinux v = { .image.fd = -1 };
	struct cmdline_unpacker words;
	bool kaslr;
	int r;

	cmdline_read_unpacker(board->config->cmdline, &words);
	if (words.own)
		return -ENOTSUP;
	r = vmlinux_file(&board->kept, kernel, part, max, &v.image);
	if (!r)
		r = vmlinux_read(&v, max, load_le64(params + HDR_PREF_ADDRESS));
	kaslr = v.table && !words.nokaslr;
	if (!r && kaslr)
		r = choose(&v, board, load_le32(params + HDR_KERNEL_ALIGNMENT));
	if (!r)
		r = load(&v, board);
	if (r)
		return r;
	params[HDR_LOADFLAGS] = (uint8_t)((params[HDR_LOADFLAGS] & ~KASLR_FLAG) |
					  (kaslr ? KASLR_FLAG : 0));
	board->boot.entry = v.base + (v.elf.header.e_entry - v.linked.base);
	board->boot.unpacked = (struct range){ v.base, v.linked.size };
	return 0;
}
