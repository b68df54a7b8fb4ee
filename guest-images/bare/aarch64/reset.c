/* SPDX-License-Identifier: BSD-2-Clause */
/* PSCI SYSTEM_RESET, after what must not reset. */
#include "../lib/bare.h"

void main(void)
{
	check("a reset that is none", (uint64_t)psci(PSCI_SYSTEM_RESET2, 1, 0, 0), (uint64_t)PSCI_INVALID);
	mdelay(20);
	say("ok");
	reset();
}
