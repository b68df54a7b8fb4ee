/* SPDX-License-Identifier: BSD-2-Clause */
/* See pace.h: a bucket that fills with time. A vcpu that is alone with the function. */
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
