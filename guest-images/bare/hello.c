/* SPDX-License-Identifier: BSD-2-Clause */
/* Says hello on COM1 and powers the machine off through ACPI. */
#include "lib/bare.h"

void main(void)
{
	say("hello from %x", (uint64_t)&main);
	ok();
}
