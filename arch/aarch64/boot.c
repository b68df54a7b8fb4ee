/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel and initrd into RAM (Documentation/arch/arm64/booting.rst). Four kinds of kernel file:
 *
 *   Image         a flat kernel with the 64-byte header of booting.rst
 *   Image.gz      the same, compressed by gzip
 *   EFI zboot     the same inside an EFI program that unpacks it (zboot-header.S): taken out here
 *   ELF           Linux's vmlinux, or a bare program linked to run in RAM or anywhere (test suites)
 *
 *	RAM base   text_offset        image_size          2 MiB
 *	   |            [ kernel .................. ]  [ device tree ]  [ initrd ... ]
 *
 * Pure: no KVM. Main thread, before the guest. Left out: big-endian kernels; zboot payloads that
 * are not gzip (Debian ships plain Images).
 */
#include "board.h"

#include "../common/image.h"

#include <base/bytes.h>
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "fw.h"
#include "gunzip.h"
#include "layout.h"

#define WANTED "give an arm64 Image, Image.gz, EFI zboot vmlinuz, or ELF vmlinux"

#define HEADER_SIZE     64
#define OLD_TEXT_OFFSET 0x80000 /* before 3.17, told by image_size 0 */
#define BLOCK           MIB(2)  /* booting.rst: alignment of the kernel's base, limit of the FDT */
#define INITRD_WINDOW   GIB(32) /* booting.rst: kernel and initrd lie within one */
#define RAM_ENOUGH      GIB(1)
#define FLAG_BIG_ENDIAN 1

/* Bytes of a kernel, in order: those of a file, or what a gzip stream in it unpacks to. */
struct source {
	const struct image *image;
	struct gunzip *gz; /* NULL: the file itself */
	uint64_t offset;
};

static int source_read(struct source *src, void *buf, uint64_t len, size_t *ret_n)
{
	int r;

	if (src->gz)
		return gunzip_read(src->gz, buf, len, ret_n);
	len = MIN(len, src->image->size - src->offset);
	r = image_read(src->image, src->offset, buf, len);
	if (r)
		return r;
	src->offset += len;
	*ret_n = len;
	return 0;
}

static int no_room(const struct image *image, uint64_t size)
{
	return fail(STATUS_IMAGE, ENOMEM,
		    "%s: %" PRIu64
		    " MiB or more do not fit into guest RAM; give more of it with --mem",
		    image->path, (size + MIB(1) - 1) >> 20);
}

/*
 * A file cut short still has a good header. Linux's Image is an EFI program too, and the section
 * table of its PE header (Microsoft PE format, "Section Table") tells how long the file must be.
 */
static uint64_t pe_length(const uint8_t *image, uint64_t len)
{
	uint32_t pe = load_le32(image + 60);
	uint64_t table, end = 0;
	unsigned n;

	if (memcmp(image, "MZ", 2) || pe > len || len - pe < 24 || memcmp(image + pe, "PE\0\0", 4))
		return 0;
	n = load_le16(image + pe + 6);
	table = (uint64_t)pe + 24 + load_le16(image + pe + 20);
	for (unsigned i = 0; i < n && table + 40 * (i + 1) <= len; i++) {
		const uint8_t *section = image + table + 40 * i;

		end = MAX(end, (uint64_t)load_le32(section + 16) + load_le32(section + 20));
	}
	return end;
}

/*
 * The region of RAM that kernel, device tree and initrd go into: the first, unless windows that devices
 * reserve have left little of it; then the largest.
 */
static const struct range *boot_ram(const struct layout *layout)
{
	const struct range *best = &layout->ram[0];

	for (unsigned i = 1; best->size < RAM_ENOUGH && i < layout->n_ram; i++)
		if (layout->ram[i].size > best->size)
			best = &layout->ram[i];
	return best;
}

static const struct range *region_of(const struct layout *layout, gpa_t gpa)
{
	const struct range *ram = layout->ram;

	for (unsigned i = 1; i < layout->n_ram; i++)
		if (range_holds(layout->ram[i], gpa, 1))
			ram = &layout->ram[i];
	return ram;
}

/* Where the kernel goes and how much of RAM is its own, from the header. */
static int place(const struct board *board, const struct image *image, const uint8_t *header,
		 struct range *ret)
{
	uint64_t offset = load_le64(header + 8);
	uint64_t size = load_le64(header + 16);
	const struct range *ram = boot_ram(&board->layout);

	if (load_le64(header + 24) & FLAG_BIG_ENDIAN)
		return fail(STATUS_IMAGE, ENOEXEC,
			    "%s: is a big-endian arm64 kernel; give a little-endian one "
			    "(CONFIG_CPU_LITTLE_ENDIAN)",
			    image->path);
	if (!size) {
		/* What it needs beyond the file is not told: leave it what QEMU leaves it. */
		offset = OLD_TEXT_OFFSET;
		size = MIN(ram->size / 2, MIB(128));
	}
	if (offset >= ram->size || size > ram->size - offset)
		return no_room(image, size);
	*ret = (struct range){ ram->base + offset, size };
	return 0;
}

static int load_image(struct board *board, struct source *src, struct range *ret)
{
	uint8_t header[HEADER_SIZE] = { 0 };
	struct range kernel = { 0, 0 };
	const struct range *ram;
	uint64_t room;
	size_t n;
	uint8_t *to;
	int r;

	r = source_read(src, header, HEADER_SIZE, &n);
	if (r)
		return r;
	if (n < HEADER_SIZE || memcmp(header + 56, "ARM\x64", 4))
		return src->gz ? fail(STATUS_IMAGE, ENOEXEC,
				      "%s: what is compressed in it is not an arm64 kernel; " WANTED,
				      src->image->path)
			       : image_refuse(src->image, WANTED);
	r = place(board, src->image, header, &kernel);
	if (r)
		return r;
	ram = region_of(&board->layout, kernel.base);
	room = ram->base + ram->size - kernel.base;
	to = memory_at(&board->memory, kernel.base, room);
	if (!to)
		return no_room(src->image, kernel.size);
	if (!src->gz && src->image->size > room)
		return no_room(src->image, src->image->size);
	memcpy(to, header, HEADER_SIZE);
	r = source_read(src, to + HEADER_SIZE, room - HEADER_SIZE, &n);
	if (r)
		return r;
	n += HEADER_SIZE;
	if (n == room && src->gz)
		return no_room(src->image, room);
	if (n < pe_length(to, n))
		return fail(STATUS_IMAGE, ENODATA,
			    "%s: is truncated: %zu bytes of a kernel of %" PRIu64
			    "; build or fetch it again",
			    src->image->path, n, pe_length(to, n));
	kernel.size = MAX(kernel.size, n);
	board->boot.entry = kernel.base;
	*ret = kernel;
	return 0;
}

static int load_gzip(struct board *board, const struct image *image, struct range part,
		     struct range *ret)
{
	_cleanup_(gunzip_close) struct gunzip *gz = NULL;
	struct source src = { .image = image };
	int r = gunzip_open(image, part, &gz);

	if (r)
		return r;
	src.gz = gz;
	return load_image(board, &src, ret);
}

/* zboot-header.S: "MZ\0\0zimg", payload offset, payload size, 8 bytes, name of the compression. */
static int load_zboot(struct board *board, const struct image *image, const uint8_t *header,
		      struct range *ret)
{
	struct range part = { load_le32(header + 8), load_le32(header + 12) };
	const char *kind = (const char *)header + 24;

	if (memcmp(kind, "gzip", 5))
		return fail(STATUS_IMAGE, ENOTSUP,
			    "%s: is an EFI zboot image compressed by %.16s, and thru unpacks gzip "
			    "only; unpack the kernel inside it (%" PRIu64
			    " bytes at offset %" PRIu64 ") and give that",
			    image->path, kind, part.size, part.base);
	if (!range_holds((struct range){ 0, image->size }, part.base, part.size))
		return fail(STATUS_IMAGE, ENODATA,
			    "%s: is truncated: its payload ends at %" PRIu64
			    ", the file at %" PRIu64 "; build or fetch it again",
			    image->path, part.base + part.size, image->size);
	return load_gzip(board, image, part, ret);
}

struct elf {
	const struct image *image;
	Elf64_Ehdr eh;
	struct range span; /* that its segments ask for */
	uint64_t first;    /* the lowest one's offset in the file */
	uint64_t shift;    /* from the address asked for to the one given, modulo 2^64 */
};

static int elf_segment(const struct elf *elf, unsigned i, Elf64_Phdr *ret)
{
	int r = image_read(elf->image, elf->eh.e_phoff + i * sizeof(*ret), ret, sizeof(*ret));

	if (r)
		return r;
	if (ret->p_type != PT_LOAD)
		ret->p_memsz = 0;
	else if (ret->p_filesz > ret->p_memsz || ret->p_memsz > UINT64_MAX - ret->p_paddr)
		return fail(STATUS_IMAGE, ENOEXEC,
			    "%s: ELF segment %u has impossible sizes; " WANTED, elf->image->path,
			    i);
	return 0;
}

static int elf_span(struct elf *elf)
{
	uint64_t low = UINT64_MAX, high = 0;

	for (unsigned i = 0; i < elf->eh.e_phnum; i++) {
		Elf64_Phdr ph;
		int r = elf_segment(elf, i, &ph);

		if (r)
			return r;
		if (!ph.p_memsz)
			continue;
		high = MAX(high, ph.p_paddr + ph.p_memsz);
		if (ph.p_paddr < low) {
			low = ph.p_paddr;
			elf->first = ph.p_offset;
		}
	}
	if (!high)
		return fail(STATUS_IMAGE, ENOEXEC, "%s: an ELF file with nothing to load; " WANTED,
			    elf->image->path);
	elf->span = (struct range){ low, high - low };
	return 0;
}

/*
 * Where it asks to be, if that is RAM. Linux's vmlinux is linked at virtual addresses, but holds what
 * an Image does; and ET_DYN says of itself that it runs anywhere (test suites). Those two go to
 * where an Image goes.
 */
static int elf_place(const struct board *board, struct elf *elf)
{
	const struct range *ram = boot_ram(&board->layout);
	uint8_t header[HEADER_SIZE] = { 0 };
	int r;

	if (memory_at(&board->memory, elf->span.base, elf->span.size))
		return 0;
	r = image_read(elf->image, elf->first, header,
		       MIN(elf->image->size - MIN(elf->first, elf->image->size), sizeof(header)));
	if (r)
		return r;
	if (memcmp(header + 56, "ARM\x64", 4) && elf->eh.e_type != ET_DYN)
		return fail(STATUS_IMAGE, ENOEXEC,
			    "%s: its ELF segments want %#" PRIx64
			    ", which is not RAM; link it to run at "
			    "%#" PRIx64 " or to be position-independent",
			    elf->image->path, elf->span.base, ram->base + OLD_TEXT_OFFSET);
	if (elf->span.size > ram->size)
		return no_room(elf->image, elf->span.size);
	elf->shift = ram->base - elf->span.base;
	return 0;
}

static int load_elf(struct board *board, const struct image *image, struct range *ret)
{
	struct elf elf = { .image = image };
	int r = image_read(image, 0, &elf.eh, sizeof(elf.eh));

	if (r)
		return r;
	if (elf.eh.e_ident[EI_CLASS] != ELFCLASS64 || elf.eh.e_ident[EI_DATA] != ELFDATA2LSB ||
	    elf.eh.e_machine != EM_AARCH64 || elf.eh.e_phentsize != sizeof(Elf64_Phdr))
		return image_refuse(image, WANTED);
	r = elf_span(&elf);
	if (!r)
		r = elf_place(board, &elf);
	for (unsigned i = 0; !r && i < elf.eh.e_phnum; i++) {
		Elf64_Phdr ph;

		r = elf_segment(&elf, i, &ph);
		if (!r && ph.p_memsz)
			r = image_load(image, ph.p_offset, ph.p_filesz, &board->memory,
				       ph.p_paddr + elf.shift);
	}
	if (r)
		return r;
	if (!range_holds(elf.span, elf.eh.e_entry, 4))
		return fail(STATUS_IMAGE, ENOEXEC,
			    "%s: its ELF entry point lies outside it; " WANTED, image->path);
	board->boot.entry = elf.eh.e_entry + elf.shift;
	*ret = (struct range){ elf.span.base + elf.shift, elf.span.size };
	return 0;
}

static int load_kernel(struct board *board, struct range *ret)
{
	const struct board_config *config = board->config;
	uint8_t header[HEADER_SIZE] = { 0 };
	struct source src = { 0 };
	struct image image;
	int r;

	r = image_init(&image, config->kernel_path, config->kernel_fd);
	if (!r)
		r = image_read(&image, 0, header, MIN(image.size, (uint64_t)HEADER_SIZE));
	if (r)
		return r;
	if (!memcmp(header, "\x1f\x8b", 2))
		return load_gzip(board, &image, (struct range){ 0, image.size }, ret);
	if (!memcmp(header, "MZ", 2) && !memcmp(header + 4, "zimg", 4))
		return load_zboot(board, &image, header, ret);
	if (!memcmp(header, ELFMAG, SELFMAG) && image.size >= sizeof(Elf64_Ehdr))
		return load_elf(board, &image, ret);
	src.image = &image;
	return load_image(board, &src, ret);
}

static int load_initrd(struct board *board, gpa_t at)
{
	const struct range *ram = region_of(&board->layout, board->boot.fdt);
	uint64_t end = ram->base + MIN(ram->size, INITRD_WINDOW);
	struct image image;
	int r = image_init(&image, board->config->initrd_path, board->config->initrd_fd);

	if (r)
		return r;
	if (at > end || image.size > end - at)
		return fail(STATUS_IMAGE, ENOMEM,
			    "%s: the initrd is too large: it has %" PRIu64
			    " MiB, and beside the kernel "
			    "%" PRIu64 " MiB of guest RAM are left; give more with --mem",
			    image.path, (image.size + MIB(1) - 1) >> 20,
			    at > end ? 0 : (end - at) >> 20);
	board->boot.initrd = (struct range){ at, image.size };
	return image_load(&image, 0, image.size, &board->memory, at);
}

int arch_boot_load(struct board *board)
{
	struct range kernel = { 0, 0 };
	int r;

	board->boot = (struct boot_info){ 0 };
	r = load_kernel(board, &kernel);
	if (r)
		return r;
	board->boot.fdt = align_up(kernel.base + kernel.size, BLOCK);
	board->boot.argument = board->boot.fdt;
	if (!memory_at(&board->memory, board->boot.fdt, BLOCK))
		return fail(STATUS_IMAGE, ENOMEM,
			    "%s: leaves no guest RAM for anything else; give more with --mem",
			    board->config->kernel_path);
	return board->config->initrd_fd < 0 ? 0 : load_initrd(board, board->boot.fdt + BLOCK);
}
