/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of bare.h that is the same everywhere. */
#include "bare.h"

#include <stdarg.h>

volatile uint32_t irq_count[VECTORS];
volatile uint32_t cpus_up;

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
	for (unsigned i = 0; i < 100000 && !(serial_in(5) & 0x20); i++)
		cpu_relax();
	serial_out(0, (uint8_t)c);
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

/* --- interrupts and processors --- */

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

/* --- PCI --- */

uint64_t pci_address(unsigned bdf, unsigned offset)
{
	static uint64_t base;

	if (!base)
		base = ecam_base();
	if (!base)
		bad("no ECAM");
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
