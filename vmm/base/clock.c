/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock that spans and limits are measured with. Any thread.
 */
#include <base/clock.h>

#include <time.h>

uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}
