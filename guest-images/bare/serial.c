/* SPDX-License-Identifier: BSD-2-Clause */
/* The UART (PC16550D data sheet): FIFO and interrupts in loopback, then an echo of what is typed. */
#include "lib/bare.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, FCR = IIR, VECTOR = 42 };

static uint32_t seen;

static void expect_irq(const char *what)
{
	if (!irq_wait(VECTOR, ++seen))
		bad("no interrupt: %s", what);
}

static void loopback(void)
{
	serial_out(MCR, 0x10), serial_out(FCR, 0x87);	/* trigger level 8 */
	check("FIFOs are on", serial_in(IIR) & 0xc0, 0xc0);
	check("nothing pending", serial_in(IIR) & 15, 1);
	for (unsigned i = 0; i < 16; i++)
		serial_out(DATA, (uint8_t)(0x40 + i));
	check("16 bytes, no overrun", serial_in(LSR) & 3, 1);
	serial_out(DATA, 0x50);
	check("17 bytes, overrun", serial_in(LSR) & 3, 3);
	check("overrun is reported once", serial_in(LSR) & 3, 1);
	serial_out(IER, 1), expect_irq("received");
	for (unsigned i = 0; i < 16; i++) {
		check("reason", serial_in(IIR) & 15, i <= 8 ? 4 : 12);	/* level, then time-out */
		check("in order", serial_in(DATA), 0x40 + i);
	}
	check("empty", serial_in(LSR) & 1, 0);
	check("nothing pending any more", serial_in(IIR) & 15, 1);
	serial_out(IER, 0), serial_out(IER, 2), expect_irq("transmitter empty");
	check("reason", serial_in(IIR) & 15, 2);
	check("answered by reading it", serial_in(IIR) & 15, 1);
	serial_out(IER, 0), serial_out(MCR, 8), serial_out(FCR, 7);
}

void main(void)
{
	static char line[8192];
	unsigned n = 0;

	irq_init();
	irq_route(SERIAL_PIN, VECTOR, false);
	loopback();
	seen = irq_count[VECTOR - 32];
	serial_out(FCR, 0xc1), serial_out(IER, 1);
	say("type, and end with a newline");
	while (!n || line[n - 1] != '\n') {
		/* A new edge comes only after everything was taken. */
		for (unsigned tries = 0; !irq_wait(VECTOR, seen + 1); tries++)
			if (tries == 10)
				bad("no more input after %d bytes", (uint64_t)n);
		seen = irq_count[VECTOR - 32];
		while (serial_in(LSR) & 1 && n < sizeof(line) - 1 && (!n || line[n - 1] != '\n'))
			line[n++] = (char)serial_in(DATA);
		if (n == sizeof(line) - 1)
			bad("no newline in %d bytes", (uint64_t)n);
	}
	serial_out(IER, 0);
	line[n - 1] = 0;
	say("%s", line);
	ok();
}
