/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * INTx of a passed function.
 */
#pragma once

#include "io.h"

#include <core/irq.h>
#include <core/loop.h>

struct vfio_intx {
	struct vfio_io *io;
	struct irq_router *irq;
	struct loop *loop;
	uint8_t pin; /* 1 = INTA; 0: none */
	unsigned gsi;
	bool on; /* in the host */
	int fd, unmask_fd;
	bool by_hand; /* the device's driver takes no unmask_fd: it is watched here */
	struct loop_source ends;
};

/* `pin` is what the configuration space says; one that VFIO cannot hand on is none. */
int vfio_intx_init(struct vfio_intx *intx, struct vfio_io *io, struct irq_router *irq,
		   struct loop *loop, uint8_t pin) _must_check_;
int vfio_intx_enable(struct vfio_intx *intx) _must_check_;
int vfio_intx_disable(struct vfio_intx *intx);

/*
 * Before the guest reaches the device: where its driver takes no unmask_fd, an end of interrupt that
 * came is handed on, so that what this access sets off is heard.
 */
void vfio_intx_settle(struct vfio_intx *intx);
