/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two ways in: bzimage.c (Linux's 64-bit boot protocol) and pvh.c (ELF by PVH), which boot.c chooses
 * between.
 */
#pragma once

#include "boot_room.h"

/*
 * Load the kernel's file, fill board->boot (entry, argument, pvh) and say where an initrd may lie.
 * The command line is in place already.
 */
int bzimage_load(struct board *board, const struct image *kernel,
		 struct boot_room *ret_room) _must_check_;
int pvh_load(struct board *board, const struct image *kernel,
	     struct boot_room *ret_room) _must_check_;

/* Once board->boot.initrd is known: tell the kernel all that it is told. */
void bzimage_finish(struct board *board);
void pvh_finish(struct board *board);
