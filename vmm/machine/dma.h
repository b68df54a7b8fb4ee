/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest memory as devices see it: what they reach, what the host lets us pin, and the mapping. */
#pragma once

#include <arch/arch.h>
#include <host/way.h>

/*
 * Refuse what the user's limit on locked memory cannot hold: `size` bytes of guest RAM, beside what
 * the user's other processes have pinned. Raises the soft limit to the hard one.
 */
int dma_check_memlock(const struct vfio_space *space, uint64_t size) _must_check_;

/*
 * What all the devices attached to `space` reach. With several IOMMUs that is what every one of them
 * does.
 */
int dma_reach(struct vfio_space *space, struct reach *ret) _must_check_;

/*
 * Make RAM reachable, iova == guest physical, and keep for it the addresses, with `windows` those of
 * the BAR windows too (peer-to-peer), as far as they are in reach.
 */
int dma_map(struct vfio_space *space, const struct memory *memory, const struct layout *layout,
	    bool windows) _must_check_;
void dma_unmap(struct vfio_space *space, const struct memory *memory);

/* For tests: bytes that a process with this /proc/PID/status has pinned, when it is `uid`'s; else 0. */
uint64_t dma_pinned_by(const char *status, unsigned uid);
