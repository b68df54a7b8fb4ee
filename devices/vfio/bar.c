/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BARs of a passed function. What the device lets us map, and is not the MSI-X table or PBA, becomes
 * KVM memory: the guest's loads and stores reach the device without an exit. All else is trapped and
 * forwarded with the guest's own width.
 *
 * Each BAR is tiled by spans, once: the spans that VFIO offers (whole, or its sparse list), cut to
 * whole pages of the host, minus the pages that hold table or PBA; and what is between them. A BAR
 * smaller than a page, and an I/O BAR, is one trapped span. Mappings live as long as the function;
 * a move takes slots away and puts them elsewhere. A mapping has the guest address's offset into
 * min(BAR, 1 GiB), so that the kernel can use large entries at both ends.
 *
 * While decode is off, or the device sleeps, trapped spans read all-ones, and nothing reaches the
 * mapped ones (pci.h, lazy_unmap). This process itself never touches a mapping: there is no SIGBUS.
 *
 * Main thread, or under the device lock.
 */
#include "function.h"

#include <base/bytes.h>
#include <base/error.h>
#include <base/log.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MMAPS_MAX 64

/* Access to the device. */

void vfio_bar_device_access(struct vfio_function *fn, unsigned index, uint64_t offset, void *data,
			    unsigned len, bool is_write)
{
	const struct vfio_bar *bar = &fn->bars[index];
	uint8_t *p = data;
	int r = 0;

	while (len) {
		unsigned n = 8;

		while (n > len || !is_aligned(offset, n))
			n /= 2;
		if (!r && !fn->lost)
			r = is_write ? vfio_region_write(fn->dev, bar->at + offset, p, n)
				     : vfio_region_read(fn->dev, bar->at + offset, p, n);
		if ((r || fn->lost) && !is_write)
			memset(p, 0xff, n);
		offset += n;
		p += n;
		len -= n;
	}
	/* Refused although decode is on: a device that is gone, as its configuration space shows. */
	if (r && !fn->lost)
		vfio_config_device_read(fn, PCI_COMMAND, 4);
}

/* Is `offset` in the MSI-X structure at `at` of `bar`? If not, shorten *n so as not to reach it. */
static bool in_structure(const struct vfio_function *fn, unsigned index, unsigned bar,
			 struct range at, uint64_t offset, unsigned *n)
{
	if (!fn->msix.cap || index != bar)
		return false;
	if (offset < at.base) {
		*n = (unsigned)MIN((uint64_t)*n, at.base - offset);
		return false;
	}
	if (offset - at.base >= at.size)
		return false;
	*n = (unsigned)MIN((uint64_t)*n, at.base + at.size - offset);
	return true;
}

static bool decodes(const struct vfio_function *fn, unsigned index)
{
	uint16_t bit = fn->bars[index].io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;

	return !fn->lost && !fn->pci.asleep && load_le16(fn->pci.config + PCI_COMMAND) & bit;
}

/* A trapped access: each part of it to the MSI-X table, to the PBA, or to the device. */
static void span_answer(const struct vfio_span *span, uint64_t offset, void *data, unsigned len,
			bool is_write)
{
	struct vfio_function *fn = span->fn;
	const struct vfio_msix *msix = &fn->msix;
	uint8_t *p = data;

	if (!decodes(fn, span->bar)) {
		if (!is_write)
			memset(data, 0xff, len);
		return;
	}
	for (offset += span->offset; len;) {
		unsigned n = len;

		if (in_structure(fn, span->bar, msix->table_bar, msix->table_at, offset, &n))
			vfio_msix_table_access(fn, offset - msix->table_at.base, p, n, is_write);
		else if (!in_structure(fn, span->bar, msix->pba_bar, msix->pba_at, offset, &n))
			vfio_bar_device_access(fn, span->bar, offset, p, n, is_write);
		else if (!is_write) /* the PBA is read-only (PCIe 6.0 §7.7.2.7) */
			vfio_msix_pba_read(fn, offset - msix->pba_at.base, p, n);
		offset += n;
		p += n;
		len -= n;
	}
}

static void span_access(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	const struct vfio_span *span = ctx;

	span_answer(span, offset, data, len, is_write);
	vfio_function_accessed(span->fn, VFIO_PCI_BAR0_REGION_INDEX + span->bar,
			       span->offset + offset, load_le(data, len), len, is_write);
}

/* Coming and going. */

static void span_remove(struct vfio_span *span)
{
	struct vfio_function *fn = span->fn;
	const struct pci_root_config *config = &fn->root->config;

	vfio_p2p_remove(span);
	if (span->in_slot)
		memory_slot_remove(fn->memory, span->slot);
	if (span->on_bus)
		bus_remove(fn->bars[span->bar].io && config->pio ? config->pio : config->mmio,
			   &span->region);
	span->in_slot = span->on_bus = false;
}

static int span_add(struct vfio_span *span, uint64_t address)
{
	static struct ratelimit rl;
	struct vfio_function *fn = span->fn;
	const struct pci_root_config *config = &fn->root->config;
	const struct vfio_bar *bar = &fn->bars[span->bar];
	int r;

	if (span->hva) {
		r = memory_slot_add(fn->memory, address + span->offset, span->size, span->hva, 0,
				    &span->slot);
		span->in_slot = !r;
		span->address = address + span->offset;
		vfio_p2p_add(span);
		if (r != -ENOSPC)
			return r;
		/* Slower, but right. */
		log_guest(&rl, "%s: no KVM memory slot left; BAR %u is trapped", fn->dev->name,
			  span->bar);
		error_clear();
	}
	span->region = (struct bus_region){
		.base = address + span->offset,
		.size = span->size,
		.handler = span_access,
		.ctx = span,
		.name = bar->name,
	};
	r = bus_add(bar->io && config->pio ? config->pio : config->mmio, &span->region);
	span->on_bus = !r;
	return r;
}

int vfio_bar_map(struct pci_function *pci, unsigned index, uint64_t address)
{
	struct vfio_function *fn = vfio_function_of(pci);
	struct vfio_bar *bar;
	int r = 0;

	if (index == PCI_BAR_ROM)
		return vfio_rom_map(fn, address);
	bar = &fn->bars[index];
	for (unsigned i = 0; i < bar->n_spans && !r; i++)
		r = span_add(&bar->spans[i], address);
	if (r)
		vfio_bar_unmap(pci, index);
	return r;
}

void vfio_bar_unmap(struct pci_function *pci, unsigned index)
{
	struct vfio_function *fn = vfio_function_of(pci);

	if (index == PCI_BAR_ROM) {
		vfio_rom_unmap(fn);
		return;
	}
	for (unsigned i = 0; i < fn->bars[index].n_spans; i++)
		span_remove(&fn->bars[index].spans[i]);
}

/* Tiling. */

struct tiling {
	struct vfio_function *fn;
	unsigned bar;
	uint64_t page;
	struct range holes[2]; /* pages of table and PBA */
	uint64_t done;         /* tiled up to here */
};

static int span_push(struct tiling *t, uint64_t size, bool mapped)
{
	struct vfio_bar *bar = &t->fn->bars[t->bar];
	struct vfio_span *span = &bar->spans[bar->n_spans];
	uint64_t align = MIN(bar->size, GIB(1));
	int r = 0;

	if (!size)
		return 0;
	*span = (struct vfio_span){ .fn = t->fn, .bar = t->bar, .offset = t->done, .size = size };
	if (mapped)
		r = vfio_region_mmap(t->fn->dev, bar->at + t->done, size, align, &span->hva);
	if (r)
		return r;
	bar->n_spans++;
	t->done += size;
	return 0;
}

/* Map [from, to), whole pages, except for the holes. */
static int tile_mapped(struct tiling *t, uint64_t from, uint64_t to)
{
	int r = 0;

	from = MAX(from, t->done);
	while (from < to && !r) {
		uint64_t stop = to, next = to;

		/* The first hole that is not behind us bounds this piece. */
		for (unsigned i = 0; i < ARRAY_SIZE(t->holes); i++) {
			const struct range *hole = &t->holes[i];

			if (!hole->size || hole->base + hole->size <= from)
				continue;
			if (hole->base <= from) {
				stop = from;
				next = MIN(to, hole->base + hole->size);
				break;
			}
			if (hole->base < stop) {
				stop = hole->base;
				next = MIN(to, hole->base + hole->size);
			}
		}
		if (stop > from) {
			r = span_push(t, from - t->done, false);
			if (!r)
				r = span_push(t, stop - from, true);
		}
		from = next;
	}
	return r;
}

static int by_base(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->base < y->base ? -1 : x->base > y->base;
}

static struct range pages_of(struct range at, uint64_t page)
{
	uint64_t base = align_down(at.base, page);

	return (struct range){ base, align_up(at.base + at.size, page) - base };
}

static int bar_tile(struct vfio_function *fn, unsigned index, struct range *mmaps, unsigned n)
{
	struct vfio_bar *bar = &fn->bars[index];
	struct tiling t = { .fn = fn, .bar = index, .page = (uint64_t)sysconf(_SC_PAGESIZE) };
	int r = 0;

	/* Each mapped piece may have a trapped one before it; two holes make two pieces more. */
	bar->spans = calloc(2 * (n + 2) + 1, sizeof(*bar->spans));
	if (!bar->spans)
		return fail(STATUS_FAILURE, ENOMEM, "%s: out of memory", fn->dev->name);
	if (fn->msix.cap && fn->msix.table_bar == index)
		t.holes[0] = pages_of(fn->msix.table_at, t.page);
	if (fn->msix.cap && fn->msix.pba_bar == index)
		t.holes[1] = pages_of(fn->msix.pba_at, t.page);
	qsort(mmaps, n, sizeof(*mmaps), by_base);
	for (unsigned i = 0; i < n && !r; i++) {
		struct range whole = { 0, bar->size };

		if (range_holds(whole, mmaps[i].base, mmaps[i].size))
			r = tile_mapped(&t, align_up(mmaps[i].base, t.page),
					align_down(mmaps[i].base + mmaps[i].size, t.page));
	}
	if (!r)
		r = span_push(&t, bar->size - t.done, false);
	return r;
}

/* Set-up. */

struct region {
	struct range mmaps[MMAPS_MAX];
	unsigned n;
};

/* What kind of BAR the device says it is; VFIO keeps the flags true (vfio_generate_bar_flags()). */
static enum pci_bar_kind bar_kind(uint32_t flags, unsigned index, uint64_t size)
{
	if (flags & PCI_BASE_ADDRESS_SPACE_IO)
		return size >= 4 && size <= KIB(64) ? PCI_BAR_IO : PCI_BAR_NONE;
	if (size < 16)
		return PCI_BAR_NONE;
	if ((flags & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64 &&
	    index + 1 < PCI_BARS)
		return PCI_BAR_MEM64;
	return size <= GIB(2) ? PCI_BAR_MEM32 : PCI_BAR_NONE;
}

static int bar_init(struct vfio_function *fn, unsigned index, struct region *region,
		    enum pci_bar_kind *ret_kind)
{
	struct vfio_bar *bar = &fn->bars[index];
	uint32_t flags = vfio_config_device_read(fn, PCI_BASE_ADDRESS_0 + 4 * index, 4);
	struct vfio_region_info info;
	int r;

	region->n = MMAPS_MAX;
	*ret_kind = PCI_BAR_NONE;
	r = vfio_region_info(fn->dev, VFIO_PCI_BAR0_REGION_INDEX + index, &info, region->mmaps,
			     &region->n);
	if (r || !info.size)
		return r;
	*ret_kind = is_power_of_two(info.size) ? bar_kind(flags, index, info.size) : PCI_BAR_NONE;
	if (*ret_kind == PCI_BAR_NONE) {
		log_warn("%s: BAR %u of %" PRIu64 " bytes is left out: no such BAR can exist",
			 fn->dev->name, index, (uint64_t)info.size);
		return 0;
	}
	bar->at = info.offset;
	bar->size = info.size;
	bar->io = *ret_kind == PCI_BAR_IO;
	if (bar->io)
		region->n = 0;
	snprintf(bar->name, sizeof(bar->name), "%s BAR %u", fn->dev->name, index);
	pci_function_bar(&fn->pci, index, *ret_kind,
			 !bar->io && flags & PCI_BASE_ADDRESS_MEM_PREFETCH, bar->size);
	return 0;
}

int vfio_bars_init(struct vfio_function *fn)
{
	struct region *regions = calloc(PCI_BARS, sizeof(*regions));
	int r = 0;

	if (!regions)
		return fail(STATUS_FAILURE, ENOMEM, "%s: out of memory", fn->dev->name);
	for (unsigned i = 0; i < PCI_BARS && !r; i++) {
		enum pci_bar_kind kind;

		r = bar_init(fn, i, &regions[i], &kind);
		if (kind == PCI_BAR_MEM64)
			i++; /* the other half is no BAR of its own */
	}
	if (!r && fn->msix.cap && !vfio_msix_placed(fn)) {
		log_warn("%s: MSI-X is hidden: its table is outside the device's BARs",
			 fn->dev->name);
		vfio_config_hide(fn, fn->msix.cap);
		vfio_msix_deinit(fn);
	}
	for (unsigned i = 0; i < PCI_BARS && !r; i++)
		if (fn->bars[i].size)
			r = bar_tile(fn, i, regions[i].mmaps, regions[i].n);
	free(regions);
	return r;
}

void vfio_bars_deinit(struct vfio_function *fn)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct vfio_bar *bar = &fn->bars[i];

		for (unsigned k = 0; k < bar->n_spans; k++)
			if (bar->spans[k].hva)
				vfio_region_munmap(bar->spans[k].hva, bar->spans[k].size);
		free(bar->spans);
		*bar = (struct vfio_bar){ 0 };
	}
}
