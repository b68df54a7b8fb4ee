/* SPDX-License-Identifier: BSD-2-Clause */
/* See bare.h. ACPI 6.5 chapter 5 for the tables, Intel SDM 3A chapter 11 for the local APIC. */
#include "bare.h"

#include <stdarg.h>

#define COM1 0x3f8
#define AP_PAGE 0x8000u

#define APIC_EOI 0xb0
#define APIC_SVR 0xf0
#define IOAPIC 0xfec00000u
#define APIC_ICR 0x300
#define APIC_ICR_HIGH 0x310
#define MSR_APIC_BASE 0x1b
#define MSR_X2APIC 0x800

extern uint64_t pml4[512], pdpt[512];
extern uint32_t start_info_address;	/* what the loader had in ebx */
extern char ap_start[], ap_end[], fault_entries[], irq_entries[];

volatile uint32_t irq_count[16];
static volatile uint32_t cpus_up;

void *memcpy(void *to, const void *from, unsigned long n)
{
	char *t = to;
	const char *f = from;

	while (n--)
		*t++ = *f++;
	return to;
}

void *memset(void *to, int c, unsigned long n)
{
	char *t = to;

	while (n--)
		*t++ = (char)c;
	return to;
}

int memcmp(const void *a, const void *b, unsigned long n)
{
	const unsigned char *x = a, *y = b;

	for (; n--; x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}

/* --- console --- */

static void put(char c)
{
	/* Bounded: a guest that has no serial port must still end. */
	for (unsigned i = 0; i < 100000 && !(inb(COM1 + 5) & 0x20); i++)
		cpu_relax();
	outb(COM1, (uint8_t)c);
}

static void put_number(uint64_t v, unsigned base)
{
	char digits[20];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	if (base == 16)
		put('0'), put('x');
	while (n)
		put(digits[--n]);
}

static void vsay(const char *f, va_list args)
{
	for (; *f; f++) {
		if (*f != '%') {
			put(*f);
			continue;
		}
		switch (*++f) {
		case 'x': put_number(va_arg(args, uint64_t), 16); break;
		case 'd': put_number(va_arg(args, uint64_t), 10); break;
		case 's':
			for (const char *s = va_arg(args, const char *); *s; s++)
				put(*s);
			break;
		}
	}
}

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsay("bare/", args);
	vsay(bare_name, args);
	vsay(": ", args);
	vsay(format, args);
	put('\n');
	va_end(args);
}

void ok(void)
{
	say("ok");
	power_off();
}

void bad(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsay("bare/", args);
	vsay(bare_name, args);
	vsay(": FAIL ", args);
	vsay(format, args);
	put('\n');
	va_end(args);
	power_off();
}

/* Called by vectors 0-31. A fault inside bad() would end in a triple fault, which is fine. */
_Noreturn void fault(uint64_t vector, uint64_t error, uint64_t rip)
{
	bad("exception %d error %x at %x", vector, error, rip);
}

/* --- machine --- */

struct start_info {	/* Xen: public/arch-x86/hvm/start_info.h */
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};

struct memmap_entry {
	uint64_t address, size;
	uint32_t type, reserved;
};

struct table {
	char signature[4];
	uint32_t length;
	char rest[28];
} __attribute__((packed));

static const struct start_info *start_info(void)
{
	return (void *)(uint64_t)start_info_address;
}

static uint64_t unaligned(const void *p, unsigned bytes)
{
	uint64_t v = 0;

	memcpy(&v, p, bytes);
	return v;
}

void *acpi_table(const char *signature)
{
	const char *rsdp = (void *)start_info()->rsdp;
	struct table *root, *t;
	unsigned entry;

	if (!rsdp || memcmp(rsdp, "RSD PTR ", 8))
		return 0;
	if (rsdp[15] >= 2 && unaligned(rsdp + 24, 8))
		root = (void *)unaligned(rsdp + 24, 8), entry = 8;
	else
		root = (void *)unaligned(rsdp + 16, 4), entry = 4;
	if (!memcmp(signature, "DSDT", 4)) {
		char *fadt = acpi_table("FACP");
		uint64_t x = fadt && ((struct table *)fadt)->length >= 148 ? unaligned(fadt + 140, 8) : 0;

		return fadt ? (void *)(x ? x : unaligned(fadt + 40, 4)) : 0;
	}
	for (unsigned at = sizeof(*root); at + entry <= root->length; at += entry) {
		t = (void *)unaligned((char *)root + at, entry);
		if (!memcmp(t->signature, signature, 4))
			return t;
	}
	return 0;
}

uint16_t power_port(unsigned fadt_offset)
{
	const unsigned char *fadt = acpi_table("FACP"), *gas = fadt + fadt_offset;

	if (!fadt || unaligned(fadt + 4, 4) < fadt_offset + 12 || gas[0] != 1 || !unaligned(gas + 4, 8))
		bad("the FADT has no port at %d", (uint64_t)fadt_offset);
	return (uint16_t)unaligned(gas + 4, 8);
}

/* By looking for the name of \_S5: 08 "_S5_" 12 length count value... */
unsigned sleep_type(void)
{
	const unsigned char *dsdt = acpi_table("DSDT");
	uint32_t length = dsdt ? (uint32_t)unaligned(dsdt + 4, 4) : 0;

	for (uint32_t i = 36; i + 9 < length; i++) {
		if (memcmp(dsdt + i, "_S5_", 4) || dsdt[i + 4] != 0x12)
			continue;
		return dsdt[i + 7] == 0x0a ? dsdt[i + 8] : dsdt[i + 7] == 1 ? 1 : 0;
	}
	return 0;
}

/* A generic address structure (ACPI 5.2.3.2): one byte, to a port or to memory. */
static bool gas_write(const unsigned char *gas, uint8_t v)
{
	uint64_t address = unaligned(gas + 4, 8);

	if (!address)
		return false;
	if (gas[0] == 1)
		outb((uint16_t)address, v);
	else
		write8(map_gib(address), v);
	return true;
}

static _Noreturn void stop(void)
{
	for (;;)
		asm volatile("cli; hlt");
}

void power_off(void)
{
	const unsigned char *fadt = acpi_table("FACP");
	uint32_t length = fadt ? (uint32_t)unaligned(fadt + 4, 4) : 0;
	uint32_t pm1a;

	if (length >= 256 && gas_write(fadt + 244, (uint8_t)(0x20 | sleep_type() << 2)))
		stop();
	pm1a = length >= 68 ? (uint32_t)unaligned(fadt + 64, 4) : 0;
	if (pm1a)
		outw((uint16_t)pm1a, (uint16_t)(0x2000 | sleep_type() << 10));
	else
		asm volatile("lidt %0; ud2" :: "m"(*(char(*)[10])"\0\0\0\0\0\0\0\0\0"));
	stop();
}

void reset(void)
{
	const unsigned char *fadt = acpi_table("FACP");

	if (!fadt || unaligned(fadt + 4, 4) < 129 || !(unaligned(fadt + 112, 4) & 1 << 10))
		bad("the FADT has no reset register");
	gas_write(fadt + 116, fadt[128]);
	mdelay(100);
	bad("the reset register did not reset");
}

void mdelay(unsigned ms)
{
	/* Processors of today count two to five of these in a nanosecond; slower ones wait longer. */
	for (uint64_t end = rdtsc() + ms * 2000000ull; rdtsc() < end;)
		cpu_relax();
}

uint64_t ecam_base(void)
{
	const char *mcfg = acpi_table("MCFG");

	return mcfg ? map_gib(unaligned(mcfg + 44, 8)) : 0;
}

uint64_t ram_end(void)
{
	const struct start_info *info = start_info();
	const struct memmap_entry *entry = (void *)info->memmap;
	uint64_t end = 0;

	for (uint32_t i = 0; i < info->memmap_entries; i++) {
		uint64_t e = entry[i].address + entry[i].size;

		if (entry[i].type == 1 && e <= 1ull << 32 && e > end)
			end = e;
	}
	return end;
}

const char *command_line(void)
{
	return start_info()->cmdline ? (void *)start_info()->cmdline : "";
}

uint64_t map_gib(uint64_t address)
{
	static uint64_t tables[8][512] __attribute__((aligned(4096)));
	static unsigned used;
	unsigned top = address >> 39 & 511, middle = address >> 30 & 511;
	uint64_t *level3;

	if (!pml4[top]) {
		if (used == 8)
			bad("too many mappings");
		pml4[top] = (uint64_t)tables[used++] | 3;
	}
	level3 = (uint64_t *)(pml4[top] & ~0xfffull);
	if (!level3[middle]) {
		uint64_t *level2 = tables[used];

		if (used++ == 8)
			bad("too many mappings");
		for (unsigned i = 0; i < 512; i++)	/* 2 MiB, uncached */
			level2[i] = ((address & ~0x3fffffffull) + i * 0x200000ull) | 0x9b;
		level3[middle] = (uint64_t)level2 | 3;
	}
	return address;
}

/* --- interrupts --- */

static bool x2apic(void)
{
	return rdmsr(MSR_APIC_BASE) & 1 << 10;
}

uint32_t apic_read(unsigned reg)
{
	return x2apic() ? (uint32_t)rdmsr(MSR_X2APIC + reg / 16) : read32(0xfee00000 + reg);
}

void apic_write(unsigned reg, uint32_t v)
{
	if (x2apic())
		wrmsr(MSR_X2APIC + reg / 16, v);
	else
		write32(0xfee00000 + reg, v);
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

void x2apic_on(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 1 << 10);
}

void ioapic_route(unsigned gsi, unsigned vector, bool level)
{
	/* 82093AA data sheet §3.2.4: destination in the high dword; mask, trigger, vector in the low. */
	write32(IOAPIC, 0x11 + 2 * gsi), write32(IOAPIC + 0x10, apic_id() << 24);
	write32(IOAPIC, 0x10 + 2 * gsi), write32(IOAPIC + 0x10, (vector ? vector : 1u << 16) | (level ? 1u << 15 : 0));
}

uint32_t apic_id(void)
{
	return x2apic() ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

void apic_ipi(uint32_t to, uint32_t low)
{
	if (x2apic()) {
		wrmsr(MSR_X2APIC + APIC_ICR / 16, (uint64_t)to << 32 | low);
		return;
	}
	apic_write(APIC_ICR_HIGH, to << 24);
	apic_write(APIC_ICR, low);
}

struct gate {
	uint16_t low, selector, type, middle;
	uint32_t high, reserved;
};

void irq_init(void)
{
	static struct gate idt[48];
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) pointer = { sizeof(idt) - 1, (uint64_t)idt };

	/* Other processors that come here write the same again. */
	for (unsigned i = 0; i < 48; i++) {
		uint64_t at = i < 32 ? (uint64_t)fault_entries + 16 * i : (uint64_t)irq_entries + 16 * (i - 32);

		idt[i] = (struct gate){ (uint16_t)at, 0x08, 0x8e00, (uint16_t)(at >> 16), (uint32_t)(at >> 32), 0 };
	}
	asm volatile("lidt %0" :: "m"(pointer));
	apic_write(APIC_SVR, 0x1ff);
	asm volatile("sti");
}

bool irq_wait(unsigned vector, uint32_t n)
{
	for (unsigned ms = 0; ms < 10000; ms++) {
		if (irq_count[vector - 32] >= n)
			return true;
		mdelay(1);
	}
	return false;
}

__attribute__((weak)) void ap_work(unsigned number)
{
	(void)number;
}

void ap_main(void)
{
	unsigned number = __atomic_add_fetch(&cpus_up, 1, __ATOMIC_SEQ_CST);

	ap_work(number);
}

unsigned smp_start(void)
{
	const unsigned char *madt = acpi_table("APIC"), *p;
	uint32_t self = apic_id(), expected = 0;

	if (!madt)
		bad("no MADT");
	memcpy((void *)(uint64_t)AP_PAGE, ap_start, (unsigned long)(ap_end - ap_start));
	for (p = madt + 44; p < madt + unaligned(madt + 4, 4) && p[1] >= 2; p += p[1]) {
		bool enabled;
		uint32_t id;

		if (p[0] == 0)		/* local APIC */
			id = p[3], enabled = p[4] & 1;
		else if (p[0] == 9)	/* local x2APIC */
			id = (uint32_t)unaligned(p + 4, 4), enabled = p[8] & 1;
		else
			continue;
		if (!enabled || id == self)
			continue;
		expected++;
		apic_ipi(id, 0x4500);			/* INIT */
		mdelay(10);
		apic_ipi(id, 0x4600 | AP_PAGE >> 12);	/* SIPI, twice as the book says */
		mdelay(1);
		if (cpus_up < expected)
			apic_ipi(id, 0x4600 | AP_PAGE >> 12);
	}
	for (unsigned ms = 0; ms < 15000 && cpus_up < expected; ms++)
		mdelay(1);
	if (cpus_up != expected)
		bad("of %d other processors %d came up", (uint64_t)expected, (uint64_t)cpus_up);
	return expected + 1;
}

/* --- PCI --- */

uint64_t pci_address(unsigned bdf, unsigned offset)
{
	static uint64_t base;

	if (!base)
		base = ecam_base();
	if (!base)
		bad("no MCFG");
	return base + ((uint64_t)bdf << 12) + offset;
}

int pci_find(uint32_t device_vendor)
{
	for (unsigned bdf = 0; bdf < 256; bdf++)
		if (pci_read(bdf, 0) == device_vendor)
			return (int)bdf;
	return -1;
}

unsigned pci_capability(unsigned bdf, unsigned id)
{
	unsigned at = pci_read(bdf, 0x34) & 0xfc;

	/* 48 capabilities fill the space: more is a loop. */
	for (unsigned n = 0; at && n < 48; n++, at = pci_read(bdf, at) >> 8 & 0xfc)
		if ((pci_read(bdf, at) & 0xff) == id)
			return at;
	return 0;
}

uint64_t pci_bar(unsigned bdf, unsigned n)
{
	uint32_t low = pci_read(bdf, 0x10 + 4 * n);
	uint64_t address = low & ~15u;

	if ((low & 6) == 4)
		address |= (uint64_t)pci_read(bdf, 0x14 + 4 * n) << 32;
	return address ? map_gib(address) : 0;
}

uint64_t pci_bar_size(unsigned bdf, unsigned n)
{
	unsigned at = 0x10 + 4 * n;
	uint32_t command = pci_read(bdf, 4), low = pci_read(bdf, at), high = 0, size_low, size_high = ~0u;

	pci_write(bdf, 4, command & ~3u & 0xffff);
	pci_write(bdf, at, ~0u);
	size_low = pci_read(bdf, at);
	pci_write(bdf, at, low);
	if ((low & 7) == 4) {
		high = pci_read(bdf, at + 4);
		pci_write(bdf, at + 4, ~0u);
		size_high = pci_read(bdf, at + 4);
		pci_write(bdf, at + 4, high);
	}
	pci_write(bdf, 4, command & 0xffff);
	if (!size_low)
		return 0;
	return ~((uint64_t)size_high << 32 | (size_low & ~(low & 1 ? 3u : 15u))) + 1;
}

uint64_t noise(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}
