/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two ways in: bzimage.c (Linux's 64-bit boot protocol; with vmlinux.c, which unpacks and enters the kernel
 * in it) and pvh.c (ELF by PVH), which boot.c chooses between.
 */
#pragma once

#include "boot_room.h"

/*
 * Look at the kernel's file, fill board->boot and say where an initrd may lie. pvh_load() has then loaded
 * it; a bzImage's place depends on the initrd's, so bzimage_place() comes after that.
 */
int bzimage_load(struct board *board, const struct image *kernel,
		 struct boot_room *ret_room) _must_check_;
int pvh_load(struct board *board, const struct image *kernel,
	     struct boot_room *ret_room) _must_check_;

int bzimage_place(struct board *board, const struct image *kernel) _must_check_;

/*
 * Unpack the Linux in `part` of the file, which takes `max` bytes at most, put it into RAM and set
 * board->boot.entry. `params` is what boot_params has of its header; loadflags changes there. A failure does no harm,
 * whatever was recorded: the kernel can still unpack itself.
 */
int vmlinux_place(struct board *board, const struct image *kernel, struct range part, uint64_t max,
		  uint8_t *params) _must_check_;

/* Once board->boot.initrd is known: tell the kernel all that it is told. */
void bzimage_finish(struct board *board);
void pvh_finish(struct board *board);
