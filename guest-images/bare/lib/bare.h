/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a bare-metal guest has: ports, memory, a console on COM1, ACPI's few facts, the local APIC, PCI
 * config space. One processor runs main(); it prints lines `bare/NAME: ...` and ends with ok() or
 * bad(), which power the machine off. Only simple integer instructions are used, so that KVM's
 * instruction emulator is enough to run these.
 */
#pragma once

#include <stdint.h>
#include <stdbool.h>

/* The name that NAME.c is built with. */
extern const char bare_name[];

void main(uint32_t start_info);

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
static inline uint64_t rdtsc(void) { uint32_t a, d; asm volatile("rdtsc" : "=a"(a), "=d"(d)); return a | (uint64_t)d << 32; }
static inline uint64_t rdmsr(uint32_t n) { uint32_t a, d; asm volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(n)); return a | (uint64_t)d << 32; }
static inline void wrmsr(uint32_t n, uint64_t v) { asm volatile("wrmsr" :: "a"((uint32_t)v), "d"((uint32_t)(v >> 32)), "c"(n)); }
void *memcpy(void *to, const void *from, unsigned long n);
void *memset(void *to, int c, unsigned long n);
int memcmp(const void *a, const void *b, unsigned long n);

/* --- console. say: %x (64-bit hexadecimal), %d (64-bit unsigned decimal), %s --- */
void say(const char *format, ...);
/* `bare/NAME: ok` or `bare/NAME: FAIL ...`, then power-off. */
_Noreturn void ok(void);
_Noreturn void bad(const char *format, ...);
#define check(what, got, want) do { \
	uint64_t got_ = (got), want_ = (want); \
	if (got_ != want_) bad("%s: got %x, not %x", what, got_, want_); \
} while (0)

/* --- machine --- */
_Noreturn void power_off(void);		/* ACPI S5: sleep control register, else PM1a */
_Noreturn void reset(void);		/* FADT's reset register */
void mdelay(unsigned ms);		/* roughly: the clock's rate is not known */
void *acpi_table(const char *signature);/* 0 when there is none */
uint16_t power_port(unsigned fadt_offset);/* of the register that the FADT has there */
#define FADT_RESET 116
#define FADT_SLEEP 244
unsigned sleep_type(void);		/* SLP_TYP of S5 */
uint64_t ecam_base(void);		/* from MCFG; 0 when there is none */
uint64_t ram_end(void);			/* first address above RAM below 4 GiB, from the memory map */
const char *command_line(void);
uint64_t map_gib(uint64_t address);	/* make the GiB around that address accessible, uncached; returns address */

/* --- interrupts --- */
extern volatile uint32_t irq_count[16];	/* by vector - 32 */
void irq_init(void);			/* IDT, local APIC on, interrupts on; for the processor that calls */
void ioapic_route(unsigned gsi, unsigned vector, bool level); /* to this processor; vector 0 masks */
void x2apic_on(void);			/* the functions below follow the mode */
uint32_t apic_read(unsigned reg);	/* by xAPIC offsets in either mode */
void apic_write(unsigned reg, uint32_t v);
#define APIC_ID 0x20
#define APIC_VERSION 0x30
void apic_eoi(void);
uint32_t apic_id(void);
void apic_ipi(uint32_t to, uint32_t low);/* ICR: destination, delivery mode and vector */
/* Wait for irq_count[vector - 32] to reach n; false after about ten seconds. */
bool irq_wait(unsigned vector, uint32_t n);
unsigned smp_start(void);		/* INIT, SIPI to all in MADT; returns how many came up, this one too */
void ap_work(unsigned number);		/* runs on each other processor; weak, a guest may have its own */

/* --- PCI, by ECAM; bdf = bus << 8 | device << 3 | function --- */
uint64_t pci_address(unsigned bdf, unsigned offset);
static inline uint32_t pci_read(unsigned bdf, unsigned offset) { return read32(pci_address(bdf, offset)); }
static inline void pci_write(unsigned bdf, unsigned offset, uint32_t v) { write32(pci_address(bdf, offset), v); }
int pci_find(uint32_t device_vendor);	/* bdf of the first one, or -1 */
unsigned pci_capability(unsigned bdf, unsigned id); /* its offset, or 0 */
uint64_t pci_bar(unsigned bdf, unsigned n);	/* memory address */
uint64_t pci_bar_size(unsigned bdf, unsigned n);

/* Repeatable noise (xorshift). */
uint64_t noise(void);
