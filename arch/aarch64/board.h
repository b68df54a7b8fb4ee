/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an aarch64 board has beside the machine's common parts; shared by this folder's files only.
 */
#pragma once

#include <arch/arch.h>
#include <base/log.h>
#include <devices/pl031.h>
#include <devices/pvpanic.h>

struct arch_board {
	int gic_fd, its_fd;   /* KVM's devices */
	unsigned gic_version; /* 2 or 3 */
	bool its;             /* messages by ITS, with GICv3; by a GICv2m frame otherwise */
	struct bus_region v2m_region;
	bool pmu; /* every vcpu has one */
	struct ratelimit undecodable;
	struct serial serial;
	struct bus_region serial_region;
	struct pl031 rtc;
	struct bus_region rtc_region;
	struct pvpanic pvpanic;
};

/* Affinity fields of MPIDR_EL1 as KVM derives them from a vcpu's number: 16 at level 0, then 256. */
static inline uint32_t cpu_mpidr(unsigned index)
{
	return (index & 15) | (index >> 4 & 255) << 8 | (index >> 12 & 255) << 16;
}
