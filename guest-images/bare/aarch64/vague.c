/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses to trapped registers by instructions whose syndrome does not say what they wanted (Arm ARM
 * D24.2.40, ISV), so that nobody can emulate them: pairs, writeback, vectors. Each is an external abort,
 * from which the guest goes on; a plain access works before and after.
 */
#include "../lib/bare.h"

void main(void)
{
	register uint64_t at asm("x0");
	uint64_t a = 1, b = 2;
	uint32_t id = read32(ecam_base());

	aborts_expect();
	asm volatile("mrs %0, cpacr_el1; orr %0, %0, #(3 << 20); msr cpacr_el1, %0; isb" : "=&r"(a));
	asm volatile("ldp %0, %1, [%2]" : "+r"(a), "+r"(b) : "r"(ecam_base()));
	check("aborts after a load of a pair", aborts, 1);
	check("the second of the pair", b, 2);
	asm volatile("stp %0, %1, [%2]" :: "r"(a), "r"(b), "r"(ecam_base() + 0x8000));
	check("aborts after a store of a pair", aborts, 2);
	at = ecam_base() + 0x8000;
	asm volatile("str wzr, [%0], #4" : "+r"(at));
	check("aborts after writeback", aborts, 3);
	at = ecam_base() + 0x8000;
	asm volatile(".inst 0x3d800000" :: "r"(at));	/* str q0, [x0] */
	check("aborts after a store of a vector", aborts, 4);
	asm volatile(".inst 0xad000400" :: "r"(at));	/* stp q0, q1, [x0] */
	check("aborts after a store of two vectors", aborts, 5);
	for (unsigned i = 0; i < 20; i++)
		asm volatile("stp xzr, xzr, [%0]" :: "r"(at));
	check("aborts after many more", aborts, 25);
	check("a plain load afterwards", read32(ecam_base()), id);
	ok();
}
