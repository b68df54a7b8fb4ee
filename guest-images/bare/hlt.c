/* SPDX-License-Identifier: BSD-2-Clause */
/* Sleeps for ever with interrupts off: only a signal ends it. */
#include "lib/bare.h"

void main(void)
{
	say("ok");
	for (;;)
		irq_off(), cpu_sleep();
}
