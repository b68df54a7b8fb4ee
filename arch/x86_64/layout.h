/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where everything is on the x86_64 board. One table of numbers; layout.c derives from it what
 * depends on sizes. Guest physical space, from the bottom:
 *
 *	00000000  RAM: the first MiB holds boot data (below) and the ACPI tables
 *	c0000000  window for 32-bit BARs
 *	feb00000  ECAM, one bus
 *	fec00000  IOAPIC (in KVM)
 *	fee00000  local APICs (in KVM). Up to feefffff no device can reach memory: the IOMMUs take
 *	          writes there for interrupts (Intel VT-d §3.14, AMD IOMMU §2.1.4.2)
 *	fffbc000  pages that KVM keeps for itself on Intel processors
 *	100000000 RAM
 *	fd00000000 nothing up to 1 TiB: HyperTransport's space on AMD, which its IOMMU never maps
 *	...       RAM, where it comes to that; then, or in the gap below, the window for 64-bit BARs
 */
#pragma once

#include <base/types.h>

#define LAYOUT_MEM32_BASE   0xc0000000ull
#define LAYOUT_ECAM_BASE    0xfeb00000ull
#define LAYOUT_ECAM_SIZE    MIB(1)
#define LAYOUT_IOAPIC       0xfec00000ull
#define LAYOUT_LAPIC        0xfee00000ull
#define LAYOUT_KVM_IDENTITY 0xfffbc000ull /* one page: KVM_SET_IDENTITY_MAP_ADDR */
#define LAYOUT_KVM_TSS      0xfffbd000ull /* three pages: KVM_SET_TSS_ADDR */
#define LAYOUT_HIGH_BASE    GIB(4)
#define LAYOUT_HT_BASE      0xfd00000000ull
#define LAYOUT_HT_END       TIB(1)
/* Linux without 5-level paging has 46 bits of physical memory (MAX_PHYSMEM_BITS). */
#define LAYOUT_BITS_MAX 46

/* The first MiB. What is below 640 KiB is the guest's own once it has read its boot data. */
#define LAYOUT_GDT          0x1000ull
#define LAYOUT_BOOT_PARAMS  0x7000ull /* boot_params, or hvm_start_info with its lists */
#define LAYOUT_PAGE_TABLES  0x9000ull /* six pages, and up to four for a kernel above 4 GiB */
#define LAYOUT_CMDLINE      0x20000ull
#define LAYOUT_CMDLINE_MAX  KIB(4)
#define LAYOUT_LOW_END      0xa0000ull
#define LAYOUT_ACPI_BASE    0xe0000ull /* where even a kernel that was not told looks: ACPI §5.2.5.1 */
#define LAYOUT_ACPI_SIZE    KIB(128)
#define LAYOUT_RESET_VECTOR 0xffff0ull /* F000:FFF0; the ACPI tables end before it */
#define LAYOUT_KERNEL_MIN   MIB(1)

/* Ports */
#define LAYOUT_SERIAL_PORT 0x3f8
#define LAYOUT_POWER_PORT  0x600
#define LAYOUT_IO_BASE     0x1000
#define LAYOUT_IO_SIZE     0xf000

/* Inputs of the IOAPIC */
#define LAYOUT_PINS       24
#define LAYOUT_SERIAL_GSI 4
#define LAYOUT_BUTTON_GSI 9
#define LAYOUT_INTX_GSI   16
#define LAYOUT_INTX_N     8

/* A fixed function of the root */
#define LAYOUT_PVPANIC_DEVICE 1
