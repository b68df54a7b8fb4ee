/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory and ports that nobody claims read as all-ones in any size, and swallow writes. */
#include "lib/bare.h"

static void memory(uint64_t at)
{
	at = loose(at);
	for (unsigned i = 0; i < 8; i++, at++) {
		write8(at, 0x55), write16(at, 0x5555), write32(at, 0x55555555), write64(at, 0x5555555555555555);
		check("8 bits", read8(at), 0xff);
		check("16 bits", read16(at), 0xffff);
		check("32 bits", read32(at), 0xffffffff);
		check("64 bits", read64(at), ~0ull);
	}
}

#ifdef __x86_64__
static void port(uint16_t at)
{
	static uint8_t bytes[64];
	void *to = bytes;
	unsigned long n = 16;

	outb(at, 0x55), outw(at, 0x5555), outl(at, 0x55555555);
	check("port, 8 bits", inb(at), 0xff);
	check("port, 16 bits", inw(at), 0xffff);
	check("port, 32 bits", inl(at), 0xffffffff);
	memset(bytes, 0, sizeof(bytes));
	asm volatile("rep insl" : "+D"(to), "+c"(n) : "d"(at) : "memory");
	for (unsigned i = 0; i < sizeof(bytes); i++)
		check("string of a port", bytes[i], 0xff);
}

/* Half an access is RAM's. The Arm architecture leaves open what becomes of one across such a border. */
static void across(uint64_t end)
{
	memory(end + 0xffc);
	write32(end - 4, 0x12345678);
	check("across the end of RAM", read64(end - 4), 0xffffffff12345678);
	write64(end - 4, 0x1122334455667788);
	check("written across the end of RAM", read64(end - 4), 0xffffffff55667788);
}
#endif

void main(void)
{
	const uint64_t end = ram_end(), places[] = { UNCLAIMED, end, end + 0xff0 };

	map_gib(0x4000000000);
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		memory(places[i]);
#ifdef __x86_64__
	across(end);
	/* Keyboard, fast A20, RTC, POST and DMA page, DMA, VGA; not the PIC and the PIT, which are KVM's. */
	port(0x60), port(0x92), port(0x70), port(0x80), port(0xc0), port(0xd0), port(0x3c0);
	port(0x3f0), port(0x400), port(0xcf0), port(0xd00), port(0xfff0), port(0xfffc);
#endif
	ok();
}
