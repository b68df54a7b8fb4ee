/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts every processor (INIT and SIPI, all in x2APIC mode; PSCI); each answers an IPI of its own. */
#include "lib/bare.h"

#define VECTOR 40

static volatile uint32_t ids[1024], ready;

static void begin(void)
{
#ifdef __x86_64__
	x2apic_on();
#endif
	irq_init();
}

void ap_work(unsigned number)
{
	begin();
	ids[number] = cpu_id();
	if (cpu_id() != cpu_id_told())
		ids[number] = ~0u;
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	for (;;)
		irq_on(), cpu_sleep();
}

void main(void)
{
	unsigned n;

	begin();
	check("own id", cpu_id(), cpu_id_told());
	n = smp_start();
	for (unsigned ms = 0; ms < 15000 && ready < n - 1; ms++)
		mdelay(1);
	check("ready", ready, n - 1);
	for (unsigned i = 1; i < n; i++) {
		for (unsigned j = 1; j < i; j++)
			if (ids[i] == ids[j])
				bad("two processors with id %x", (uint64_t)ids[i]);
		if (ids[i] == cpu_id() || ids[i] == ~0u)
			bad("processor %d has id %x", (uint64_t)i, (uint64_t)ids[i]);
		cpu_ipi(ids[i], VECTOR);
		if (!irq_wait(VECTOR, i))
			bad("processor %d took no interrupt", (uint64_t)i);
	}
	say("%d processors", (uint64_t)n);
	ok();
}
