/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests that make input by chance: the same chances each time, unless THRU_FUZZ=N asks for N times as many
 * rounds from a seed of the day, which is printed. With THRU_TEST_FULL there are 20 times as many.
 */
#pragma once

#include "test.h"

#include <time.h>

static uint64_t seed = 1;
static unsigned times = 1;

static inline unsigned any(unsigned below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed >> 33) % below;
}

static inline void rubbish_init(void)
{
	const char *more = getenv("THRU_FUZZ");

	if (getenv("THRU_TEST_FULL"))
		times = 20;
	if (!more || atoi(more) <= 0)
		return;
	times = (unsigned)atoi(more);
	seed = (uint64_t)time(NULL);
	printf("seed %llu\n", (unsigned long long)seed);
}
