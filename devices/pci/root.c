/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI Express root: bus 0 behind ECAM (PCIe 6.0 §7.2.2) and CF8/CFC (PCI 3.0 §3.2.2.3.2), the
 * host bridge at 00.0, and the placing of BARs that firmware does on other machines.
 *
 * ECAM takes any size and alignment: an access is cut into naturally aligned pieces of at most a
 * dword, each for one function, so that nothing above here sees an access that spans registers it
 * did not expect. Functions that are absent, and buses other than 0, answer all-ones (§2.3.2).
 *
 * Linux takes CF8/CFC, two exits an access, wherever it finds them, and ECAM, one exit, where not. So they can
 * be hidden; and of functions that we emulate whole ECAM's reads cost none (struct pci_pages).
 *
 * Left out: hot plug, bridges and further buses, configuration writes by special cycle.
 *
 * Runs under the device lock.
 */
#include "bar.h"

#include <base/bytes.h>
#include <base/error.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#define CF8_ENABLE   0x80000000u
#define CF8_WRITABLE 0x80fffffcu /* bits 30:24 and 1:0 read as 0 (§3.2.2.3.2) */

#define BRIDGE_VENDOR 0x1b36 /* Red Hat; the id that QEMU gives its PCIe host bridge: every guest */
#define BRIDGE_DEVICE 0x0008 /* knows it and none has a driver that wants more of it */
#define BRIDGE_CLASS  0x06000000

static uint32_t config_read(struct pci_root *root, unsigned devfn, unsigned offset, unsigned len)
{
	struct pci_function *fn = root->functions[devfn];

	if (!fn)
		return UINT32_MAX;
	if (fn->ops && fn->ops->config_read)
		return fn->ops->config_read(fn, offset, len);
	return pci_config_read(fn, offset, len);
}

static void config_write(struct pci_root *root, unsigned devfn, unsigned offset, unsigned len,
			 uint32_t value)
{
	struct pci_function *fn = root->functions[devfn];

	if (!fn)
		return;
	if (fn->ops && fn->ops->config_write)
		fn->ops->config_write(fn, offset, len, value);
	else
		pci_config_write(fn, offset, len, value);
}

/* The longest naturally aligned piece, at most a dword, at the head of [at, at + len). */
static unsigned piece(uint64_t at, unsigned len)
{
	unsigned n = at & 1 ? 1 : at & 2 ? 2 : 4;

	while (n > len)
		n /= 2;
	return n;
}

/* Any access to the configuration space of one bus, as ECAM lays it out. */
static void config_access(struct pci_root *root, uint64_t at, uint8_t *data, unsigned len,
			  bool is_write)
{
	while (len) {
		unsigned n = piece(at, len);
		unsigned bus = (unsigned)(at >> 20), devfn = at >> 12 & 0xff, offset = at & 0xfff;

		if (bus) {
			if (!is_write)
				memset(data, 0xff, n);
		} else if (is_write) {
			config_write(root, devfn, offset, n, (uint32_t)load_le(data, n));
		} else {
			store_le(data, n, config_read(root, devfn, offset, n));
		}
		at += n;
		data += n;
		len -= n;
	}
}

static void ecam_access(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	struct pci_root *root = ctx;

	root->ecam_used = true;
	config_access(root, offset, data, len, is_write);
}

/*
 * CF8..CFF. Only a dword at CF8 is the address register; smaller or crooked accesses there are
 * ordinary port accesses that nothing claims (PCI 3.0 §3.2.2.3.2).
 */
static void cf8_access(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	struct pci_root *root = ctx;
	uint32_t address = root->config_address;

	if (offset == 1 && len == 1 && root->reset_control) {
		root->reset_control->handler(root->reset_control->ctx, 0, data, 1, is_write);
	} else if (root->config.no_cf8) {
		if (!is_write)
			memset(data, 0xff, len);
		else if (offset == 3 && len == 1)
			root->cf8_probed = true;
	} else if (offset == 0 && len == 4) {
		if (is_write)
			root->config_address = load_le32(data) & CF8_WRITABLE;
		else
			store_le32(data, address);
	} else if (offset >= 4 && address & CF8_ENABLE) {
		/* Bus, device and function are bits 23:8, the register bits 7:2. */
		uint64_t at = (uint64_t)(address >> 8 & 0xffff) << 12 | (address & 0xfc);

		config_access(root, at + (offset - 4), data, len, is_write);
	} else if (!is_write) {
		memset(data, 0xff, len);
	}
}

int pci_root_init(struct pci_root *root, const struct pci_root_config *config)
{
	int r;

	memset(root, 0, sizeof(*root));
	root->config = *config;
	root->ecam = (struct bus_region){
		.base = config->ecam.base,
		.size = config->ecam.size,
		.handler = ecam_access,
		.ctx = root,
		.name = "pci-ecam",
	};
	root->cf8 = (struct bus_region){
		.base = 0xcf8, .size = 8, .handler = cf8_access, .ctx = root, .name = "pci-cf8"
	};
	pci_function_init(&root->host_bridge, "host bridge", NULL, BRIDGE_VENDOR, BRIDGE_DEVICE,
			  BRIDGE_CLASS);
	r = bus_add(config->mmio, &root->ecam);
	if (!r && config->pio)
		r = bus_add(config->pio, &root->cf8);
	if (r) {
		pci_root_deinit(root);
		return fail(STATUS_FAILURE, -r, "PCI root: ECAM at %#" PRIx64 " or CF8: %s",
			    config->ecam.base, strerror(-r));
	}
	r = pci_root_add(root, &root->host_bridge, PCI_DEVFN(0, 0));
	if (r)
		pci_root_deinit(root);
	return r;
}

void pci_root_deinit(struct pci_root *root)
{
	for (unsigned devfn = 0; devfn < ARRAY_SIZE(root->functions); devfn++)
		if (root->functions[devfn])
			pci_root_remove(root, root->functions[devfn]);
	if (root->config.mmio)
		bus_remove(root->config.mmio, &root->ecam);
	if (root->config.pio)
		bus_remove(root->config.pio, &root->cf8);
}

int pci_root_add(struct pci_root *root, struct pci_function *fn, unsigned devfn)
{
	if (devfn >= ARRAY_SIZE(root->functions))
		return fail(STATUS_USAGE, EINVAL, "%s: PCI bus 0 ends at 1f.7", fn->name);
	if (root->functions[devfn])
		return fail(STATUS_USAGE, EEXIST, "%s: PCI address %02x.%u is taken by %s",
			    fn->name, devfn >> 3, devfn & 7, root->functions[devfn]->name);
	fn->root = root;
	fn->devfn = devfn;
	root->functions[devfn] = fn;
	pci_function_refresh(fn);
	return 0;
}

void pci_root_remove(struct pci_root *root, struct pci_function *fn)
{
	if (fn->root != root)
		return;
	bar_unmap_all(fn);
	fn->page = NULL;
	root->functions[fn->devfn] = NULL;
	fn->root = NULL;
	bar_map_waiting(root);
}

unsigned pci_intx_gsi(const struct pci_root_config *config, unsigned devfn, unsigned pin)
{
	if (!config->intx_n)
		return config->intx_gsi;
	return config->intx_gsi + ((devfn >> 3) + pin - 1) % config->intx_n;
}

/* Placing BARs. Largest first from each window's start: no gap is ever needed between two. */

struct placing {
	struct pci_function *fn;
	unsigned index;
};

static int by_size(const void *a, const void *b)
{
	const struct placing *x = a, *y = b;
	uint64_t xs = x->fn->bars[x->index].size, ys = y->fn->bars[y->index].size;

	if (xs != ys)
		return xs < ys ? 1 : -1;
	if (x->fn->devfn != y->fn->devfn)
		return x->fn->devfn < y->fn->devfn ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

/* Take `size` bytes, aligned to their size, from the front of what is left of a window. */
static bool take(struct range *window, uint64_t size, uint64_t *ret)
{
	uint64_t at = align_up(window->base, size);

	if (at < window->base || !range_holds(*window, at, size))
		return false;
	window->size -= at + size - window->base;
	window->base = at + size;
	*ret = at;
	return true;
}

/*
 * Prefetchable 64-bit BARs (the large ones) go high and leave the small 32-bit window to those that
 * have no choice; others that can go high do so when the low window is full. No bridge is in
 * between, so prefetchable and not may share a window (PCIe 6.0 §7.5.1.2.1).
 */
static int place(struct pci_function *fn, unsigned index, struct pci_root_config *left)
{
	const struct pci_bar *bar = &fn->bars[index];
	struct range *first = &left->mem32, *second = NULL;
	uint64_t address;

	if (bar->kind == PCI_BAR_IO) {
		first = &left->io;
	} else if (bar->kind == PCI_BAR_MEM64) {
		first = bar->prefetchable ? &left->mem64 : &left->mem32;
		second = bar->prefetchable ? &left->mem32 : &left->mem64;
	}
	if (!take(first, bar->size, &address) && !(second && take(second, bar->size, &address)))
		return fail(STATUS_HOST, ENOSPC,
			    "%s: BAR %u of %" PRIu64
			    " bytes does not fit in the guest's %s window; "
			    "leave out a device",
			    fn->name, index, bar->size,
			    bar->kind == PCI_BAR_IO      ? "I/O port"
			    : bar->kind == PCI_BAR_MEM64 ? "64-bit memory"
							 : "32-bit memory");
	bar_set_register(fn, index, address);
	return 0;
}

int pci_root_assign(struct pci_root *root)
{
	struct placing *all = calloc(ARRAY_SIZE(root->functions) * (PCI_BAR_ROM + 1), sizeof(*all));
	struct pci_root_config left = root->config;
	unsigned n = 0;
	int r = 0;

	if (!all)
		return fail(STATUS_FAILURE, ENOMEM, "PCI root: out of memory");
	for (unsigned devfn = 0; devfn < ARRAY_SIZE(root->functions); devfn++) {
		struct pci_function *fn = root->functions[devfn];

		for (unsigned i = 0; fn && i <= PCI_BAR_ROM; i++)
			if (fn->bars[i].kind != PCI_BAR_NONE)
				all[n++] = (struct placing){ fn, i };
	}
	qsort(all, n, sizeof(*all), by_size);
	/* Port 0 and address 0 read as "not placed". */
	if (left.io.size && !left.io.base)
		left.io = (struct range){ 4, left.io.size - 4 };
	for (unsigned i = 0; i < n && !r; i++)
		r = place(all[i].fn, all[i].index, &left);
	for (unsigned i = 0; i < n; i++)
		pci_function_refresh(all[i].fn);
	free(all);
	return r;
}
