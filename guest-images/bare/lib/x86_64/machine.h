/* SPDX-License-Identifier: BSD-2-Clause */
/* What x86_64 has alone (ports, ACPI, the local APIC), and where things are on its board. */
#pragma once

/* --- ports and memory, every size --- */
static inline void outb(uint16_t port, uint8_t v) { asm volatile("outb %0, %1" :: "a"(v), "Nd"(port)); }
static inline void outw(uint16_t port, uint16_t v) { asm volatile("outw %0, %1" :: "a"(v), "Nd"(port)); }
static inline void outl(uint16_t port, uint32_t v) { asm volatile("outl %0, %1" :: "a"(v), "Nd"(port)); }
static inline uint8_t inb(uint16_t port) { uint8_t v; asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline uint16_t inw(uint16_t port) { uint16_t v; asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline uint32_t inl(uint16_t port) { uint32_t v; asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port)); return v; }
#define MMIO(bits) \
	static inline uint##bits##_t read##bits(uint64_t address) \
	{ uint##bits##_t v; asm volatile("mov %1, %0" : "=a"(v) : "m"(*(volatile uint##bits##_t *)address)); return v; } \
	static inline void write##bits(uint64_t address, uint##bits##_t v) \
	{ asm volatile("mov %1, %0" : "=m"(*(volatile uint##bits##_t *)address) : "a"(v)); }
MMIO(8) MMIO(16) MMIO(32) MMIO(64)
#undef MMIO
static inline void cpu_relax(void) { asm volatile("pause" ::: "memory"); }
static inline void cpu_sleep(void) { asm volatile("hlt"); }
static inline void irq_on(void) { asm volatile("sti"); }
static inline void irq_off(void) { asm volatile("cli"); }
static inline uint64_t rdtsc(void) { uint32_t a, d; asm volatile("rdtsc" : "=a"(a), "=d"(d)); return a | (uint64_t)d << 32; }
static inline uint64_t rdmsr(uint32_t n) { uint32_t a, d; asm volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(n)); return a | (uint64_t)d << 32; }
static inline void wrmsr(uint32_t n, uint64_t v) { asm volatile("wrmsr" :: "a"((uint32_t)v), "d"((uint32_t)(v >> 32)), "c"(n)); }

/* --- the board --- */
#define SERIAL_PIN	4
#define BAR_PLACES	0xd0000000, 0xfe900000	/* free ones in the window for 32-bit BARs */
#define DMA_OUTSIDE	0x8000000	/* no RAM when there are 64 MiB of it */
#define MSI_DOORBELL	0xfee00000
#define NOWHERE		0xd0000000
/* Where nobody is: the window for BARs; ECAM of a function that is not there; HPET, TPM and firmware of
 * a PC; high. */
#define UNCLAIMED	0xd0000000, 0xfeaffff0, 0xfebff000, 0xfed00000, 0xfed40000, 0xff000000, 0xffffffe8, 0x4000000000
/* What a BAR shall not hide: RAM, window, IOAPIC and local APIC. */
#define TARGETS		0, 0x1000, 0x100000, 0x200000, 0xbff00000, 0xc0000000, 0xc0000010, 0xc0080000, 0xc0100000, \
			0xd0000000, 0xfec00000, 0xfee00000, 0xfef00000, 0xfffbc000, 0xfff00000, 0xffffffff
uint64_t controllers(void);		/* the version registers of the interrupt controllers */

/* --- ACPI --- */
void *acpi_table(const char *signature);/* 0 when there is none */
uint16_t power_port(unsigned fadt_offset);/* of the register that the FADT has there */
#define FADT_RESET 116
#define FADT_SLEEP 244
unsigned sleep_type(void);		/* SLP_TYP of S5 */

/* --- the local APIC; these follow its mode --- */
void x2apic_on(void);
uint32_t apic_read(unsigned reg);	/* by xAPIC offsets in either mode */
void apic_write(unsigned reg, uint32_t v);
#define APIC_ID 0x20
#define APIC_VERSION 0x30
void apic_eoi(void);
void apic_ipi(uint32_t to, uint32_t low);/* ICR: destination, delivery mode and vector */
