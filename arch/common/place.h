/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RAM and windows laid around what devices cannot reach. Pure: addresses in, addresses out. A `reach`
 * of NULL is "everywhere".
 */
#pragma once

#include <arch/arch.h>

/*
 * Pieces of RAM begin and end at multiples of this at least where a reserved window cuts them: one
 * entry of the middle level of page tables (the processor's, KVM's and the IOMMU's alike), so that
 * a window costs no more than the large entry that it lies in.
 */
#define PLACE_LARGE MIB(2)

/*
 * Append RAM of `size` bytes to layout->ram, from the bottom of `span` up, in pieces that are cut to
 * multiples of `align`. Returns how much of it found no place, for want of room or of pieces
 * (MEMORY_RAM_MAX).
 */
uint64_t place_ram(struct layout *layout, struct range span, const struct reach *reach,
		   uint64_t align, uint64_t size);

/*
 * The largest part of `span`, cut to multiples of `align`, that is reachable; the lowest when several
 * are alike. Size 0: there is none.
 */
struct range place_largest(struct range span, const struct reach *reach, uint64_t align);

/*
 * Which of two windows 64-bit BARs get, the largest of all or the largest reachable one: the latter for
 * peer-to-peer, for which it is the only one of use, or when it is about as good.
 */
struct range place_window(struct range any, struct range reachable, const struct reach *reach);

/* The first span that is not reachable and ends above `from`: what is told when RAM cannot be there. */
struct range place_hole(const struct reach *reach, gpa_t from);

/* --mem does not fit: say how much does, and what stands in the way. -ERANGE. */
int place_refuse(const struct board_config *config, const struct layout *layout, uint64_t left,
		 const struct reach *reach, unsigned bits);
