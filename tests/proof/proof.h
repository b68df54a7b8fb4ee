/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What proofs are written with (tests/proof/run says how they are run). A proof is a main() that calls the
 * tree's own functions with values of which nothing is known but what assume() says.
 */
#pragma once

#include <base/types.h>

/* Any value of the type at all. */
#define any(type)                                                                                  \
	({                                                                                         \
		type any_;                                                                         \
		any_;                                                                              \
	})

/* From here on only runs in which it holds. */
#define assume(condition) __CPROVER_assume(condition)

/* It holds in every run that comes here. `what` is a literal. */
#define prove(condition, what) __CPROVER_assert(condition, what)

/* Some run comes here: what was assumed is no contradiction, and the branch is not dead. */
#define reach(what) __CPROVER_assert(0, "reach: " what)

/*
 * A number of 64 bits whose lowest eight and highest eight bits are any, and those between are all alike: with all 64
 * unknown a solver takes minutes for each comparison of sums, and what goes wrong does so at 0, at 2^64 and around
 * carries.
 */
static inline uint64_t any_number(void)
{
	uint8_t low = any(uint8_t), high = any(uint8_t);

	return (uint64_t)high << 56 | (any(bool) ? 0xffffffffffff00ull : 0) | low;
}
