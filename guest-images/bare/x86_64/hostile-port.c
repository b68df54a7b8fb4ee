/* SPDX-License-Identifier: BSD-2-Clause */
/* Every port, read and written in every size, single and in strings; but what powers off or resets. */
#include "../lib/bare.h"

static uint8_t buffer[8192];

static void single(uint16_t port, unsigned size)
{
	uint32_t v = (uint32_t)noise();

	switch (size) {
	case 1: outb(port, (uint8_t)v), inb(port); break;
	case 2: outw(port, (uint16_t)v), inw(port); break;
	default: outl(port, v), inl(port);
	}
}

static void strings(uint16_t port, unsigned long count)
{
	void *to = buffer;
	unsigned long n = count;

	asm volatile("rep insb" : "+D"(to), "+c"(n) : "d"(port) : "memory");
	to = buffer, n = count;
	asm volatile("rep insw" : "+D"(to), "+c"(n) : "d"(port) : "memory");
	to = buffer, n = count;
	asm volatile("rep insl" : "+D"(to), "+c"(n) : "d"(port) : "memory");
	to = buffer, n = count;
	asm volatile("rep outsb" : "+S"(to), "+c"(n) : "d"(port) : "memory");
	to = buffer, n = count;
	asm volatile("rep outsw" : "+S"(to), "+c"(n) : "d"(port) : "memory");
	to = buffer, n = count;
	asm volatile("rep outsl" : "+S"(to), "+c"(n) : "d"(port) : "memory");
}

void main(void)
{
	uint16_t power = power_port(FADT_SLEEP);
	const bool few = !memcmp(command_line(), "few", 3);	/* from 400h one size, from 1000h every 16th */

	for (unsigned port = 0; port < 0x10000; port++) {
		bool device = port >> 3 == 0x3f8 >> 3 || port >> 3 == 0xcf8 >> 3;

		/* Wider accesses reach up to three ports further; the block has four. */
		if (port + 3 >= power && port < power + 4u)
			continue;
		if (port == 0x64 || port == 0xcf9) /* bytes only */
			continue;
		/* In the bridge's window any one size; where devices are all of them, some often. */
		if (port >= 0x1000 && few && port % 16)
			continue;
		if (port >= (few ? 0x400 : 0x1000))
			single((uint16_t)port, 1u << (noise() >> 8) % 3);
		else
			for (unsigned i = 0; i < (device ? 20 : 1); i++)
				single((uint16_t)port, 1), single((uint16_t)port, 2), single((uint16_t)port, 4);
		if (device || port % 0x1000 == 0x3f8 || port == 0xffff)
			strings((uint16_t)port, 20);
	}
	strings(0xcfc, 1100);
	strings(0x3ff, 1100);
	for (unsigned port = 0; port < 4; port++)
		inb((uint16_t)(power + port)), inw((uint16_t)(power + port)), inl((uint16_t)(power + port));
	outb(0x3fb, 0), outb(0x3f9, 0), outb(0x3fa, 0), outb(0x3fc, 0);	/* the console, out of loopback */
	say("");
	ok();
}
