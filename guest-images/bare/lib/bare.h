/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a bare-metal guest has on either architecture: memory, a console on the serial port, interrupts,
 * processors, PCI configuration space. One processor runs main(); it prints lines `bare/NAME: ...` and
 * ends with ok() or bad(), which power the machine off. Only simple integer instructions are used, so
 * that KVM's instruction emulator is enough to run these. What one architecture has alone, and where
 * things are on its board, is in ARCH/machine.h.
 */
#pragma once

#pragma GCC visibility push(hidden)	/* aarch64: position-independent, without a loader */

#include <stdint.h>
#include <stdbool.h>

/* The name that NAME.c is built with. */
extern const char bare_name[];

void main(void);

#ifdef __x86_64__
#include "x86_64/machine.h"
#else
#include "aarch64/machine.h"
#endif

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
_Noreturn void power_off(void);		/* ACPI S5; PSCI SYSTEM_OFF */
_Noreturn void reset(void);		/* FADT's reset register; PSCI SYSTEM_RESET */
void mdelay(unsigned ms);		/* roughly */
uint64_t ecam_base(void);		/* from MCFG, from the device tree; 0 when there is none */
uint64_t ram_end(void);			/* first address above RAM; x86_64: above that below 4 GiB */
const char *command_line(void);
uint64_t map_gib(uint64_t address);	/* make the GiB around that address accessible, uncached; returns address */
uint64_t loose(uint64_t address);	/* where the same below 4 GiB may be accessed at any alignment */
uint8_t serial_in(unsigned reg);	/* a register of the 16550A */
void serial_out(unsigned reg, uint8_t v);
void aborts_expect(void);		/* from now on go on after an access that a device refuses */

/* --- interrupts: VECTORS of them, by numbers of our own that begin at 32 --- */
#define VECTORS 16
extern volatile uint32_t irq_count[VECTORS]; /* by vector - 32 */
void irq_init(void);			/* handlers, the controller, interrupts on; for the processor that calls */
void irq_route(unsigned pin, unsigned vector, bool level); /* a GSI to this processor; vector 0 masks */
struct message { uint64_t address; uint32_t data; };
struct message irq_message(unsigned bdf, unsigned vector); /* what raises it here when that function writes it */
/* Wait for irq_count[vector - 32] to reach n; false after about ten seconds. */
bool irq_wait(unsigned vector, uint32_t n);

/* --- processors --- */
uint32_t cpu_id(void);			/* its address: APIC id; affinity */
uint32_t cpu_id_told(void);		/* the same by another way, where there is one */
void cpu_ipi(uint32_t to, unsigned vector);
unsigned smp_start(void);		/* all that the firmware's tables have; returns how many came up, this one too */
void ap_work(unsigned number);		/* runs on each other processor; weak, a guest may have its own */
void ap_main(void);			/* where start.S sends it */

/* --- PCI, by ECAM; bdf = bus << 8 | device << 3 | function --- */
uint64_t pci_address(unsigned bdf, unsigned offset);
static inline uint32_t pci_read(unsigned bdf, unsigned offset) { return read32(pci_address(bdf, offset)); }
static inline void pci_write(unsigned bdf, unsigned offset, uint32_t v) { write32(pci_address(bdf, offset), v); }
int pci_find(uint32_t device_vendor);	/* bdf of the first one, or -1 */
unsigned pci_capability(unsigned bdf, unsigned id); /* its offset, or 0 */
uint64_t pci_bar(unsigned bdf, unsigned n);	/* memory address */
uint64_t pci_bar_size(unsigned bdf, unsigned n);
/* The GSI of pin A: thru wires both boards alike, from 16 on by device (devices/pci/root.c). */
static inline unsigned pci_pin(unsigned bdf) { return 16 + (bdf >> 3 & 7); }

/* Repeatable noise (xorshift). */
uint64_t noise(void);
