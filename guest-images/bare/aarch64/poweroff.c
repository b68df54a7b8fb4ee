/* SPDX-License-Identifier: BSD-2-Clause */
/* PSCI (DEN0022): what it is, and all that must not switch off; then SYSTEM_OFF. */
#include "../lib/bare.h"

#define SAME(what, got, want) check(what, (uint64_t)(got), (uint64_t)(int64_t)(want))

void main(void)
{
	int64_t version = psci(PSCI_VERSION, 0, 0, 0);

	if (version >> 16 != 1)
		bad("version %x", (uint64_t)version);
	SAME("features: SYSTEM_OFF", psci(PSCI_FEATURES, PSCI_SYSTEM_OFF, 0, 0), 0);
	SAME("features: SYSTEM_RESET2", psci(PSCI_FEATURES, PSCI_SYSTEM_RESET2, 0, 0), 0);
	SAME("features: no such function", psci(PSCI_FEATURES, 0x8400001f, 0, 0), PSCI_NOT_SUPPORTED);
	SAME("no such function", psci((enum psci)0x8400001f, 0, 0, 0), PSCI_NOT_SUPPORTED);
	SAME("affinity: itself is on", psci(PSCI_AFFINITY_INFO, cpu_id(), 0, 0), 0);
	SAME("affinity: the other is off", psci(PSCI_AFFINITY_INFO, 1, 0, 0), 1);
	SAME("affinity: none such", psci(PSCI_AFFINITY_INFO, 0xff00, 0, 0), PSCI_INVALID);
	SAME("CPU_ON: none such", psci(PSCI_CPU_ON, 0xff00, 0x40000000, 0), PSCI_INVALID);
	SAME("no migration", psci(PSCI_MIGRATE_INFO_TYPE, 0, 0, 0), 2);
	mdelay(20);
	ok();
}
