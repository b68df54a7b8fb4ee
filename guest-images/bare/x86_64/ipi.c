/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC's own interrupts: to itself, all at once, held back, by its timer; xAPIC, then x2APIC. */
#include "../lib/bare.h"

#define TIMER_LVT 0x320
#define TIMER_COUNT 0x380
#define TIMER_DIVIDE 0x3e0
#define SELF 0x40000u		/* ICR destination shorthands (Intel SDM 3A §11.6.1) */
#define ALL 0x80000u

static uint32_t sent[16];

static void expect(unsigned vector)
{
	if (!irq_wait(vector, ++sent[vector - 32]))
		bad("vector %d did not come", (uint64_t)vector);
}

static void all_ways(void)
{
	for (unsigned vector = 32; vector < 48; vector++)
		apic_ipi(cpu_id(), vector), expect(vector);
	apic_ipi(0, SELF | 33), expect(33);
	apic_ipi(0, ALL | 34), expect(34);
	asm volatile("cli");
	apic_ipi(0, SELF | 35), apic_ipi(0, SELF | 36), apic_ipi(0, SELF | 36);
	mdelay(5);
	check("held back", irq_count[3], sent[3]);
	asm volatile("sti");
	expect(35), expect(36);		/* twice the same is once */
	apic_write(TIMER_DIVIDE, 0xb);
	apic_write(TIMER_LVT, 37);
	apic_write(TIMER_COUNT, 1000000);
	expect(37);
	for (unsigned i = 0; i < 16; i++)
		check("count", irq_count[i], sent[i]);
}

void main(void)
{
	irq_init();
	all_ways();
	x2apic_on();
	all_ways();
	wrmsr(0x83f, 38);		/* x2APIC's self-IPI register */
	expect(38);
	ok();
}
