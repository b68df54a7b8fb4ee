/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A board for tests of PCI functions: two buses, a root with windows, no KVM; and the guest's accesses
 * to it.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include <base/bytes.h>
#include <devices/pci.h>
#include <linux/pci_regs.h>

#define ECAM       0xe0000000ull
#define MEM32      0xc0000000ull
#define MEM64      0x100000000000ull
#define MEM64_SIZE TIB(1)
#define IO         0x1000ull
#define BAR(i)     (PCI_BASE_ADDRESS_0 + 4 * (i))

static struct bus mmio, pio;
static struct pci_root root;

static inline void board_init(void)
{
	struct pci_root_config config = {
		.mmio = &mmio,
		.pio = &pio,
		.ecam = { ECAM, MIB(2) }, /* two buses, of which there is one */
		.mem32 = { MEM32, MIB(256) },
		.mem64 = { MEM64, MEM64_SIZE },
		.io = { IO, KIB(4) },
		.intx_gsi = 16,
		.intx_n = 4,
	};

	memset(&mmio, 0, sizeof(mmio));
	memset(&pio, 0, sizeof(pio));
	if (pci_root_init(&root, &config))
		abort();
}

static inline uint64_t get(uint64_t address, unsigned len)
{
	uint8_t data[8] = { 0 };

	bus_access(&mmio, address, data, len, false);
	return load_le(data, len);
}

static inline void set(uint64_t address, unsigned len, uint64_t value)
{
	uint8_t data[8];

	store_le(data, len, value);
	bus_access(&mmio, address, data, len, true);
}

static inline uint64_t port(uint64_t at, unsigned len)
{
	uint8_t data[8];

	bus_access(&pio, at, data, len, false);
	return load_le(data, len);
}

static inline void port_set(uint64_t at, unsigned len, uint64_t value)
{
	uint8_t data[8];

	store_le(data, len, value);
	bus_access(&pio, at, data, len, true);
}
