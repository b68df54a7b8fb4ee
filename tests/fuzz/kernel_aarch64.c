/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernels for aarch64. The first byte tells: bit 0, there is an initrd; bit 1, RAM is small; bit 2, what follows is
 * packed by gzip here, and the rest is what it unpacks to.
 *
 * Fuzzes: arch/aarch64/boot.c arch/aarch64/boot_elf.c arch/aarch64/boot_room.c arch/common/elf.c arch/common/image.c
 */
#include "kernel.h"

#include <zlib.h>

static void fuzz(struct input *in)
{
	static uint8_t packed[16384];
	uint8_t how = take8(in);
	z_stream z = { .next_in = (uint8_t *)(uintptr_t)in->at,
		       .avail_in = (unsigned)MIN(in->n, (size_t)8192),
		       .next_out = packed,
		       .avail_out = sizeof(packed) };

	kernel_board_init(how & 2 ? MIB(1) : MIB(64));
	if (!(how & 4)) {
		kernel_load(in->at, in->n, how & 1);
		return;
	}
	if (deflateInit2(&z, 1, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
	    deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	deflateEnd(&z);
	kernel_load(packed, z.total_out, how & 1);
}
