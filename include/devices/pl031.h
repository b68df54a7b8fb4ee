/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PL031 real time clock (ARM DDI 0224C): seconds since 1970, following the host's clock. The alarm
 * can be set but never rings: boards give it no interrupt, and Linux then offers none.
 */
#pragma once

#include <base/types.h>

#define PL031_SIZE 0x1000

struct pl031 {
	uint32_t offset; /* added to the host's seconds, modulo 2^32: the guest set its clock */
	uint32_t load, match;
	bool mask; /* RTCIMSC */
};

void pl031_init(struct pl031 *rtc);

/* bus_handler; ctx is the struct pl031. */
void pl031_access(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write);
