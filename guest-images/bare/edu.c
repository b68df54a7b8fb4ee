/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drives QEMU's edu device (QEMU docs/specs/edu.rst) that was passed to us: registers, INTx, MSI, and
 * a BAR that moves while decode is on.
 */
#include "lib/bare.h"

enum { IDENT = 0, LIVE = 4, FACTORIAL = 8, STATUS = 0x20, IRQ_STATUS = 0x24, IRQ_RAISE = 0x60, IRQ_ACK = 0x64 };
enum { MSI = 33, INTX = 34 };

static uint64_t bar;
static const uint32_t places[] = { BAR_PLACES };
static unsigned bdf;

static void irq(uint32_t status, uint32_t n)
{
	if (!irq_wait(MSI, n))
		bad("MSI %d did not come", (uint64_t)n);
	check("interrupt status", read32(bar + IRQ_STATUS), status);
	write32(bar + IRQ_ACK, status);
	check("interrupt acknowledged", read32(bar + IRQ_STATUS), 0);
}

static void move(uint32_t to)
{
	uint64_t old = bar;

	pci_write(bdf, 0x10, to);
	bar = to;
	check("at the new place", read32(bar + IDENT), 0x010000ed);
	if (old != bar)
		check("at the old place", read32(old + IDENT), ~0u);
}

static void interrupts(void)
{
	unsigned msi = pci_capability(bdf, 5);
	struct message message;

	irq_init();
	irq_route(pci_pin(bdf), INTX, true);	/* _PRT, interrupt-map */
	write32(bar + IRQ_RAISE, 0x40);
	if (!irq_wait(INTX, 1))
		bad("no INTx");
	write32(bar + IRQ_ACK, 0x40);	/* until now it came again and again */
	for (unsigned i = 0, n = 0; n != irq_count[INTX - 32]; i++, mdelay(50)) {
		n = irq_count[INTX - 32];
		if (i == 100)
			bad("INTx does not end");
	}
	irq_route(pci_pin(bdf), 0, true);
	message = irq_message(bdf, MSI);
	pci_write(bdf, msi + 4, (uint32_t)message.address);
	pci_write(bdf, msi + 8, (uint32_t)(message.address >> 32));
	pci_write(bdf, msi + 12, message.data);
	pci_write(bdf, msi, pci_read(bdf, msi) | 1 << 16);
	write32(bar + IRQ_RAISE, 0x80), irq(0x80, 1);
	write32(bar + STATUS, 0x80);	/* interrupt when the factorial is there */
	write32(bar + FACTORIAL, 10), irq(1, 2);
	check("10!", read32(bar + FACTORIAL), 3628800);
}

void main(void)
{
	int found = pci_find(0x11e81234);
	uint32_t home;

	if (found < 0)
		bad("no edu");
	bdf = (unsigned)found;
	bar = pci_bar(bdf, 0), home = (uint32_t)bar;
	check("BAR size", pci_bar_size(bdf, 0), 1 << 20);
	pci_write(bdf, 4, 2);
	check("identification", read32(bar + IDENT), 0x010000ed);
	write32(bar + LIVE, 0x12345678);
	check("liveness", read32(bar + LIVE), ~0x12345678u);
	write32(bar + IRQ_ACK, ~0u);	/* it has no reset: another guest's may be left */
	pci_write(bdf, 4, 6);
	interrupts();
	for (unsigned i = 0; i < 2; i++)
		move(places[i]);
	move(home);
	pci_write(bdf, 4, 4);
	check("decode off", read32(bar + IDENT), ~0u);
	ok();
}
