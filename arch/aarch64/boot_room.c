/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What both ways of loading (boot.c, boot_elf.c) lean on: where in RAM a kernel goes, how an Image is
 * known, and the refusal of what finds no room. Pure: no KVM. Main thread, before the guest.
 */
#include "boot_room.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define RAM_ENOUGH GIB(1)

int boot_no_room(const struct image *image, uint64_t size)
{
	return fail(STATUS_IMAGE, ENOMEM,
		    "%s: %" PRIu64
		    " MiB or more do not fit into guest RAM; give more of it with --mem",
		    image->path, (size + MIB(1) - 1) >> 20);
}

bool boot_is_image(const uint8_t *header)
{
	return !memcmp(header + 56, "ARM\x64", 4);
}

/* The first, unless windows that devices reserve have left little of it; then the largest. */
const struct range *boot_ram(const struct layout *layout)
{
	const struct range *best = &layout->ram[0];

	for (unsigned i = 1; best->size < RAM_ENOUGH && i < layout->n_ram; i++)
		if (layout->ram[i].size > best->size)
			best = &layout->ram[i];
	return best;
}
