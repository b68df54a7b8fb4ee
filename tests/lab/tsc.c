/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints how many thousand ticks of this machine's time-stamp counter a second has. See arch-x86_64.sh. */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* A pair of clock and counter with little time between: of many tries the closest. */
static void sample(int64_t *ret_ns, int64_t *ret_ticks)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < 1000; i++) {
		int64_t before = (int64_t)__rdtsc(), ns = now(), after = (int64_t)__rdtsc();

		if (after - before < best) {
			best = after - before;
			*ret_ns = ns;
			*ret_ticks = before + best / 2;
		}
	}
}

int main(void)
{
	int64_t ns[2] = { 0 }, ticks[2] = { 0 };

	sample(&ns[0], &ticks[0]);
	nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
	sample(&ns[1], &ticks[1]);
	printf("%lld\n", (long long)((double)(ticks[1] - ticks[0]) * 1e6 / (double)(ns[1] - ns[0]) + 0.5));
	return 0;
}
