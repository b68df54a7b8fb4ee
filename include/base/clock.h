/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time that only goes forward, for spans and limits: nobody sets it. Any thread.
 */
#pragma once

#include <base/types.h>

#define NS_PER_S 1000000000ull

/* Nanoseconds since some moment before this program began (CLOCK_MONOTONIC). */
uint64_t clock_ns(void);
