/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A function's configuration space as bytes with masks (PCI 3.0 §6.1, PCIe 6.0 §7.5.1): what the
 * guest may write, what a written 1 clears, and nothing that depends on the access's width.
 *
 * Runs under the device lock.
 */
#include "bar.h"

#include <base/bytes.h>
#include <linux/pci_regs.h>
#include <string.h>

void pci_function_init(struct pci_function *fn, const char *name,
		       const struct pci_function_ops *ops, uint16_t vendor, uint16_t device,
		       uint32_t class_revision)
{
	/* Fast back-to-back, palette snoop and address stepping do not exist (PCIe 6.0 §7.5.1.1.3). */
	const uint16_t command = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
				 PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE;

	memset(fn, 0, sizeof(*fn));
	fn->plain = !ops || !ops->config_read;
	fn->name = name;
	fn->ops = ops;
	store_le16(fn->config + PCI_VENDOR_ID, vendor);
	store_le16(fn->config + PCI_DEVICE_ID, device);
	store_le32(fn->config + PCI_CLASS_REVISION, class_revision);
	store_le16(fn->writable + PCI_COMMAND, command);
	fn->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	fn->writable[PCI_INTERRUPT_LINE] = 0xff;
}

void pci_function_bar(struct pci_function *fn, unsigned index, enum pci_bar_kind kind,
		      bool prefetchable, uint64_t size)
{
	unsigned at = bar_offset(index);
	uint64_t mask = ~(size - 1);
	uint32_t type = 0;

	fn->bars[index] = (struct pci_bar){
		.kind = kind,
		.prefetchable = prefetchable,
		.size = size,
	};
	switch (kind) {
	case PCI_BAR_IO:
		type = PCI_BASE_ADDRESS_SPACE_IO;
		break;
	case PCI_BAR_MEM64:
		type = PCI_BASE_ADDRESS_MEM_TYPE_64;
		store_le32(fn->writable + at + 4, (uint32_t)(mask >> 32));
		store_le32(fn->config + at + 4, 0);
		break;
	case PCI_BAR_ROM_MEM:
		mask = (mask & ~0x7ffull) | PCI_ROM_ADDRESS_ENABLE;
		break;
	case PCI_BAR_MEM32:
	case PCI_BAR_NONE:
		break;
	}
	if (prefetchable)
		type |= PCI_BASE_ADDRESS_MEM_PREFETCH;
	store_le32(fn->config + at, type);
	store_le32(fn->writable + at, kind == PCI_BAR_NONE ? 0 : (uint32_t)mask);
}

uint32_t pci_config_read(const struct pci_function *fn, unsigned offset, unsigned len)
{
	if (offset > PCI_CONFIG_SIZE || len > PCI_CONFIG_SIZE - offset)
		return UINT32_MAX;
	return (uint32_t)load_le(fn->config + offset, MIN(len, 4u));
}

static bool touches(unsigned offset, unsigned len, unsigned from, unsigned to)
{
	return offset < to && from < offset + len;
}

void pci_config_write(struct pci_function *fn, unsigned offset, unsigned len, uint32_t value)
{
	uint16_t before = load_le16(fn->config + PCI_COMMAND), now;
	bool changed = false;

	if (offset > PCI_CONFIG_SIZE || len > 4 || len > PCI_CONFIG_SIZE - offset)
		return;
	for (unsigned i = 0; i < len; i++) {
		uint8_t v = (uint8_t)(value >> (8 * i));
		uint8_t old = fn->config[offset + i], w = fn->writable[offset + i];
		uint8_t new = (uint8_t)((old & ~w) | (v & w));

		new &= (uint8_t) ~(v & fn->w1c[offset + i]);
		fn->config[offset + i] = new;
		changed |= new != old;
	}
	if (!changed)
		return;
	if (fn->page)
		memcpy(fn->page + offset, fn->config + offset, len);
	if (touches(offset, len, PCI_COMMAND, PCI_COMMAND + 2) ||
	    touches(offset, len, PCI_BASE_ADDRESS_0, PCI_BASE_ADDRESS_5 + 4) ||
	    touches(offset, len, PCI_ROM_ADDRESS, PCI_ROM_ADDRESS + 4))
		pci_function_refresh(fn);
	now = load_le16(fn->config + PCI_COMMAND);
	if (now != before && fn->ops && fn->ops->command_changed)
		fn->ops->command_changed(fn, before, now);
}
