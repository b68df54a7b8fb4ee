/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI-X of a passed function (PCI 3.0 §6.8.2, PCIe 6.0 §7.7.2). The guest's table is one of ours
 * (devices/pci/msix.c); the device's holds the host's messages and is the kernel's.
 *
 * MSI-X starts in the host without a live vector; each is added when the guest first unmasks it
 * (VFIO_IRQ_INFO_NORESIZE absent), since drivers of devices with hundreds of vectors use a few.
 * Where the kernel cannot add (NORESIZE) it reserves all at the start, and still requests only those
 * that the guest unmasks. A vector that was live once stays so until MSI-X is turned off.
 *
 * Pending bits are true: of a live vector, whether an interrupt waits in its eventfd; of one that
 * never was, the device's own bit, which means the same as the host never unmasked it.
 *
 * Main thread, or a vcpu that is alone with the function.
 */
#include "msix.h"

#include <base/bytes.h>
#include <base/error.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#define HALVINGS_MAX 64

int vfio_msix_init(struct vfio_msix *msix, struct vfio_io *io, struct vfio_config *config,
		   struct irq_router *irq, uint32_t devid)
{
	unsigned cap = config->msix_cap, n;
	struct vfio_irq_info info;
	uint32_t table, pba;
	int r;

	*msix = (struct vfio_msix){ .io = io, .config = config };
	if (!cap)
		return 0;
	table = vfio_io_config_read(io, cap + PCI_MSIX_TABLE, 4);
	pba = vfio_io_config_read(io, cap + PCI_MSIX_PBA, 4);
	n = (vfio_io_config_read(io, cap + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) + 1u;
	r = vfio_irq_info(io->dev, VFIO_PCI_MSIX_IRQ_INDEX, &info);
	/* The table's size is the guest's business and stays true; VFIO gives as many vectors. */
	if (r || info.count < n)
		return r;
	r = msix_init(&msix->guest, n, irq, devid);
	if (r)
		return r;
	msix->cap = cap;
	msix->resizable = !(info.flags & VFIO_IRQ_INFO_NORESIZE);
	msix->table_bar = table & PCI_MSIX_TABLE_BIR;
	msix->table_at = (struct range){ table & PCI_MSIX_TABLE_OFFSET,
					 msix_table_size(&msix->guest) };
	msix->pba_bar = pba & PCI_MSIX_PBA_BIR;
	msix->pba_at = (struct range){ pba & PCI_MSIX_PBA_OFFSET, msix_pba_size(&msix->guest) };
	vfio_config_emulate(config, cap + PCI_MSIX_FLAGS, 2, 0xffff, n - 1,
			    PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	vfio_config_emulate(config, cap + PCI_MSIX_TABLE, 4, ~0u, table, 0);
	vfio_config_emulate(config, cap + PCI_MSIX_PBA, 4, ~0u, pba, 0);
	vfio_config_mark(config, cap + PCI_MSIX_FLAGS, 2, VFIO_TOUCH_MSIX);
	return 0;
}

void vfio_msix_deinit(struct vfio_msix *msix)
{
	msix_deinit(&msix->guest);
	msix->cap = 0;
}

static uint16_t flags(const struct vfio_msix *msix)
{
	return load_le16(msix->config->pci->config + msix->cap + PCI_MSIX_FLAGS);
}

bool vfio_msix_wanted(const struct vfio_msix *msix)
{
	return msix->cap && flags(msix) & PCI_MSIX_FLAGS_ENABLE;
}

static bool is_live(const struct vfio_msix *msix, unsigned i)
{
	return msix->live[i / 64] & BIT64(i % 64);
}

/* The guest wants it, KVM listens, and the host does not handle the device's interrupt yet. */
static bool is_new(const struct vfio_msix *msix, unsigned i)
{
	return msix->guest.vectors[i].connected && !is_live(msix, i);
}

/* Bring the vectors [from, from + n) to life in the host. */
static int start_run(struct vfio_msix *msix, unsigned from, unsigned n)
{
	int32_t fds[MSIX_MAX];
	int r;

	for (unsigned i = 0; i < n; i++)
		fds[i] = msix->guest.vectors[from + i].fd;
	vfio_io_begin(msix->io);
	r = vfio_irq_set_trigger(msix->io->dev, VFIO_PCI_MSIX_IRQ_INDEX, from, n, fds);
	vfio_io_end(msix->io);
	for (unsigned i = from; i < from + n && !r; i++)
		msix->live[i / 64] |= BIT64(i % 64);
	msix->started += r ? 0 : n;
	return r;
}

/* A host that has not enough vectors for all has some of them: found by halves, up to a bound. */
static int start(struct vfio_msix *msix, unsigned from, unsigned n, unsigned *halvings)
{
	int r = start_run(msix, from, n), err;

	if (!r)
		return 0;
	if (n == 1 || !*halvings) {
		for (unsigned i = from; i < from + n; i++)
			msi_vector_close(msix->guest.irq, &msix->guest.vectors[i]);
		return r;
	}
	--*halvings;
	r = start(msix, from, n / 2, halvings);
	err = start(msix, from + n / 2, n - n / 2, halvings);
	return r ? r : err;
}

/* All that are new, those in a row in one call. */
static int start_new(struct vfio_msix *msix)
{
	unsigned halvings = HALVINGS_MAX, n;
	int first = 0, r;

	for (unsigned from = 0; from < msix->guest.n; from += n) {
		bool new = is_new(msix, from);

		for (n = 1; from + n < msix->guest.n && is_new(msix, from + n) == new;)
			n++;
		r = new ? start(msix, from, n, &halvings) : 0;
		first = first ? first : r;
	}
	return first;
}

int vfio_msix_update(struct vfio_msix *msix)
{
	int r, err;

	if (!msix->on)
		return 0;
	msix_control(&msix->guest, flags(msix));
	if (msix->guest.from == msix->guest.to)
		return 0;
	r = msix_apply(&msix->guest);
	err = start_new(msix);
	return r ? r : err;
}

int vfio_msix_enable(struct vfio_msix *msix)
{
	unsigned first = msix->resizable ? 1 : msix->guest.n;
	int r;

	vfio_io_begin(msix->io);
	r = vfio_irq_set_trigger(msix->io->dev, VFIO_PCI_MSIX_IRQ_INDEX, 0, first, NULL);
	vfio_io_end(msix->io);
	msix->on = !r;
	return r ? r : vfio_msix_update(msix);
}

static void close_all(struct vfio_msix *msix)
{
	memset(msix->live, 0, sizeof(msix->live));
	for (unsigned i = 0; i < msix->guest.n; i++)
		msi_vector_close(msix->guest.irq, &msix->guest.vectors[i]);
}

int vfio_msix_disable(struct vfio_msix *msix)
{
	int r;

	if (!msix->on)
		return 0;
	vfio_io_begin(msix->io);
	r = vfio_irq_disable(msix->io->dev, VFIO_PCI_MSIX_IRQ_INDEX);
	vfio_io_end(msix->io);
	msix->on = false;
	close_all(msix);
	msix_control(&msix->guest, 0);
	return r;
}

void vfio_msix_reset(struct vfio_msix *msix)
{
	msix_reset(&msix->guest);
}

void vfio_msix_table(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	struct vfio_msix *msix = ctx;

	msix_table_access(&msix->guest, offset, data, len, is_write);
}

void vfio_msix_pba(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	uint64_t first = offset & ~3ull, end = align_up(offset + len, 4);
	struct vfio_msix *msix = ctx;
	uint8_t words[16], *bytes = data;

	if (is_write) /* read-only (§7.7.2.7) */
		return;
	/*
	 * The device sees aligned words only, the accesses that §7.7.2 allows software: one that
	 * refuses others may answer with an external abort, and on aarch64 the host dies of that.
	 */
	for (uint64_t at = first; at < end; at += 4)
		vfio_io_bar(msix->io, msix->pba_io + at, words + (at - first), 4, false);
	msix_pba_read(&msix->guest, offset, data, len);
	for (unsigned bit = 0; bit < len * 8 && msix->on; bit++) {
		uint64_t i = offset * 8 + bit;

		if (i < msix->guest.n && !is_live(msix, (unsigned)i))
			bytes[bit / 8] |= words[offset - first + bit / 8] & (uint8_t)BIT(bit % 8);
	}
}
