/* SPDX-License-Identifier: BSD-2-Clause */
/* bare.h for x86_64. ACPI 6.5 chapter 5 for the tables, Intel SDM 3A chapter 11 for the local APIC. */
#include "../bare.h"

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
extern volatile uint32_t cpus_up;

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

uint64_t loose(uint64_t address)
{
	return address;
}

void aborts_expect(void)
{
	/* Such a read is all-ones here. */
}

uint8_t serial_in(unsigned reg)
{
	return inb((uint16_t)(COM1 + reg));
}

void serial_out(unsigned reg, uint8_t v)
{
	outb((uint16_t)(COM1 + reg), v);
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

void irq_route(unsigned pin, unsigned vector, bool level)
{
	/* 82093AA data sheet §3.2.4: destination in the high dword; mask, trigger, vector in the low. */
	write32(IOAPIC, 0x11 + 2 * pin), write32(IOAPIC + 0x10, cpu_id() << 24);
	write32(IOAPIC, 0x10 + 2 * pin), write32(IOAPIC + 0x10, (vector ? vector : 1u << 16) | (level ? 1u << 15 : 0));
}

struct message irq_message(unsigned bdf, unsigned vector)
{
	(void)bdf;
	return (struct message){ MSI_DOORBELL | cpu_id() << 12, vector };
}

uint64_t controllers(void)
{
	write32(IOAPIC, 1);
	return (uint64_t)read32(IOAPIC + 0x10) << 32 | apic_read(APIC_VERSION);
}

uint32_t cpu_id(void)
{
	return x2apic() ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

uint32_t cpu_id_told(void)
{
	uint32_t a = 0xb, b, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return d;
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

void cpu_ipi(uint32_t to, unsigned vector)
{
	apic_ipi(to, vector);
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

unsigned smp_start(void)
{
	const unsigned char *madt = acpi_table("APIC"), *p;
	uint32_t self = cpu_id(), expected = 0;

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
