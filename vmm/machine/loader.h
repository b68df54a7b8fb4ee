/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel and the initrd into RAM, by a process that has nothing but their files; see loader.c. */
#pragma once

#include <arch/arch.h>

/* arch_boot_load(), and the cache around it. 0 or -errno with the reason recorded. Ends early when the loop is ending. */
int loader_load(struct board *board) _must_check_;
