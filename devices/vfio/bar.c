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
 * While decode is off, or the device sleeps, nothing of a BAR is in the guest (pci.h). This process
 * itself never touches a mapping: there is no SIGBUS.
 *
 * Main thread, or under the device lock; trapped accesses: a vcpu that is alone with the function.
 */
#include "bar.h"

#include <base/bytes.h>
#include <base/error.h>
#include <base/log.h>
#include <errno.h>
#include <host/iomem.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MMAPS_MAX 64

/* Trapped accesses. */

/* Said once for each BAR: vfio-pci lists it, and then refuses it (vfio_pci_core_map_bars()). */
static void busy(struct vfio_bars *bars, unsigned index)
{
	struct vfio_bar *bar = &bars->bar[index];
	char who[64], address[BDF_TEXT];

	if (bar->busy_told)
		return;
	bar->busy_told = true;
	iomem_holder(vfio_device_address(bars->io->dev, address), index, who, sizeof(who));
	log_warn(
		"%s: BAR %u reads all-ones: the host uses it (%s in /proc/iomem); free it there and "
		"bind the device anew",
		bars->io->dev->name, index, who);
}

static void device_access(struct vfio_bars *bars, unsigned index, uint64_t offset, void *data,
			  unsigned len, bool is_write)
{
	int r = vfio_io_bar(bars->io, bars->bar[index].at + offset, data, len, is_write);

	if (r == -EBUSY)
		busy(bars, index);
}

/* The window of `bar` that holds `offset`, or NULL and *n shortened so as not to reach one. */
static const struct vfio_window *window_at(const struct vfio_bars *bars, unsigned bar,
					   uint64_t offset, unsigned *n)
{
	for (unsigned i = 0; i < bars->n_windows; i++) {
		const struct vfio_window *window = &bars->windows[i];
		struct range at = window->at;

		if (window->bar != bar)
			continue;
		if (range_holds(at, offset, 1)) {
			*n = (unsigned)MIN((uint64_t)*n, at.base + at.size - offset);
			return window;
		}
		if (offset < at.base)
			*n = (unsigned)MIN((uint64_t)*n, at.base - offset);
	}
	return NULL;
}

void vfio_bars_access(struct vfio_span *span, uint64_t offset, void *data, unsigned len,
		      bool is_write)
{
	struct vfio_bars *bars = span->bars;
	uint8_t *p = data;

	for (offset += span->offset; len;) {
		unsigned n = len;
		const struct vfio_window *window = window_at(bars, span->bar, offset, &n);

		if (window)
			window->handler(window->ctx, offset - window->at.base, p, n, is_write);
		else
			device_access(bars, span->bar, offset, p, n, is_write);
		offset += n;
		p += n;
		len -= n;
	}
}

/* Coming and going. */

static struct bus *bus_of(const struct vfio_span *span)
{
	const struct vfio_bars *bars = span->bars;

	return bars->bar[span->bar].io && bars->pio ? bars->pio : bars->mmio;
}

static void span_remove(struct vfio_span *span)
{
	if (span->in_slot) {
		vfio_p2p_remove(span->bars->p2p, span->address);
		memory_slot_remove(span->bars->memory, span->slot);
	}
	if (span->on_bus)
		bus_remove(bus_of(span), &span->region);
	span->in_slot = span->on_bus = false;
}

static int span_add(struct vfio_span *span, uint64_t address)
{
	static struct ratelimit rl;
	struct vfio_bars *bars = span->bars;
	int r;

	span->address = address + span->offset;
	if (span->hva) {
		r = memory_slot_add(bars->memory, span->address, span->size, span->hva, 0,
				    &span->slot);
		span->in_slot = !r;
		if (!r)
			vfio_p2p_add(bars->p2p, span->bar,
				     (struct range){ span->offset, span->size }, span->hva,
				     span->address);
		if (r != -ENOSPC)
			return r;
		/* Slower, but right. */
		log_guest(&rl, "%s: no KVM memory slot left; BAR %u is trapped",
			  bars->io->dev->name, span->bar);
		error_clear();
	}
	span->region = (struct bus_region){
		.base = span->address,
		.size = span->size,
		.handler = bars->handler,
		.ctx = span,
		.name = bars->bar[span->bar].name,
	};
	r = bus_add(bus_of(span), &span->region);
	span->on_bus = !r;
	return r;
}

int vfio_bars_map(struct vfio_bars *bars, unsigned index, uint64_t address)
{
	struct vfio_bar *bar = &bars->bar[index];
	int r = 0;

	for (unsigned i = 0; i < bar->n_spans && !r; i++)
		r = span_add(&bar->spans[i], address);
	if (r)
		vfio_bars_unmap(bars, index);
	return r;
}

void vfio_bars_unmap(struct vfio_bars *bars, unsigned index)
{
	for (unsigned i = 0; i < bars->bar[index].n_spans; i++)
		span_remove(&bars->bar[index].spans[i]);
}

/* Tiling. */

struct tiling {
	struct vfio_bars *bars;
	unsigned bar;
	uint64_t page;
	struct range holes[2]; /* pages of windows */
	uint64_t done;         /* tiled up to here */
};

/* vfio-pci offers a BAR that somebody of the host has, and refuses it then. */
static int claimed(struct vfio_bars *bars, unsigned index)
{
	char who[64], address[BDF_TEXT];

	iomem_holder(vfio_device_address(bars->io->dev, address), index, who, sizeof(who));
	error_clear();
	return fail(
		STATUS_HOST, EBUSY,
		"%s: BAR %u is in use by the host (%s in /proc/iomem); free it there (a boot "
		"framebuffer: initcall_blacklist=sysfb_init on the host's command line), and bind "
		"the device anew",
		bars->io->dev->name, index, who);
}

static int span_push(struct tiling *t, uint64_t size, bool mapped)
{
	struct vfio_bar *bar = &t->bars->bar[t->bar];
	struct vfio_span *span = &bar->spans[bar->n_spans];
	uint64_t align = MIN(bar->size, GIB(1));
	int r = 0;

	if (!size)
		return 0;
	*span = (struct vfio_span){
		.bars = t->bars, .bar = t->bar, .offset = t->done, .size = size
	};
	if (mapped)
		r = vfio_region_mmap(t->bars->io->dev, bar->at + t->done, size, align, &span->hva);
	if (r)
		return r == -EBUSY ? claimed(t->bars, t->bar) : r;
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

static int bar_tile(struct vfio_bars *bars, unsigned index)
{
	struct tiling t = { .bars = bars, .bar = index, .page = (uint64_t)sysconf(_SC_PAGESIZE) };
	struct vfio_bar *bar = &bars->bar[index];
	struct range whole = { 0, bar->size }, mmaps[MMAPS_MAX];
	unsigned n = bar->io ? 0 : MMAPS_MAX;
	struct vfio_region_info info;
	int r = vfio_region_info(bars->io->dev, VFIO_PCI_BAR0_REGION_INDEX + index, &info, mmaps,
				 &n);

	if (r)
		return r;
	/* Each mapped piece may have a trapped one before it; two holes make two pieces more. */
	bar->spans = calloc(2 * (n + 2) + 1, sizeof(*bar->spans));
	if (!bar->spans)
		return fail(STATUS_FAILURE, ENOMEM, "%s: out of memory", bars->io->dev->name);
	for (unsigned i = 0; i < bars->n_windows; i++)
		if (bars->windows[i].bar == index)
			t.holes[i] = pages_of(bars->windows[i].at, t.page);
	qsort(mmaps, n, sizeof(*mmaps), by_base);
	for (unsigned i = 0; i < n && !r; i++)
		if (range_holds(whole, mmaps[i].base, mmaps[i].size))
			r = tile_mapped(&t, align_up(mmaps[i].base, t.page),
					align_down(mmaps[i].base + mmaps[i].size, t.page));
	return r ? r : span_push(&t, bar->size - t.done, false);
}

int vfio_bars_tile(struct vfio_bars *bars)
{
	int r = 0;

	for (unsigned i = 0; i < PCI_BARS && !r; i++)
		if (bars->bar[i].size)
			r = bar_tile(bars, i);
	return r;
}

/* Set-up. */

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

static int bar_find(struct vfio_bars *bars, unsigned index, enum pci_bar_kind *ret_kind)
{
	uint32_t flags = vfio_io_config_read(bars->io, PCI_BASE_ADDRESS_0 + 4 * index, 4);
	struct vfio_bar *bar = &bars->bar[index];
	const char *name = bars->io->dev->name;
	struct vfio_region_info info;
	unsigned no_mmaps = 0;
	int r = vfio_region_info(bars->io->dev, VFIO_PCI_BAR0_REGION_INDEX + index, &info, NULL,
				 &no_mmaps);

	*ret_kind = PCI_BAR_NONE;
	if (r || !info.size)
		return r;
	*ret_kind = is_power_of_two(info.size) ? bar_kind(flags, index, info.size) : PCI_BAR_NONE;
	if (*ret_kind == PCI_BAR_NONE) {
		log_warn("%s: BAR %u of %" PRIu64 " bytes is left out: no such BAR can exist", name,
			 index, (uint64_t)info.size);
		return 0;
	}
	bar->at = info.offset;
	bar->size = info.size;
	bar->io = *ret_kind == PCI_BAR_IO;
	snprintf(bar->name, sizeof(bar->name), "%s BAR %u", name, index);
	pci_function_bar(bars->pci, index, *ret_kind,
			 !bar->io && flags & PCI_BASE_ADDRESS_MEM_PREFETCH, bar->size);
	return 0;
}

int vfio_bars_find(struct vfio_bars *bars)
{
	int r = 0;

	for (unsigned i = 0; i < PCI_BARS && !r; i++) {
		enum pci_bar_kind kind;

		r = bar_find(bars, i, &kind);
		if (kind == PCI_BAR_MEM64)
			i++; /* the other half is no BAR of its own */
	}
	return r;
}

bool vfio_bars_hold(const struct vfio_bars *bars, unsigned bar, struct range at)
{
	return bar < PCI_BARS && !bars->bar[bar].io &&
	       range_holds((struct range){ 0, bars->bar[bar].size }, at.base, at.size);
}

void vfio_bars_window(struct vfio_bars *bars, const struct vfio_window *window)
{
	bars->windows[bars->n_windows++] = *window;
}

void vfio_bars_deinit(struct vfio_bars *bars)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct vfio_bar *bar = &bars->bar[i];

		for (unsigned k = 0; k < bar->n_spans; k++)
			if (bar->spans[k].hva)
				vfio_region_munmap(bar->spans[k].hva, bar->spans[k].size);
		free(bar->spans);
		*bar = (struct vfio_bar){ 0 };
	}
}
