/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernels for x86_64. The first byte tells: bit 0, there is an initrd; bit 1, RAM is small; bit 2, the rest is not a file
 * but the ELF kernel in a bzImage, with its relocations, which is packed here without any sum of it. Chance is the
 * same each time.
 *
 * Fuzzes: arch/x86_64/boot.c arch/x86_64/bzimage.c arch/x86_64/pvh.c arch/x86_64/vmlinux.c arch/x86_64/vmlinux_file.c arch/x86_64/relocs.c arch/common/elf.c arch/common/image.c arch/common/unpack.c arch/common/unpack_lzo.c arch/common/unpack_lz4.c arch/common/unpack_gzip.c arch/common/unpack_zstd.c arch/common/unpack_lzma.c arch/common/unpack_bzip2.c
 */
#include "bzimage.h"
#include "kernel.h"

#include <sys/random.h>

#include "arch/common/unpack.h"

#define LINK  MIB(16)
#define SETUP BZIMAGE_SETUP
#define STUB  1024 /* of the protected-mode part, before the payload */
#define PLAIN 8192

/* In place of the C library's: where a kernel stands is chosen by chance. */
ssize_t getrandom(void *buf, size_t n, unsigned flags)
{
	memset(buf, 0x5a, n);
	return (ssize_t)n;
}

static void store_be32(uint8_t *to, uint32_t value)
{
	store_le32(to, __builtin_bswap32(value));
}

/* lzop's form: no sums, one block, stored as it is; and behind it the size, as Linux has it. */
static size_t pack(uint8_t *to, const uint8_t *plain, size_t n)
{
	static const uint8_t begin[] = "\x89LZO\0\r\n\x1a\n\x10\x40\x20\xa0\x09\x40\x03\x09"
				       "\0\0\0\0\0\0\x81\xa4\0\0\0\0\0\0\0\0\0\0\0\0";
	size_t at = sizeof(begin);

	memcpy(to, begin, sizeof(begin));
	if (n) {
		store_be32(to + at, (uint32_t)n);
		store_be32(to + at + 4, (uint32_t)n);
		memcpy(to + at + 8, plain, n);
		at += 8 + n;
	}
	store_be32(to + at, 0);
	store_le32(to + at + 4, (uint32_t)n);
	return at + 8;
}

static size_t make_bzimage(uint8_t *image, const uint8_t *plain, size_t n)
{
	size_t packed = pack(image + SETUP + STUB, plain, n);

	memset(image, 0, SETUP + STUB);
	bzimage_header(image, STUB + packed, LINK);
	store_le32(image + 0x248, STUB);
	store_le32(image + 0x24c, (uint32_t)packed);
	return SETUP + STUB + packed;
}

static void fuzz(struct input *in)
{
	static uint8_t image[SETUP + STUB + 256 + PLAIN];
	uint8_t how = take8(in);

	kernel_board_init(how & 2 ? MIB(20) : MIB(64));
	if (how & 4)
		kernel_load(image, make_bzimage(image, in->at, MIN(in->n, (size_t)PLAIN)), how & 1);
	else
		kernel_load(in->at, in->n, how & 1);
}
