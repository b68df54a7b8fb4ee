/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Relocations of Linux, as arch/x86/tools/relocs.c writes them behind the ELF file that a bzImage holds, and
 * handle_relocations() in arch/x86/boot/compressed/misc.c applies them: numbers of 32 bits, each the virtual
 * address of a place that holds an address, sign-extended. Lists with a zero before each:
 *
 *	0  places of 64 bits ...  0  inverse ones of 32 bits ...  0  places of 32 bits ...
 *
 * The middle list is there up to Linux 6.14 only, which had the offsets of per-CPU data begin at zero: what is
 * relative to the kernel becomes less there by as much as others become more. No place is 0, so that the zeroes tell
 * which of both it is.
 */
#include "relocs.h"

#include <base/bytes.h>
#include <errno.h>

#define START_KERNEL_MAP 0xffffffff80000000ull /* __START_KERNEL_map */

static uint32_t number(const uint8_t *table, size_t i)
{
	return load_le32(table + 4 * i);
}

int relocs_read(const uint8_t *table, size_t size, struct relocs *ret)
{
	size_t zeroes[3], n = 0, all = size / 4;

	for (size_t i = 0; i < all; i++) {
		if (number(table, i))
			continue;
		if (n == ARRAY_SIZE(zeroes))
			return -EBADMSG;
		zeroes[n++] = i;
	}
	if (size % 4 || n < 2 || zeroes[0])
		return -EBADMSG;
	*ret = (struct relocs){
		.table = table, .inverse = zeroes[1], .narrow = zeroes[n - 1], .end = all
	};
	return 0;
}

/* The place's bytes, NULL when they are not all the kernel's. */
static uint8_t *place(uint32_t address, unsigned len, uint8_t *image, uint64_t span, uint64_t link)
{
	uint64_t at = (uint64_t)(int32_t)address - START_KERNEL_MAP - link;

	return range_holds((struct range){ 0, span }, at, len) ? image + at : NULL;
}

static int apply(const struct relocs *relocs, size_t from, size_t to, unsigned len, uint8_t *image,
		 uint64_t span, uint64_t link, uint64_t delta)
{
	for (size_t i = from + 1; i < to; i++) {
		uint8_t *at = place(number(relocs->table, i), len, image, span, link);

		if (!at)
			return -EBADMSG;
		if (len == 8)
			store_le64(at, load_le64(at) + delta);
		else
			store_le32(at, load_le32(at) + (uint32_t)delta);
	}
	return 0;
}

int relocs_apply(const struct relocs *r, uint8_t *image, uint64_t span, uint64_t link,
		 uint64_t delta)
{
	int e = apply(r, r->narrow, r->end, 4, image, span, link, delta);

	if (!e)
		e = apply(r, r->inverse, r->narrow, 4, image, span, link, -delta);
	return e ? e : apply(r, r->wide, r->inverse, 8, image, span, link, delta);
}
