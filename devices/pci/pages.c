/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of configuration space that the guest reads without an exit; see struct pci_pages. A slot is taken away
 * while the guest runs only from a function that stops being plain: where it just ends, closing the VM does it,
 * for KVM takes milliseconds for the first one.
 *
 * Main thread before the guest, then under the device lock.
 */
#include <devices/pci.h>

#include <base/error.h>
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int pci_pages_init(struct pci_pages *pages, struct memory *memory, gpa_t ecam,
		   const unsigned *devfns, unsigned n)
{
	int r = 0;

	memset(pages, 0, sizeof(*pages));
	if (sysconf(_SC_PAGESIZE) != PCI_CONFIG_SIZE || !n)
		return 0;
	pages->pages = mmap(NULL, n * PCI_CONFIG_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages->pages == MAP_FAILED)
		return fail(STATUS_HOST, errno,
			    "PCI configuration space: no memory for %u bytes: %s",
			    n * PCI_CONFIG_SIZE, strerror(errno));
	pages->memory = memory;
	memset(pages->pages, 0xff, n * PCI_CONFIG_SIZE);
	pages->n = n;
	for (unsigned i = 0; !r && i < n; i++) {
		pages->at[i].devfn = devfns[i];
		r = memory_slot_add(memory, ecam + devfns[i] * PCI_CONFIG_SIZE, PCI_CONFIG_SIZE,
				    pages->pages + i * PCI_CONFIG_SIZE, KVM_MEM_READONLY,
				    &pages->at[i].slot);
	}
	return r;
}

void pci_pages_deinit(struct pci_pages *pages)
{
	if (pages->memory)
		munmap(pages->pages, pages->n * PCI_CONFIG_SIZE);
	memset(pages, 0, sizeof(*pages));
}

static void take_away(struct pci_pages *pages, unsigned i)
{
	memory_slot_remove(pages->memory, pages->at[i].slot);
	pages->at[i].slot = MEMORY_SLOT_MAX;
}

void pci_root_show(struct pci_root *root, struct pci_pages *pages)
{
	root->pages = pages;
	for (unsigned i = 0; i < pages->n; i++) {
		struct pci_function *fn = root->functions[pages->at[i].devfn];

		if (!fn)
			continue;
		if (!fn->plain) {
			take_away(pages, i);
			continue;
		}
		fn->page = pages->pages + i * PCI_CONFIG_SIZE;
		memcpy(fn->page, fn->config, PCI_CONFIG_SIZE);
	}
}

void pci_function_hide(struct pci_function *fn)
{
	struct pci_pages *pages = fn->root ? fn->root->pages : NULL;

	if (!fn->page)
		return;
	take_away(pages, (unsigned)(fn->page - pages->pages) / PCI_CONFIG_SIZE);
	fn->page = NULL;
}
