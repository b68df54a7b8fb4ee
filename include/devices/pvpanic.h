/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvpanic PCI (QEMU docs/specs/pvpanic.rst): one byte in BAR 0 through which a guest's kernel says
 * that it panicked. Posts VM_EVENT_PANIC; VM_EVENT_POWEROFF for the shutdown event.
 */
#pragma once

#include <base/log.h>
#include <core/loop.h>
#include <devices/pci.h>

struct pvpanic {
	struct pci_function fn;
	struct loop *loop;
	struct bus_region region;
	struct ratelimit rl;
};

int pvpanic_init(struct pvpanic *pv, struct pci_root *root, unsigned devfn,
		 struct loop *loop) _must_check_;
void pvpanic_deinit(struct pvpanic *pv);
