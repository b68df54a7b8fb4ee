/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses to a passed function's configuration space by its masks: to the device, to pci->config[], or
 * to both (config.h). What follows from a write is told by vfio_config_touched() and done by function.c.
 *
 * Main thread, or a vcpu that is alone with the function.
 */
#include "config.h"

#include <base/bytes.h>
#include <linux/pci_regs.h>
#include <string.h>

#define ALL UINT32_MAX

static uint32_t full(unsigned len)
{
	return len < 4 ? BIT(8 * len) - 1 : ALL;
}

void vfio_config_emulate(struct vfio_config *config, unsigned offset, unsigned len, uint32_t bits,
			 uint32_t value, uint32_t writable)
{
	struct pci_function *pci = config->pci;

	for (unsigned i = 0; i < len; i++) {
		uint8_t mask = (uint8_t)(bits >> (8 * i));
		unsigned at = offset + i;

		config->ours[at] |= mask;
		config->passes[at] &= (uint8_t)~mask;
		pci->config[at] = (uint8_t)((pci->config[at] & ~mask) |
					    ((value >> (8 * i)) & mask));
		pci->writable[at] = (uint8_t)((pci->writable[at] & ~mask) |
					      ((writable >> (8 * i)) & mask));
	}
}

void vfio_config_mark(struct vfio_config *config, unsigned offset, unsigned len, uint8_t touch)
{
	for (unsigned i = offset; i < offset + len && i < PCI_CONFIG_SIZE; i++)
		config->touches[i] |= touch;
}

/* Capabilities are dword aligned, so there are no more than this in a list. */
#define LIST_MAX (PCI_CFG_SPACE_SIZE / 4)

void vfio_config_hide(struct vfio_config *config, unsigned cap, unsigned len)
{
	uint8_t *bytes = config->pci->config;
	unsigned link = PCI_CAPABILITY_LIST;

	for (unsigned i = 0; i < LIST_MAX && bytes[link] && bytes[link] != cap; i++)
		link = bytes[link] + PCI_CAP_LIST_NEXT;
	if (bytes[link] == cap)
		bytes[link] = bytes[cap + PCI_CAP_LIST_NEXT];
	for (unsigned at = cap; at < cap + len && at < PCI_CFG_SPACE_SIZE; at++) {
		vfio_config_emulate(config, at, 1, 0xff, 0, 0);
		config->touches[at] = 0;
	}
}

unsigned vfio_config_touched(const struct vfio_config *config, unsigned offset, unsigned len)
{
	unsigned touched = 0;

	for (unsigned i = offset; i < offset + len; i++)
		touched |= config->touches[i];
	return touched;
}

bool vfio_config_take_reset(const struct vfio_config *config, unsigned offset, unsigned len,
			    uint32_t *value)
{
	bool reset = false;

	for (unsigned i = 0; i < ARRAY_SIZE(config->resets); i++) {
		unsigned at = config->resets[i].at;
		uint32_t bit;

		if (!at || at < offset || at >= offset + len)
			continue;
		bit = (uint32_t)config->resets[i].bit << (8 * (at - offset));
		reset |= *value & bit && config->resets[i].does;
		*value &= ~bit;
	}
	return reset;
}

uint32_t vfio_config_read(struct vfio_config *config, unsigned offset, unsigned len)
{
	uint32_t mask = (uint32_t)load_le(config->ours + offset, len), value = 0;

	if (mask != full(len))
		value = vfio_io_config_read(config->io, offset, len) & ~mask;
	if (config->io->lost)
		return full(len);
	return (value | (pci_config_read(config->pci, offset, len) & mask)) & full(len);
}

/* In the largest accesses that touch no other bits. */
void vfio_config_pass(struct vfio_config *config, unsigned offset, unsigned len, uint32_t value)
{
	uint32_t mask = (uint32_t)load_le(config->passes + offset, len);

	if (mask == full(len)) {
		vfio_io_config_write(config->io, offset, len, value);
	} else if (mask && len == 1) {
		value = (vfio_io_config_read(config->io, offset, 1) & ~mask) | (value & mask);
		vfio_io_config_write(config->io, offset, 1, value);
	} else if (mask) {
		vfio_config_pass(config, offset, len / 2, value & full(len / 2));
		vfio_config_pass(config, offset + len / 2, len / 2, value >> (4 * len));
	}
}

void vfio_config_reset(struct vfio_config *config)
{
	memcpy(config->pci->config, config->initial, sizeof(config->initial));
}
