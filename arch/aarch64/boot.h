/* SPDX-License-Identifier: BSD-2-Clause */
/* The way in that is not boot.c's own: boot_elf.c. */
#pragma once

#include "boot_room.h"

/* Load an ELF file's segments and fill board->boot.entry; *ret is the RAM that it takes. */
int boot_elf(struct board *board, const struct image *image, struct range *ret) _must_check_;
