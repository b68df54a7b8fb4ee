/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The header of a bzImage of 64 bits, boot protocol 2.15 (Documentation/arch/x86/boot.rst), with one setup sector:
 * 6.12.0, not relocatable, for 8 MiB that begin where it wants to be.
 */
#pragma once

#include <base/bytes.h>
#include <base/types.h>
#include <string.h>

#define BZIMAGE_SETUP (2 * 512)

/* `size` bytes follow the setup. */
static inline void bzimage_header(uint8_t *image, size_t size, gpa_t pref)
{
	image[0x1f1] = 1; /* setup_sects */
	store_le32(image + 0x1f4, (uint32_t)(size + 15) / 16);
	store_le16(image + 0x1fe, 0xaa55);
	image[0x201] = 0x6a; /* the header ends at 0x26c */
	memcpy(image + 0x202, "HdrS", 4);
	store_le16(image + 0x206, 0x20f);
	store_le16(image + 0x20e, 0x300 - 0x200);
	strcpy((char *)image + 0x300, "6.12.0 (a@b) #1");
	store_le32(image + 0x22c, 0x7fffffff);
	store_le32(image + 0x230, MIB(2));
	store_le16(image + 0x236, 3); /* XLF_KERNEL_64, XLF_CAN_BE_LOADED_ABOVE_4G */
	store_le32(image + 0x238, 2047);
	store_le64(image + 0x258, pref);
	store_le32(image + 0x260, MIB(8));
}
