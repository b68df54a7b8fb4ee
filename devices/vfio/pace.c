/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See pace.h. What a function may still spend grows with time up to VFIO_PACE_HAND; it is kept as the moment
 * until which everything is paid for. On a vcpu that is alone with the function.
 */
#include "pace.h"

void vfio_pace_pay(struct vfio_pace *pace, uint64_t cost, uint64_t now)
{
	uint64_t oldest = now > VFIO_PACE_HAND ? now - VFIO_PACE_HAND : 0;

	pace->paid_until = MAX(pace->paid_until, oldest) + cost;
}

uint64_t vfio_pace_due(const struct vfio_pace *pace)
{
	return pace->paid_until;
}
