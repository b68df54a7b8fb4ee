/* SPDX-License-Identifier: BSD-2-Clause */
/* Work that waits in the kernel, for several devices at once; see side_by_side.c. */
#pragma once

#include <base/types.h>

#define SIDE_BY_SIDE_MAX 32

/* Make the threads that side_by_side() of `n` will use, where later none can be made (host/seal.h). */
void side_by_side_prepare(unsigned n);

/*
 * Call work(ctx, i) for each i below n, at most SIDE_BY_SIDE_MAX, each on a thread of its own while there
 * are threads to be had, and wait for all. Returns 0, or what the lowest i returned that failed, with the
 * reason that it recorded. `work` holds no lock that its caller's thread has. One caller at a time.
 */
int side_by_side(unsigned n, int (*work)(void *ctx, unsigned i), void *ctx) _must_check_;
