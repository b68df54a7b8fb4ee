/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between root.c, function.c and bar.c: which BARs decode, and where.
 */
#pragma once

#include <devices/pci.h>

/* The address that the BAR's register holds, whether or not it decodes. */
uint64_t bar_register(const struct pci_function *fn, unsigned index);
void bar_set_register(struct pci_function *fn, unsigned index, uint64_t address);

/* Offset of the BAR's register in configuration space. */
unsigned bar_offset(unsigned index);

/* Unmap all of a function's BARs, whatever its registers say. */
void bar_unmap_all(struct pci_function *fn);

/* Map every BAR of every function that should decode and does not yet. */
void bar_map_waiting(struct pci_root *root);
