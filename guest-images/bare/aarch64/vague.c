/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads two registers of the ECAM with one load of a pair: no syndrome says what it wanted, so nobody
 * can emulate it (Arm ARM D24.2.40, ISV).
 */
#include "../lib/bare.h"

void main(void)
{
	uint64_t a, b;

	say("ok");
	asm volatile("ldp %0, %1, [%2]" : "=&r"(a), "=&r"(b) : "r"(ecam_base()));
	bad("came back with %x %x", a, b);
}
