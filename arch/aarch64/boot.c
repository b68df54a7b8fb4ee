/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel and initrd into RAM (Documentation/arch/arm64/booting.rst). Four kinds of kernel file:
 *
 *   Image         a flat kernel with the 64-byte header of booting.rst
 *   Image.gz      the same, compressed by gzip or zstd (common/unpack.c)
 *   EFI zboot     the same inside an EFI program that unpacks it (zboot-header.S): taken out here
 *   ELF           Linux's vmlinux, or a bare program (boot_elf.c)
 *
 *	RAM base   text_offset        image_size          2 MiB
 *	   |            [ kernel .................. ]  [ device tree ]  [ initrd ... ]
 *
 * What both kinds of loading lean on is boot_room.c. Pure: no KVM. Main thread, before the guest.
 * Left out: big-endian kernels; compressions of earlier Linuxes' EFI zboot (lz4, lzma, lzo, xz), which
 * are named and refused.
 */
#include "boot.h"

#include "../common/unpack.h"

#include <base/bytes.h>
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define BLOCK           MIB(2)  /* booting.rst: alignment of the kernel's base, limit of the FDT */
#define INITRD_WINDOW   GIB(32) /* booting.rst: kernel and initrd lie within one */
#define FLAG_BIG_ENDIAN 1

#define PE_FILE_ALIGNMENT 36u      /* its offset in the optional header */
#define PE_ALIGNMENT_MAX  0x10000u /* what the format allows */

/* How a kernel begins: that of the file itself, or of what a stream in it unpacks to. */
static int read_header(const struct image *image, struct unpack *packed,
		       uint8_t header[BOOT_HEADER_SIZE], size_t *ret_n)
{
	if (packed)
		return unpack_read(packed, header, BOOT_HEADER_SIZE, ret_n);
	*ret_n = MIN(image->size, (uint64_t)BOOT_HEADER_SIZE);
	return image_read(image, 0, header, *ret_n);
}

/*
 * A file cut short still has a good header. Linux's Image is an EFI program too, and the section
 * table of its PE header (Microsoft PE format, "Section Table") tells how long the file must be. Of
 * one without CONFIG_EFI nothing does: image_size counts the bss, which the file has not got. A
 * stream that was cut is always noticed. A section's size is rounded up to FileAlignment ("Optional
 * Header"), so the file may end in the last such unit.
 */
static uint64_t pe_length(const uint8_t *image, uint64_t len)
{
	uint32_t pe = load_le32(image + 60);
	uint64_t table, end = 0;
	unsigned n, unit = 1;

	if (memcmp(image, "MZ", 2) || pe > len || len - pe < 24 || memcmp(image + pe, "PE\0\0", 4))
		return 0;
	n = load_le16(image + pe + 6);
	table = (uint64_t)pe + 24 + load_le16(image + pe + 20);
	if (load_le16(image + pe + 20) >= PE_FILE_ALIGNMENT + 4 && table <= len)
		unit = MIN(MAX(load_le32(image + pe + 24 + PE_FILE_ALIGNMENT), 1u),
			   PE_ALIGNMENT_MAX);
	for (unsigned i = 0; i < n && table + 40 * (i + 1) <= len; i++) {
		const uint8_t *section = image + table + 40 * i;

		end = MAX(end, (uint64_t)load_le32(section + 16) + load_le32(section + 20));
	}
	return end - MIN(end, unit - 1ull);
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
		offset = BOOT_OLD_TEXT_OFFSET;
		size = MIN(ram->size / 2, MIB(128));
	}
	if (offset >= ram->size || size > ram->size - offset)
		return boot_no_room(image, size);
	*ret = (struct range){ ram->base + offset, size };
	return 0;
}

static int load_image(struct board *board, const struct image *image, struct unpack *packed,
		      struct range *ret)
{
	uint8_t header[BOOT_HEADER_SIZE] = { 0 };
	struct range kernel = { 0, 0 };
	const struct range *ram;
	uint64_t room;
	size_t n;
	uint8_t *to;
	int r;

	r = read_header(image, packed, header, &n);
	if (r)
		return r;
	if (n < BOOT_HEADER_SIZE || !boot_is_image(header))
		return packed ? fail(STATUS_IMAGE, ENOEXEC,
				     "%s: what is compressed in it is not an arm64 kernel; " BOOT_WANTED,
				     image->path)
			      : image_refuse(image, BOOT_WANTED);
	r = place(board, image, header, &kernel);
	if (r)
		return r;
	ram = region_of(&board->layout, kernel.base);
	room = ram->base + ram->size - kernel.base;
	to = memory_at(&board->memory, kernel.base, room);
	if (!to)
		return boot_no_room(image, kernel.size);
	if (!packed && image->size > room)
		return boot_no_room(image, image->size);
	if (packed) {
		memcpy(to, header, BOOT_HEADER_SIZE);
		r = unpack_read(packed, to + BOOT_HEADER_SIZE, room - BOOT_HEADER_SIZE, &n);
		n += BOOT_HEADER_SIZE;
	} else {
		n = image->size;
		r = image_load(image, 0, n, &board->memory, kernel.base);
	}
	if (r)
		return r;
	if (n == room && packed)
		return boot_no_room(image, room);
	if (n < pe_length(to, n))
		return fail(STATUS_IMAGE, ENODATA,
			    "%s: is truncated: %zu bytes of a kernel of %" PRIu64
			    "; build or fetch it again",
			    image->path, n, pe_length(to, n));
	kernel.size = MAX(kernel.size, n);
	board->boot.entry = kernel.base;
	*ret = kernel;
	return 0;
}

static int load_packed(struct board *board, const struct image *image, struct range part,
		       const char *name, struct range *ret)
{
	_cleanup_(unpack_close) struct unpack *packed = NULL;
	const struct unpack_codec *codec = unpack_codec_named(name);
	int r;

	if (!codec)
		return fail(
			STATUS_IMAGE, ENOTSUP,
			"%s: is compressed by %s, and this thru was built without a library for "
			"it; unpack it with un%s, or build thru with that library",
			image->path, name, name);
	r = unpack_open(image, part, codec, &packed);
	return r ? r : load_image(board, image, packed, ret);
}

static int refuse_zboot(const struct image *image, const uint8_t *header, struct range part)
{
	char name[17] = "";

	for (unsigned i = 0; i < sizeof(name) - 1 && header[24 + i]; i++)
		name[i] = header[24 + i] > ' ' && header[24 + i] < 127 ? (char)header[24 + i] : '?';
	return fail(STATUS_IMAGE, ENOTSUP,
		    "%s: is an EFI zboot image compressed by %s, and thru unpacks gzip and zstd "
		    "only; unpack the kernel inside it (%" PRIu64 " bytes at offset %" PRIu64
		    ") and give that",
		    image->path, name, part.size, part.base);
}

/* zboot-header.S: "MZ\0\0zimg", payload offset, payload size, 8 bytes, name of the compression. */
static int load_zboot(struct board *board, const struct image *image, const uint8_t *header,
		      struct range *ret)
{
	struct range part = { load_le32(header + 8), load_le32(header + 12) };
	bool gzip = !memcmp(header + 24, "gzip", 5);

	if (!gzip && memcmp(header + 24, "zstd", 5))
		return refuse_zboot(image, header, part);
	if (!range_holds((struct range){ 0, image->size }, part.base, part.size))
		return fail(STATUS_IMAGE, ENODATA,
			    "%s: is truncated: its payload ends at %" PRIu64
			    ", the file at %" PRIu64 "; build or fetch it again",
			    image->path, part.base + part.size, image->size);
	return load_packed(board, image, part, gzip ? "gzip" : "zstd", ret);
}

static int load_kernel(struct board *board, struct range *ret)
{
	const struct board_config *config = board->config;
	uint8_t header[BOOT_HEADER_SIZE] = { 0 };
	struct image image;
	int r;

	r = image_init(&image, config->kernel_path, config->kernel_fd);
	if (!r)
		r = image_read(&image, 0, header, MIN(image.size, (uint64_t)BOOT_HEADER_SIZE));
	if (r)
		return r;
	if (!memcmp(header, "\x1f\x8b", 2))
		return load_packed(board, &image, (struct range){ 0, image.size }, "gzip", ret);
	if (!memcmp(header, "\x28\xb5\x2f\xfd", 4))
		return load_packed(board, &image, (struct range){ 0, image.size }, "zstd", ret);
	if (!memcmp(header, "MZ", 2) && !memcmp(header + 4, "zimg", 4))
		return load_zboot(board, &image, header, ret);
	if (!memcmp(header, ELFMAG, SELFMAG))
		return boot_elf(board, &image, ret);
	return load_image(board, &image, NULL, ret);
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

/* What unpacks itself nowhere is unpacked each time. */
void arch_boot_find(struct board *board)
{
	(void)board;
}

void arch_boot_keep(struct board *board)
{
	(void)board;
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
