/* SPDX-License-Identifier: BSD-2-Clause */
/* Sleeps for ever with interrupts off: only a signal ends it. */
#include "lib/bare.h"

void main(uint32_t info)
{
	(void)info;
	say("ok");
	for (;;)
		asm volatile("cli; hlt");
}
