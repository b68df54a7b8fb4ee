/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts every processor by INIT and SIPI, all in x2APIC mode; each answers an IPI of its own. */
#include "lib/bare.h"

#define VECTOR 40

static volatile uint32_t ids[1024], ready;

static uint32_t cpuid_id(void)
{
	uint32_t a = 0xb, b, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return d;
}

void ap_work(unsigned number)
{
	x2apic_on();
	irq_init();
	ids[number] = apic_id();
	if (apic_id() != cpuid_id())
		ids[number] = ~0u;
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	for (;;)
		asm volatile("sti; hlt");
}

void main(uint32_t info)
{
	unsigned n;

	(void)info;
	x2apic_on();
	irq_init();
	check("own id", apic_id(), cpuid_id());
	n = smp_start();
	for (unsigned ms = 0; ms < 15000 && ready < n - 1; ms++)
		mdelay(1);
	check("ready", ready, n - 1);
	for (unsigned i = 1; i < n; i++) {
		for (unsigned j = 1; j < i; j++)
			if (ids[i] == ids[j])
				bad("two processors with id %x", (uint64_t)ids[i]);
		if (ids[i] == apic_id() || ids[i] == ~0u)
			bad("processor %d has id %x", (uint64_t)i, (uint64_t)ids[i]);
		apic_ipi(ids[i], VECTOR);
		if (!irq_wait(VECTOR, i))
			bad("processor %d took no interrupt", (uint64_t)i);
	}
	say("%d processors", (uint64_t)n);
	ok();
}
