/* SPDX-License-Identifier: BSD-2-Clause */
/* What aarch64 has alone (PSCI), and where things are on its board: arch/aarch64/layout.h, thru(1). */
#pragma once

/* Plain loads and stores of one register: those that a hypervisor can decode. */
#define MMIO(bits, suffix, w) \
	static inline uint##bits##_t read##bits(uint64_t address) \
	{ uint##bits##_t v; asm volatile("ldr" suffix " %" w "0, [%1]" : "=r"(v) : "r"(address) : "memory"); return v; } \
	static inline void write##bits(uint64_t address, uint##bits##_t v) \
	{ asm volatile("str" suffix " %" w "0, [%1]" :: "r"(v), "r"(address) : "memory"); }
MMIO(8, "b", "w") MMIO(16, "h", "w") MMIO(32, "", "w") MMIO(64, "", "x")
#undef MMIO
static inline void cpu_relax(void) { asm volatile("yield" ::: "memory"); }
static inline void cpu_sleep(void) { asm volatile("wfi"); }
static inline void irq_on(void) { asm volatile("msr daifclr, #2" ::: "memory"); }
static inline void irq_off(void) { asm volatile("msr daifset, #2" ::: "memory"); }

/* --- the board --- */
#define SERIAL_PIN	0
#define IO_PORTS	0x3000000	/* the PCI bus's, 64 KiB */
#define BAR_PLACES	0x20000000, 0x3fe00000	/* free ones in the window for 32-bit BARs */
#define DMA_OUTSIDE	0x48000000	/* no RAM when there are 64 MiB of it */
#define MSI_DOORBELL	0x2050040	/* GITS_TRANSLATER */
#define NOWHERE		0x20000000
/* Where nobody is: flash and more of other boards; I/O ports; ECAM of a function that is not there; the
 * window of the IOMMU's MSI; behind the redistributor; the window for BARs; high. */
#define UNCLAIMED	0, 0x9000000, 0x3000000, 0x300ffe0, 0x40ff000, 0x8000000, 0x10020000, 0x20000000, 0x3fffffe0, \
			0x4000000000
/* What a BAR shall not hide: serial port, clock, GIC, I/O ports, ITS, window, RAM. */
#define TARGETS		0, 0x1000000, 0x1010000, 0x2000000, 0x2040000, 0x2050000, 0x3000000, 0x8000000, 0x10000000, \
			0x10010000, 0x18000000, 0x18000010, 0x18080000, 0x18100000, 0x20000000, 0x3ff00000, \
			0x40000000, 0x40080000, 0x40100000, 0xffffffff
uint64_t controllers(void);		/* identities of GIC distributor, redistributor, ITS */

extern volatile unsigned aborts;	/* that aborts_expect() let pass */

/* --- PSCI (DEN0022), by HVC --- */
enum psci {
	PSCI_VERSION = 0x84000000, PSCI_CPU_SUSPEND = 0xc4000001, PSCI_CPU_OFF = 0x84000002, PSCI_CPU_ON = 0xc4000003,
	PSCI_AFFINITY_INFO = 0xc4000004, PSCI_MIGRATE_INFO_TYPE = 0x84000006, PSCI_SYSTEM_OFF = 0x84000008,
	PSCI_SYSTEM_RESET = 0x84000009, PSCI_FEATURES = 0x8400000a, PSCI_SYSTEM_RESET2 = 0xc4000012,
};
enum { PSCI_NOT_SUPPORTED = -1, PSCI_INVALID = -2, PSCI_ALREADY_ON = -4 };
int64_t psci(enum psci function, uint64_t a, uint64_t b, uint64_t c);

/* --- device tree: the property of the n-th node whose name begins so; 0 when there is none --- */
const void *tree_property(const char *node, unsigned n, const char *name);
