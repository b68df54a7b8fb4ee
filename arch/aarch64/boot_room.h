/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a kernel goes; see boot_room.c. */
#pragma once

#include "../common/image.h"

#include <arch/arch.h>

#define BOOT_WANTED "give an arm64 Image, Image.gz, EFI zboot vmlinuz, or ELF vmlinux"

#define BOOT_HEADER_SIZE     64      /* booting.rst: of an Image */
#define BOOT_OLD_TEXT_OFFSET 0x80000 /* before 3.17, told by image_size 0 */

/* Whether BOOT_HEADER_SIZE bytes are an Image's header. */
bool boot_is_image(const uint8_t *header);

/* The region of RAM that kernel, device tree and initrd go into. */
const struct range *boot_ram(const struct layout *layout);

/* Refuse a kernel of `size` bytes or more that guest RAM does not hold. */
int boot_no_room(const struct image *image, uint64_t size);
