/* SPDX-License-Identifier: BSD-2-Clause */
/* An exception that cannot be delivered, three deep. */
#include "../lib/bare.h"

void main(void)
{
	static const struct { uint16_t limit; uint64_t base; } __attribute__((packed)) none;

	say("ok");
	asm volatile("lidt %0; ud2" :: "m"(none));
}
