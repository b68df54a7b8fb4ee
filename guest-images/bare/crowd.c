/* SPDX-License-Identifier: BSD-2-Clause */
/* Every processor asks for configuration space as fast as it can, for ever: whoever wants the device lock
 * stands in a crowd. Only a signal ends it. */
#include "lib/bare.h"

static void ask_for_ever(void)
{
	for (unsigned bdf = 0;; bdf = (bdf + 8) % 256)
		pci_read(bdf, 0);
}

void ap_work(unsigned number)
{
	(void)number;
	ask_for_ever();
}

void main(void)
{
	smp_start();
	say("all at work");
	ask_for_ever();
}
