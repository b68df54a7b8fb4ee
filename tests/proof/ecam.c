/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An access to configuration space of any size and at any place is cut into pieces that are naturally aligned and at
 * most a dword, in order and without a gap, each for the function at its place; what is on another bus, or where no
 * function is, reads all-ones. CF8 and CFC lead to the same.
 *
 * unwind: 10, bytes of the longest access
 * cbmc: --unwindset main.0:257
 */
#include "../../devices/pci/root.c"
#include <proof.h>

static struct pci_root root;
static struct pci_function there;
static uint64_t next;
static unsigned pieces;

static void piece_is_good(struct pci_function *fn, unsigned offset, unsigned len)
{
	prove(fn == &there, "the function of that place");
	prove((len == 1 || len == 2 || len == 4) && offset % len == 0 && offset + len <= PCI_CONFIG_SIZE, "aligned, and in its space");
	prove(offset == (next & 0xfff), "in order");
	next += len;
	pieces++;
}

static uint32_t config_read_op(struct pci_function *fn, unsigned offset, unsigned len)
{
	piece_is_good(fn, offset, len);
	return 0x44332211u >> 8 * (offset & 3);
}

static void config_write_op(struct pci_function *fn, unsigned offset, unsigned len, uint32_t value)
{
	piece_is_good(fn, offset, len);
}

static const struct pci_function_ops ops = { .config_read = config_read_op, .config_write = config_write_op };

uint32_t pci_config_read(const struct pci_function *fn, unsigned offset, unsigned len)
{
	prove(false, "it has its own");
	return 0;
}

void pci_config_write(struct pci_function *fn, unsigned offset, unsigned len, uint32_t value)
{
	prove(false, "it has its own");
}

int main(void)
{
	uint8_t data[8] = { 0 };
	unsigned offset = any(unsigned), len = any(unsigned), i = any(unsigned);
	uint64_t at;
	bool is_write = any(bool);

	there.ops = &ops;
	root.functions[8] = &there;
	assume(len == 1 || len == 2 || len == 4 || len == 8);
	assume(offset < 4096 && len <= 4096 - offset && i < len);
	at = next = 8 * 4096 + offset;
	if (any(bool)) {
		at += MIB(1);
		ecam_access(&root, at, data, len, is_write);
		prove(!pieces && (is_write || data[i] == 0xff), "another bus");
		reach("another bus");
	} else {
		ecam_access(&root, at, data, len, is_write);
		prove(next == at + len, "all of it");
		prove(is_write || data[i] == 0x11 * (1 + (offset + i) % 4), "each byte from its place");
		if (pieces == 3)
			reach("crooked");
	}
	return 0;
}
