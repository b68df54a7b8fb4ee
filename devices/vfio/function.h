/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A passed function as a whole. Only function.c knows it: each part has a struct, a header and a file of
 * its own, leans on the device (io.h), on the router of interrupts, on memory slots and buses, and tells
 * by what it returns what there is to do.
 *
 *   io       access to the device by region; whether it is lost
 *   config   configuration space: which bits are the device's and which ours (config_shape.c,
 *            config_table.h), accesses (config.c)
 *   command  the command register, the guest's and the device's
 *   bars     BARs as memory slots and trapped spans
 *   p2p      BARs within reach of the other devices
 *   rom      the expansion ROM as a copy
 *   power    power states, waking
 *   irqs     which kind of interrupt is on, of three: intx, msi, msix
 *   pace     how fast the guest may go
 *   reset.c  resets, also of devices that no function uses, by the ladder of reset_ladder.c
 */
#pragma once

#include "bar.h"
#include "config.h"
#include "io.h"
#include "irqs.h"
#include "p2p.h"
#include "pace.h"
#include "power.h"
#include "rom.h"

#include <devices/vfio.h>

struct vfio_function {
	struct pci_function pci;
	struct vfio_device *dev;
	struct pci_root *root;
	struct loop *loop;
	struct lock *lock;        /* NULL: there is one thread */
	struct vfio_watch *watch; /* NULL: nobody keeps account */
	bool busy;                /* a vcpu is alone with it */
	bool resetting;           /* and resets it: who else comes reads all-ones */
	bool told_lost;
	bool ending; /* being taken down: why is recorded already, if there was a reason */

	struct vfio_io io;
	struct vfio_config config;
	struct vfio_bars bars;
	struct vfio_p2p p2p;
	struct vfio_rom rom;
	struct vfio_power power;
	struct vfio_irqs irqs;
	struct vfio_pace pace;
};
