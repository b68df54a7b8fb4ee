/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration space of an emulated function by its masks: whatever is written, only bits that the guest may change
 * change, a written 1 clears what it is to clear, and a write of a dword does what two writes of words do, or four of
 * bytes. Reads give what is there. A dword that is no BAR's and not the command register's.
 *
 * files: devices/pci/function.c
 * unwind: 5, bytes of a dword
 * cbmc: --no-array-field-sensitivity
 */
#include <base/bytes.h>
#include <devices/pci.h>
#include <proof.h>

#define AT 0x40

static struct pci_function fn, parts;

unsigned bar_offset(unsigned index)
{
	return 0x10;
}

void pci_function_refresh(struct pci_function *function)
{
	prove(false, "no BAR is touched");
}

int main(void)
{
	uint32_t config = any(uint32_t), writable = any(uint32_t), w1c = any(uint32_t), value = any(uint32_t), now;

	store_le32(fn.config + AT, config);
	store_le32(fn.writable + AT, writable);
	store_le32(fn.w1c + AT, w1c);
	store_le32(parts.config + AT, config);
	store_le32(parts.writable + AT, writable);
	store_le32(parts.w1c + AT, w1c);
	pci_config_write(&fn, AT, 4, value);
	now = pci_config_read(&fn, AT, 4);
	prove(((now ^ config) & ~(writable | w1c)) == 0, "only what may change");
	prove((now & w1c & value) == 0, "a written 1 clears");
	prove(((now ^ value) & writable & ~w1c) == 0, "what may be written is");
	prove(((now ^ config) & w1c & ~writable & ~value) == 0, "a written 0 clears nothing");
	if (any(bool)) {
		pci_config_write(&parts, AT, 2, value & 0xffff);
		pci_config_write(&parts, AT + 2, 2, value >> 16);
	} else {
		pci_config_write(&parts, AT + 3, 1, value >> 24);
		pci_config_write(&parts, AT, 1, value & 0xff);
		pci_config_write(&parts, AT + 2, 1, value >> 16 & 0xff);
		pci_config_write(&parts, AT + 1, 1, value >> 8 & 0xff);
	}
	prove(pci_config_read(&parts, AT, 4) == now, "in parts it is the same");
	prove(pci_config_read(&fn, AT + 2, 2) == now >> 16 && pci_config_read(&fn, AT + 1, 1) == (now >> 8 & 0xff), "reads");
	reach("the end");
	return 0;
}
