/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One processor moves edu's BAR and turns decode off and on while all others read it at all the places
 * where it may be: each sees the device or all-ones.
 */
#include "lib/bare.h"

#define IDENT 0x010000ed

static volatile uint32_t stop, ended, wrong, seen;
static volatile uint64_t places[3] = { 0, BAR_PLACES };

void ap_work(unsigned number)
{
	for (unsigned i = number; !stop; i++) {
		uint32_t v = read32(places[i % 3]);

		if (v == IDENT)
			seen = 1;
		else if (v != ~0u)
			wrong = v;
	}
	__atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
}

void main(void)
{
	int found = pci_find(0x11e81234);
	unsigned bdf = (unsigned)found, others;

	if (found < 0)
		bad("no edu");
	places[0] = pci_bar(bdf, 0);
	others = smp_start() - 1;
	for (unsigned i = 0; i < 200; i++) {
		if (noise() >> 9 & 1)
			pci_write(bdf, 0x10, (uint32_t)places[(noise() >> 8) % 3]);
		pci_write(bdf, 4, noise() >> 9 & 2);
		if (i % 50 == 0)
			mdelay(1);
	}
	for (unsigned i = 0; i < 3; i++) {
		pci_write(bdf, 4, 2);
		pci_write(bdf, 0x10, (uint32_t)places[i]);
		check("at its place", read32(places[i]), IDENT);
		mdelay(10);
	}
	stop = 1;
	for (unsigned ms = 0; ended < others && ms < 15000; ms++)
		mdelay(1);
	check("processors that ended", ended, others);
	check("a wrong value", wrong, 0);
	check("processors that saw it", seen, others ? 1 : 0);
	ok();
}
