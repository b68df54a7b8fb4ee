/* SPDX-License-Identifier: BSD-2-Clause */
/* What a kernel's file holds, from the cache and to it, apart from reading that file; see kernel_kept.c. */
#pragma once

#include <arch/arch.h>

/* An entry for config->kernel_fd, or a file of memory for what is unpacked. Neither: it is unpacked for once. */
void kernel_kept_find(struct board *board);

/* Keep what was unpacked into that; then close all. Harmless when nothing was found. */
void kernel_kept_store(struct board *board);
