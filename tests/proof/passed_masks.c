/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration space of a passed function by its masks: a read gives our bits where they are ours and the device's
 * elsewhere; of a write the device gets the bits that are passed, and every other bit of it stays, whatever the size of
 * the access. Then function level reset bits: one that is set is taken out of what is written, and no other bit.
 *
 * files: devices/vfio/config.c
 * unwind: 5, bytes of a dword
 * cbmc: --no-array-field-sensitivity
 */
#include "../../devices/vfio/config.h"
#include <base/bytes.h>
#include <proof.h>

#define AT 0x40

static struct vfio_io io;
static struct pci_function pci;
static struct vfio_config config;
static uint8_t device[4];
static unsigned writes;

uint32_t vfio_io_config_read(struct vfio_io *at_io, unsigned offset, unsigned len)
{
	prove(offset >= AT && offset + len <= AT + 4 && offset % len == 0, "aligned");
	return (uint32_t)load_le(device + (offset - AT), len);
}

void vfio_io_config_write(struct vfio_io *at_io, unsigned offset, unsigned len, uint32_t value)
{
	prove(offset >= AT && offset + len <= AT + 4 && offset % len == 0, "aligned");
	store_le(device + (offset - AT), len, value);
	writes++;
}

uint32_t pci_config_read(const struct pci_function *fn, unsigned offset, unsigned len)
{
	return (uint32_t)load_le(fn->config + offset, len);
}

static void access(unsigned len)
{
	uint32_t ours = any(uint32_t), mine = any(uint32_t), passes = any(uint32_t), value = any(uint32_t);
	uint32_t before, got, bits = any(uint8_t);
	unsigned shift;
	uint32_t full = len == 4 ? ~0u : BIT(8 * len) - 1;

	config.io = &io;
	config.pci = &pci;
	store_le32(config.ours + AT, ours);
	store_le32(config.passes + AT, passes);
	store_le32(pci.config + AT, mine);
	before = load_le32(device);
	prove(vfio_config_read(&config, AT, len) == (((mine & ours) | (before & ~ours)) & full), "each bit from whose it is");
	vfio_config_pass(&config, AT, len, value & full);
	got = load_le32(device);
	prove(((got ^ before) & ~(passes & full)) == 0, "what is not passed stays");
	prove(((got ^ value) & passes & full) == 0, "what is passed is written");
	prove(writes || !(passes & full), "and only that is a write");

	shift = any(unsigned);
	assume(shift < 4);
	config.resets[0].at = AT + shift;
	config.resets[0].bit = (uint8_t)bits;
	config.resets[0].does = any(bool);
	bits = shift < len ? bits << (8 * shift) : 0;
	value = any(uint32_t);
	got = value;
	prove(vfio_config_take_reset(&config, AT, len, &got) == (config.resets[0].does && value & bits), "a reset that it has");
	prove(got == (value & ~bits), "its bit is taken out");
	if (len == 2 && writes > 1)
		reach("in parts");
}

int main(void)
{
	if (any(bool))
		access(4);
	else if (any(bool))
		access(2);
	else
		access(1);
	return 0;
}
