/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where things are on the aarch64 board. Documented in thru(1) for guests that are not told by the
 * device tree (early consoles, bare test programs). RAM starts at 1 GiB, everything else that a
 * guest finds by number lies below:
 *
 *	0x0100_0000  serial 16550A, registers one byte apart (kvmtool's address: test suites know it)
 *	0x0101_0000  PL031 clock
 *	0x0200_0000  GIC distributor; GICv2 processor interface at +0x1_0000, GICv2m frame at +0x2_0000;
 *	             ITS at +0x4_0000
 *	0x0300_0000  the PCI bus's I/O ports 0 to 0xffff
 *	0x0400_0000  ECAM, bus 0
 *	0x0800_0000  nothing, 1 MiB: here the host's IOMMU driver keeps the MSI doorbell
 *	             (MSI_IOVA_BASE in the kernel's drivers/iommu), so no DMA address may mean this
 *	0x1000_0000  GICv3 redistributors, 128 KiB for each of up to 1024 processors
 *	0x1800_0000  32-bit PCI memory window, 640 MiB
 *	0x4000_0000  RAM, in one piece
 *	above RAM    64-bit PCI memory window, aligned to its size
 *
 * Every block starts on 64 KiB, the largest page that a host or a guest uses.
 */
#pragma once

#include <arch/arch.h>
#include <base/types.h>

#define LAYOUT_SERIAL    0x01000000ull
#define LAYOUT_RTC       0x01010000ull
#define LAYOUT_GICD      0x02000000ull
#define LAYOUT_GICV2_CPU 0x02010000ull
#define LAYOUT_GICV2M    0x02020000ull
#define LAYOUT_ITS       0x02040000ull
#define LAYOUT_PCI_IO    0x03000000ull
#define LAYOUT_ECAM      0x04000000ull
#define LAYOUT_DOORBELL  0x08000000ull
#define LAYOUT_GICR      0x10000000ull
#define LAYOUT_MEM32     0x18000000ull
#define LAYOUT_RAM       0x40000000ull

#define LAYOUT_PCI_IO_SIZE     0x10000ull
#define LAYOUT_ECAM_SIZE       0x100000ull
#define LAYOUT_DOORBELL_SIZE   0x100000ull
#define LAYOUT_GICD_SIZE       0x10000ull
#define LAYOUT_GICR_SIZE       0x20000ull /* of each processor */
#define LAYOUT_ITS_SIZE        0x20000ull
#define LAYOUT_GICV2_DIST_SIZE 0x1000ull
#define LAYOUT_GICV2_CPU_SIZE  0x2000ull
#define LAYOUT_GICV2M_SIZE     0x1000ull
#define LAYOUT_MMIO_PAGE       0x1000ull /* what the device tree gives the small devices */

/* GSIs: shared peripheral interrupts, counted from 0 (INTID 32). The rest up to PINS is spare. */
#define LAYOUT_GSI_SERIAL 0
#define LAYOUT_GSI_BUTTON 1 /* an edge for each press */
#define LAYOUT_GSI_INTX   16
#define LAYOUT_INTX_N     32
#define LAYOUT_GSI_PINS   64

/* SPIs that messages name on a board with GICv2m, counted like GSIs, and how many SPIs that makes. */
#define LAYOUT_V2M_FIRST 64
#define LAYOUT_V2M_N     192
#define LAYOUT_SPIS      256

/* Private peripheral interrupts, as the Base System Architecture (DEN0094 §B.1) numbers them. */
#define LAYOUT_PPI_HYP_TIMER  10
#define LAYOUT_PPI_VIRT_TIMER 11
#define LAYOUT_PPI_SEC_TIMER  13
#define LAYOUT_PPI_PHYS_TIMER 14
#define LAYOUT_PPI_PMU        7

/* Width of the guest physical space that `layout` fits into. */
unsigned layout_address_bits(const struct layout *layout);
