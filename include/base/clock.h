/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time that only goes forward, for spans and limits: nobody sets it. Any thread.
 */
#pragma once

#include <base/types.h>
#include <time.h>

#define NS_PER_S 1000000000ull

/* Nanoseconds since some moment before this program began (CLOCK_MONOTONIC). */
uint64_t clock_ns(void);

/* The moment `ms` from now, for waits that go by CLOCK_REALTIME (pthread_cond_timedwait() and its like). */
struct timespec clock_after(unsigned ms);
