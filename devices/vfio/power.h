/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power states of a passed function: D3hot, what the host makes of it, waking.
 */
#pragma once

#include "config.h"

#include <core/loop.h>

struct vfio_power {
	struct vfio_io *io;
	struct vfio_config *config;
	struct loop *loop;
	unsigned cap;               /* offset; 0: none */
	bool never;                 /* D3hot is all there is: the operator said so */
	bool low;                   /* the host may take its power: the control register is ours */
	bool armed;                 /* `wake` is with the host */
	struct loop_source wake;    /* fd -1: the device wakes nobody */
	bool tried;                 /* to let it go further, since it was in D0 */
	uint8_t state;              /* that the device was in when the guest last wrote it */
	uint8_t ours[4], passes[4]; /* of the control register otherwise */
	uint64_t since;             /* ns (clock.h) */
	unsigned entries;           /* since then */
};

/* config->pm_cap may be 0: a function without. */
int vfio_power_init(struct vfio_power *power, struct vfio_io *io, struct vfio_config *config,
		    struct loop *loop, bool never) _must_check_;
void vfio_power_deinit(struct vfio_power *power);

/* The guest is about to write this: does the function sleep with it? Before that no BAR may decode. */
bool vfio_power_sleeps(const struct vfio_power *power, unsigned offset, unsigned len,
		       uint32_t value);

/* It has written the control register. *ret_asleep: no BAR decodes (PCIe 6.0 §5.3.1.4). */
int vfio_power_written(struct vfio_power *power, bool *ret_asleep) _must_check_;

/* The function sleeps in D3hot and no BAR of it decodes: the host may go further. */
void vfio_power_sleep(struct vfio_power *power);

/* Power is back, whatever the guest said: before a reset, and at the end. */
int vfio_power_up(struct vfio_power *power) _must_check_;

/* The device was reset: it is in D0. Does it sleep now? */
void vfio_power_reset(struct vfio_power *power);
bool vfio_power_asleep(const struct vfio_power *power);
