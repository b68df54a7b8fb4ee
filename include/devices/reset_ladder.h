/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ladder of resets: which ways a function has to be reset, the best first. devices/vfio/reset.c
 * climbs it, hostfn_reset() tells beforehand where it would end.
 *
 *   function  one of the function's own, as VFIO_DEVICE_RESET does it: FLR, or what else the kernel knows
 *   bus       the slot or bus, with every function there
 *   power     the function's own again, where that is D0 to D3hot to D0 and nothing more (PCIe 6.0
 *             §5.3.1.4), which keeps what the function keeps without a soft reset
 *
 * Nobody tells which kind a function's own reset is. One without FLR that loses its state in D3hot is
 * taken for one that has only that; that it may be better costs a reset of the bus, no more.
 */
#pragma once

#include <base/types.h>

enum reset_rung { RESET_FUNCTION, RESET_BUS, RESET_POWER };
#define RESET_RUNGS 3

struct reset_abilities {
	bool own; /* the kernel has a way to reset this function alone */
	bool flr;
	bool pm; /* D3hot loses its state */
};

/* How many rungs there are for it. Whether its bus can be reset only shows when that is tried. */
unsigned reset_ladder(const struct reset_abilities *has, enum reset_rung ret[RESET_RUNGS]);
