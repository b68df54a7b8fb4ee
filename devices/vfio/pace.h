/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How fast a guest may make the host do what costs it: resets, power states, interrupts set up and taken
 * down. A function has some seconds' worth in hand, more than any driver's start takes; one that has
 * used it up waits, and with it the vcpu that asked, until that much time has passed.
 */
#pragma once

#include <base/types.h>

struct vfio_pace {
	uint64_t paid_until; /* clock.h; never further back than what may be in hand */
};

#define VFIO_PACE_HAND 3000000000ull

/* What things cost, in ns. */
#define VFIO_COST_RESET  200000000ull
#define VFIO_COST_POWER  10000000ull
#define VFIO_COST_IRQS   5000000ull /* another kind of interrupt */
#define VFIO_COST_VECTOR 200000ull  /* one vector set up in the host */
#define VFIO_COST_ROUTE  100000ull  /* KVM's routes change */

void vfio_pace_pay(struct vfio_pace *pace, uint64_t cost, uint64_t now);

/* Until when (clock.h) the next costly thing has to wait; in the past: not at all. */
uint64_t vfio_pace_due(const struct vfio_pace *pace);
