/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See devices/reset_ladder.h. Pure; any thread.
 */
#include <devices/reset_ladder.h>

unsigned reset_ladder(const struct reset_abilities *has, enum reset_rung ret[RESET_RUNGS])
{
	bool good = has->flr || !has->pm;
	unsigned n = 0;

	if (has->own && good)
		ret[n++] = RESET_FUNCTION;
	ret[n++] = RESET_BUS;
	if (has->own && !good)
		ret[n++] = RESET_POWER;
	return n;
}
