/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which base address registers decode, and where (PCI 3.0 §6.2.5, PCIe 6.0 §7.5.1.2.1).
 *
 * A BAR decodes when the command register (§6.2.2) enables its space, the function is awake, and
 * its whole span lies inside one of the bridge's windows and touches neither ECAM nor a BAR that
 * decodes already. Otherwise it is left out with a line, one for each place, rate-limited, and tried
 * again whenever any BAR of any function changes: a guest that moves two BARs across each other gets
 * there.
 *
 * A BAR whose decode goes off goes at once. Guests turn it off and on around sizing (PCI 3.0 §6.2.5.1
 * tells them to), which costs two calls for each slot; but Linux finds it off when it sizes, since nobody
 * has turned it on before, so that a boot sees a handful of them. To leave a BAR mapped meanwhile would
 * take a device that is sure not to answer, and VFs, which ignore memory enable, are not.
 *
 * Runs under the device lock.
 */
#include "bar.h"

#include <base/bytes.h>
#include <base/error.h>
#include <base/log.h>
#include <inttypes.h>
#include <linux/pci_regs.h>

unsigned bar_offset(unsigned index)
{
	return index == PCI_BAR_ROM ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + 4 * index;
}

uint64_t bar_register(const struct pci_function *fn, unsigned index)
{
	const uint8_t *reg = fn->config + bar_offset(index);

	switch (fn->bars[index].kind) {
	case PCI_BAR_IO:
		return load_le32(reg) & ~3u;
	case PCI_BAR_MEM32:
		return load_le32(reg) & ~15u;
	case PCI_BAR_MEM64:
		return load_le64(reg) & ~15ull;
	case PCI_BAR_ROM_MEM:
		return load_le32(reg) & ~0x7ffu;
	case PCI_BAR_NONE:
		break;
	}
	return 0;
}

void bar_set_register(struct pci_function *fn, unsigned index, uint64_t address)
{
	uint8_t *reg = fn->config + bar_offset(index);
	uint32_t keep = fn->bars[index].kind == PCI_BAR_IO        ? 3u
			: fn->bars[index].kind == PCI_BAR_ROM_MEM ? 0x7ffu
								  : 15u;

	store_le32(reg, (uint32_t)address | (load_le32(reg) & keep));
	if (fn->bars[index].kind == PCI_BAR_MEM64)
		store_le32(reg + 4, (uint32_t)(address >> 32));
}

/* The command register and the ROM's own bit let the BAR decode. */
static bool enabled(const struct pci_function *fn, unsigned index)
{
	uint16_t command = load_le16(fn->config + PCI_COMMAND);

	if (fn->asleep)
		return false;
	switch (fn->bars[index].kind) {
	case PCI_BAR_IO:
		return command & PCI_COMMAND_IO;
	case PCI_BAR_MEM32:
	case PCI_BAR_MEM64:
		return command & PCI_COMMAND_MEMORY;
	case PCI_BAR_ROM_MEM:
		return command & PCI_COMMAND_MEMORY &&
		       fn->config[PCI_ROM_ADDRESS] & PCI_ROM_ADDRESS_ENABLE;
	case PCI_BAR_NONE:
		break;
	}
	return false;
}

static bool in_windows(const struct pci_root_config *config, const struct pci_bar *bar,
		       uint64_t address)
{
	if (bar->kind == PCI_BAR_IO)
		return range_holds(config->io, address, bar->size);
	return (range_holds(config->mem32, address, bar->size) ||
		range_holds(config->mem64, address, bar->size)) &&
	       !range_overlaps(config->ecam, (struct range){ address, bar->size });
}

static void unmap(struct pci_function *fn, unsigned index)
{
	if (!fn->bars[index].mapped)
		return;
	fn->bars[index].mapped = false;
	if (fn->ops && fn->ops->bar_unmap)
		fn->ops->bar_unmap(fn, index);
}

/* Is the span free of other BARs? */
static bool has_room(const struct pci_root *root, bool io, struct range span)
{
	for (unsigned devfn = 0; devfn < ARRAY_SIZE(root->functions); devfn++) {
		const struct pci_function *fn = root->functions[devfn];

		for (unsigned i = 0; fn && i <= PCI_BAR_ROM; i++) {
			const struct pci_bar *bar = &fn->bars[i];

			if (bar->mapped && (bar->kind == PCI_BAR_IO) == io &&
			    range_overlaps((struct range){ bar->address, bar->size }, span))
				return false;
		}
	}
	return true;
}

/* Left out: tell once for each address. 0 is where a BAR is that the guest has not placed: no news. */
static void misplaced(struct pci_function *fn, unsigned index, uint64_t address, const char *why,
		      const char *more)
{
	static struct ratelimit rl;
	struct pci_bar *bar = &fn->bars[index];

	if (address && bar->misplaced != address)
		log_guest(&rl, "%s: BAR %u at %#" PRIx64 " %s%s", fn->name, index, address, why,
			  more);
	bar->misplaced = address;
}

static void map(struct pci_function *fn, unsigned index)
{
	const struct pci_root_config *config = &fn->root->config;
	struct pci_bar *bar = &fn->bars[index];
	uint64_t address = bar_register(fn, index), where = address;
	bool io = bar->kind == PCI_BAR_IO;
	bool recorded = *error_message();
	int r;

	if (!in_windows(config, bar, address)) {
		misplaced(fn, index, address, "is outside the bridge's windows", "");
		return;
	}
	if (!has_room(fn->root, io, (struct range){ address, bar->size })) {
		misplaced(fn, index, address, "overlaps another BAR", "");
		return;
	}
	if (io && !config->pio)
		where = config->io_mmio + (address - config->io.base);
	r = fn->ops && fn->ops->bar_map ? fn->ops->bar_map(fn, index, where) : 0;
	if (r) {
		misplaced(fn, index, address, "cannot decode: ",
			  *error_message() ? error_message() : "the place is taken");
		if (!recorded)
			error_clear();
		return;
	}
	bar->address = address;
	bar->mapped = true;
	bar->misplaced = 0;
}

void bar_map_waiting(struct pci_root *root)
{
	for (unsigned devfn = 0; devfn < ARRAY_SIZE(root->functions); devfn++) {
		struct pci_function *fn = root->functions[devfn];

		for (unsigned i = 0; fn && i <= PCI_BAR_ROM; i++)
			if (!fn->bars[i].mapped && enabled(fn, i))
				map(fn, i);
	}
}

void bar_unmap_all(struct pci_function *fn)
{
	for (unsigned i = 0; i <= PCI_BAR_ROM; i++)
		unmap(fn, i);
}

void pci_function_refresh(struct pci_function *fn)
{
	if (!fn->root)
		return;
	for (unsigned i = 0; i <= PCI_BAR_ROM; i++)
		if (!enabled(fn, i) || fn->bars[i].address != bar_register(fn, i))
			unmap(fn, i);
	bar_map_waiting(fn->root);
}
