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

struct timespec clock_after(unsigned ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += (long)(ms % 1000) * 1000000;
	if (ts.tv_nsec >= (long)NS_PER_S) {
		ts.tv_nsec -= (long)NS_PER_S;
		ts.tv_sec++;
	}
	return ts;
}
