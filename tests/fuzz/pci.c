/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI root with functions of any BARs, and a guest that moves them over each other, by ECAM and by CF8, beside a
 * model: a BAR decodes where its registers say when it fits there and nobody else is there, an access goes to whom it
 * is for, with its own offset, and to nobody else; a function that is not there reads all-ones. Bytes: how many
 * functions, their BARs, then operations.
 *
 * Fuzzes: devices/pci/root.c devices/pci/bar.c devices/pci/function.c vmm/core/bus.c
 */
#include "fuzz.h"

#include "board.h"

#define FUNCTIONS  6
#define OPERATIONS 200

static struct pci_function functions[FUNCTIONS];
static struct bus_region regions[FUNCTIONS][PCI_BAR_ROM + 1];
static unsigned n_functions;
static unsigned calls;
static const struct bus_region *last;
static uint64_t last_at;

/* A register space that reads as its own offset's lowest byte, in each byte. */
static void answer(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	struct bus_region *region = ctx;

	MUST(offset + len <= region->size);
	calls++;
	last = region;
	last_at = offset;
	for (unsigned i = 0; i < len && !is_write; i++)
		((uint8_t *)data)[i] = (uint8_t)(offset + i);
}

static struct bus *bus_of(const struct pci_function *fn, unsigned i)
{
	return fn->bars[i].kind == PCI_BAR_IO ? &pio : &mmio;
}

static int bar_map(struct pci_function *fn, unsigned i, uint64_t address)
{
	struct bus_region *region = &regions[fn - functions][i];

	*region = (struct bus_region){ .base = address,
				       .size = fn->bars[i].size,
				       .handler = answer,
				       .ctx = region,
				       .name = fn->name };
	return bus_add(bus_of(fn, i), region);
}

static void bar_unmap(struct pci_function *fn, unsigned i)
{
	bus_remove(bus_of(fn, i), &regions[fn - functions][i]);
}

static const struct pci_function_ops ops = { .bar_map = bar_map, .bar_unmap = bar_unmap };

static unsigned devfn_of(unsigned i)
{
	return PCI_DEVFN(1 + i / 2, i & 1 ? 3 : 0);
}

static void make_function(unsigned i, struct input *in)
{
	struct pci_function *fn = &functions[i];

	pci_function_init(fn, "f", &ops, 0x1234, (uint16_t)i, 0xff000000);
	for (unsigned k = 0; k < 6; k++) {
		uint8_t kind = take8(in), log2 = kind >> 2 & 31;
		bool wide = (kind & 3) == 2 && k < 5;

		if (!(kind & 3))
			continue;
		if ((kind & 3) == 3)
			pci_function_bar(fn, k, PCI_BAR_IO, false, 4ull << log2 % 8);
		else
			pci_function_bar(fn, k, wide ? PCI_BAR_MEM64 : PCI_BAR_MEM32, kind & 0x80,
					 16ull << log2 % 26);
		k += wide;
	}
	if (take8(in) & 1)
		pci_function_bar(fn, PCI_BAR_ROM, PCI_BAR_ROM_MEM, false, KIB(4));
	if (pci_root_add(&root, fn, devfn_of(i)))
		abort();
}

/* --- the model --- */

static uint32_t reg(const struct pci_function *fn, unsigned at)
{
	return load_le32(fn->config + at);
}

static struct range place_of(const struct pci_function *fn, unsigned i)
{
	uint64_t size = fn->bars[i].size;

	if (i == PCI_BAR_ROM)
		return (struct range){ reg(fn, PCI_ROM_ADDRESS) & ~0x7ffu, size };
	if (fn->bars[i].kind == PCI_BAR_IO)
		return (struct range){ reg(fn, BAR(i)) & ~3u, size };
	return (struct range){ (reg(fn, BAR(i)) & ~15u) |
				       (fn->bars[i].kind == PCI_BAR_MEM64
						? (uint64_t)reg(fn, BAR(i) + 4) << 32
						: 0),
			       size };
}

static bool is_on(const struct pci_function *fn, unsigned i)
{
	uint32_t command = reg(fn, PCI_COMMAND);

	if (fn->bars[i].kind == PCI_BAR_NONE)
		return false;
	if (fn->bars[i].kind == PCI_BAR_IO)
		return command & PCI_COMMAND_IO;
	return command & PCI_COMMAND_MEMORY &&
	       (i != PCI_BAR_ROM || reg(fn, PCI_ROM_ADDRESS) & PCI_ROM_ADDRESS_ENABLE);
}

static bool is_inside(const struct pci_function *fn, unsigned i)
{
	const struct pci_root_config *c = &root.config;
	struct range at = place_of(fn, i);

	if (fn->bars[i].kind == PCI_BAR_IO)
		return range_holds(c->io, at.base, at.size);
	return (range_holds(c->mem32, at.base, at.size) ||
		range_holds(c->mem64, at.base, at.size)) &&
	       !range_overlaps(c->ecam, at);
}

/* Of all that are on and could be there: in the way of this one, `mapped` or not. */
static bool is_in_the_way(const struct pci_function *fn, unsigned i, bool mapped)
{
	for (unsigned f = 0; f < n_functions; f++)
		for (unsigned k = 0; k <= PCI_BAR_ROM; k++) {
			const struct pci_function *other = &functions[f];

			if ((other == fn && k == i) || (mapped && !other->bars[k].mapped) ||
			    !is_on(other, k) || bus_of(other, k) != bus_of(fn, i))
				continue;
			if (range_overlaps(place_of(fn, i), place_of(other, k)))
				return true;
		}
	return false;
}

/* What decodes: nothing over another, and all that can. */
static void check(void)
{
	for (unsigned f = 0; f < n_functions; f++)
		for (unsigned i = 0; i <= PCI_BAR_ROM; i++) {
			const struct pci_function *fn = &functions[f];

			if (!fn->bars[i].mapped) {
				MUST(!is_on(fn, i) || !is_inside(fn, i) ||
				     is_in_the_way(fn, i, true));
				continue;
			}
			MUST(is_on(fn, i) && is_inside(fn, i) && !is_in_the_way(fn, i, true));
			MUST(regions[f][i].base == place_of(fn, i).base);
		}
}

/* Who hears of an access that lies whole in one BAR; NULL: nobody. */
static const struct bus_region *listener(const struct bus *bus, uint64_t at, unsigned len)
{
	for (unsigned f = 0; f < n_functions; f++)
		for (unsigned i = 0; i <= PCI_BAR_ROM; i++)
			if (functions[f].bars[i].mapped && bus_of(&functions[f], i) == bus &&
			    range_holds(place_of(&functions[f], i), at, len))
				return &regions[f][i];
	return NULL;
}

static void access_bus(struct bus *bus, uint64_t at, unsigned len, bool is_write)
{
	const struct bus_region *who = listener(bus, at, len);
	uint8_t data[8] = { 0 };

	if (range_overlaps(root.config.ecam, (struct range){ at, len }) ||
	    (bus == &pio && range_overlaps((struct range){ 0xcf8, 8 }, (struct range){ at, len })))
		return;
	calls = 0;
	bus_access(bus, at, data, len, is_write);
	if (!who) {
		/* Also one that reaches over a BAR's end. */
		MUST(!calls && (is_write || data[0] == 0xff));
		return;
	}
	MUST(calls == 1 && last == who && last_at == at - who->base);
	for (unsigned i = 0; i < len && !is_write; i++)
		MUST(data[i] == (uint8_t)(at - who->base + i));
}

/* --- operations --- */

static void config_set(unsigned devfn, unsigned at, unsigned len, uint64_t value, bool by_cf8)
{
	if (by_cf8 && len <= 4 && (at & 3) + len <= 4) {
		port_set(0xcf8, 4, 0x80000000 | devfn << 8 | (at & 0xfc));
		port_set(0xcfc + (at & 3), len, value);
	} else {
		set(ECAM + (devfn << 12) + at, len, value);
	}
}

/* The same by both doors, and as the function has it. */
static void config_check(unsigned devfn, unsigned at, unsigned len)
{
	const struct pci_function *fn = root.functions[devfn];
	uint64_t value = get(ECAM + (devfn << 12) + at, len),
		 all = len < 8 ? BIT64(8 * len) - 1 : ~0ull;

	MUST(value == (fn ? load_le(fn->config + at, len) & all : all));
	if (len > 4 || (at & 3) + len > 4)
		return;
	port_set(0xcf8, 4, 0x80000000 | devfn << 8 | (at & 0xfc));
	MUST(port(0xcfc + (at & 3), len) == value);
}

static uint64_t take_place(struct input *in)
{
	static const uint64_t places[] = { 0, MEM32, MEM32 + MIB(1), MEM64, ECAM, IO, UINT64_MAX };
	uint8_t which = take8(in);

	return which < 32 ? places[which % ARRAY_SIZE(places)] + take8(in) * 16 : take64(in);
}

static void operate(struct input *in)
{
	uint8_t op = take8(in), arg = take8(in), at = take8(in);
	unsigned len = 1u << (op >> 6), f = arg % n_functions, devfn = devfn_of(f);

	switch (op % 8) {
	case 0:
	case 1:
		config_set(devfn, BAR(at % 6), len, take_place(in), op & 8);
		break;
	case 2:
		config_set(devfn, PCI_COMMAND, 2, at, op & 8);
		break;
	case 3:
		config_set(devfn, at & (256 - len), len, take64(in), op & 8);
		break;
	case 4:
		if (at + len <= 256)
			config_check(arg & 0x80 ? devfn : arg, at, len);
		break;
	case 5:
		access_bus(op & 8 ? &pio : &mmio, take_place(in), len, op & 16);
		break;
	case 6: /* around the ends of one */
		if (functions[f].bars[at % 7].mapped) {
			struct range place = place_of(&functions[f], at % 7);

			access_bus(bus_of(&functions[f], at % 7),
				   place.base + (op & 16 ? place.size : 0) + take8(in) % 16 - 8,
				   len, op & 8);
		}
		break;
	default:
		config_set(devfn, PCI_ROM_ADDRESS, 4, take_place(in) | (at & 1), op & 8);
	}
}

static void fuzz(struct input *in)
{
	board_init();
	n_functions = 1 + take8(in) % FUNCTIONS;
	for (unsigned i = 0; i < n_functions; i++)
		make_function(i, in);
	if (!fuzz_told(pci_root_assign(&root)))
		MUST(!"assign");
	check();
	for (unsigned i = 0; i < OPERATIONS && in->n; i++) {
		operate(in);
		check();
	}
	for (unsigned i = 0; i < n_functions; i++)
		pci_root_remove(&root, &functions[i]);
	MUST(mmio.n == 1 && pio.n == 1);
	pci_root_deinit(&root);
}
