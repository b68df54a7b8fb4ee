/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reset of one function while others of the VM are in use; see also vfio_reset_all() (vfio.h).
 */
#pragma once

#include <core/lock.h>
#include <host/vfio.h>

/*
 * By a way that hits no other function of this VM. Interrupts and DMA are off. Waits as long as the
 * device stays away, and a second for a host that holds it, less when the machine is being stopped
 * (`lock`, which is not held; NULL: there is none). -EAGAIN: the host holds it still.
 */
int vfio_reset_alone(struct vfio_device *dev, const struct lock *lock) _must_check_;
