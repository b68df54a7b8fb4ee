/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI-X of a passed function (PCI 3.0 §6.8.2, PCIe 6.0 §7.7.2). The guest's table lives here; the
 * device's holds the host's messages and is the kernel's.
 *
 * MSI-X starts in the host without a live vector; each is added when the guest first unmasks it
 * (VFIO_IRQ_INFO_NORESIZE absent), since drivers of devices with hundreds of vectors use a few.
 * Where the kernel cannot add (NORESIZE) it reserves all at the start, and still requests only those
 * that the guest unmasks. A vector that was live once stays so until MSI-X is turned off.
 *
 * Pending bits are true: of a live vector, whether an interrupt waits in its eventfd; of one that
 * never was, the device's own bit, which means the same as the host never unmasked it.
 *
 * Under the device lock.
 */
#include "function.h"

#include <base/bytes.h>
#include <base/error.h>
#include <base/log.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static uint16_t flags(const struct vfio_function *fn)
{
	return load_le16(fn->pci.config + fn->msix.cap + PCI_MSIX_FLAGS);
}

/* One descriptor per vector: use what the operator allows (the hard limit). */
static void raise_nofile(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int vfio_msix_init(struct vfio_function *fn, unsigned cap)
{
	struct vfio_msix *msix = &fn->msix;
	uint16_t control = (uint16_t)vfio_config_device_read(fn, cap + PCI_MSIX_FLAGS, 2);
	uint32_t table = vfio_config_device_read(fn, cap + PCI_MSIX_TABLE, 4);
	uint32_t pba = vfio_config_device_read(fn, cap + PCI_MSIX_PBA, 4);
	unsigned n = (control & PCI_MSIX_FLAGS_QSIZE) + 1u;
	struct vfio_irq_info info;
	int r = vfio_irq_info(fn->dev, VFIO_PCI_MSIX_IRQ_INDEX, &info);

	if (r)
		return r;
	/* The table's size is the guest's business and stays true; VFIO gives as many vectors. */
	if (info.count < n || cap + PCI_CAP_MSIX_SIZEOF > PCI_CFG_SPACE_SIZE)
		return 0;
	msix->table = calloc(n, PCI_MSIX_ENTRY_SIZE);
	msix->vectors = calloc(n, sizeof(*msix->vectors));
	if (!msix->table || !msix->vectors)
		return fail(STATUS_FAILURE, ENOMEM, "%s: out of memory", fn->dev->name);
	msix->cap = cap;
	msix->n = n;
	msix->resizable = !(info.flags & VFIO_IRQ_INFO_NORESIZE);
	msix->table_bar = table & PCI_MSIX_TABLE_BIR;
	msix->table_at = (struct range){ table & PCI_MSIX_TABLE_OFFSET, n * 16ull };
	msix->pba_bar = pba & PCI_MSIX_PBA_BIR;
	msix->pba_at = (struct range){ pba & PCI_MSIX_PBA_OFFSET, (n + 63) / 64 * 8ull };
	for (unsigned i = 0; i < n; i++)
		vfio_vector_init(&msix->vectors[i]);
	vfio_msix_reset(fn);
	raise_nofile();
	vfio_config_emulate(fn, cap + PCI_MSIX_FLAGS, 2, 0xffff, n - 1,
			    PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	vfio_config_emulate(fn, cap + PCI_MSIX_TABLE, 4, ~0u, table, 0);
	vfio_config_emulate(fn, cap + PCI_MSIX_PBA, 4, ~0u, pba, 0);
	return 0;
}

static bool holds(const struct vfio_function *fn, unsigned bar, struct range at)
{
	return bar < PCI_BARS && !fn->bars[bar].io &&
	       range_holds((struct range){ 0, fn->bars[bar].size }, at.base, at.size);
}

bool vfio_msix_placed(struct vfio_function *fn)
{
	const struct vfio_msix *msix = &fn->msix;

	return holds(fn, msix->table_bar, msix->table_at) && holds(fn, msix->pba_bar, msix->pba_at);
}

void vfio_msix_deinit(struct vfio_function *fn)
{
	free(fn->msix.table);
	free(fn->msix.vectors);
	fn->msix = (struct vfio_msix){ 0 };
}

void vfio_msix_reset(struct vfio_function *fn)
{
	struct vfio_msix *msix = &fn->msix;

	/* Reset state of Vector Control's mask bit is 1 (§7.7.2.9), of all else in the table 0. */
	for (unsigned i = 0; i < msix->n; i++) {
		memset(msix->table + i * PCI_MSIX_ENTRY_SIZE, 0, PCI_MSIX_ENTRY_SIZE);
		store_le32(msix->table + i * PCI_MSIX_ENTRY_SIZE + PCI_MSIX_ENTRY_VECTOR_CTRL,
			   PCI_MSIX_ENTRY_CTRL_MASKBIT);
	}
}

bool vfio_msix_wanted(const struct vfio_function *fn)
{
	return fn->msix.cap && flags(fn) & PCI_MSIX_FLAGS_ENABLE;
}

/* Bring a vector first to life: from here on the host handles the device's interrupt. */
static int vector_start(struct vfio_function *fn, unsigned i, uint64_t address, uint32_t data)
{
	struct vfio_vector *vector = &fn->msix.vectors[i];
	int32_t fd;
	int r = vfio_vector_open(fn, vector);

	if (r)
		return r;
	r = vfio_vector_connect(fn, vector, address, data);
	fd = vector->fd;
	if (!r)
		r = vfio_irq_set_trigger(fn->dev, VFIO_PCI_MSIX_IRQ_INDEX, i, 1, &fd);
	if (r)
		vfio_vector_close(fn, vector);
	return r;
}

/* Make vector i what its table entry and the function mask say. */
static void vector_update(struct vfio_function *fn, unsigned i)
{
	const uint8_t *entry = fn->msix.table + i * PCI_MSIX_ENTRY_SIZE;
	struct vfio_vector *vector = &fn->msix.vectors[i];
	uint64_t address = load_le64(entry + PCI_MSIX_ENTRY_LOWER_ADDR) & ~3ull;
	uint32_t data = load_le32(entry + PCI_MSIX_ENTRY_DATA);
	int r;

	if (!fn->msix.on)
		return;
	if (fn->msix.masked || entry[PCI_MSIX_ENTRY_VECTOR_CTRL] & PCI_MSIX_ENTRY_CTRL_MASKBIT) {
		vfio_vector_disconnect(fn, vector);
		return;
	}
	if (vector->fd < 0)
		r = vector_start(fn, i, address, data);
	else
		r = vfio_vector_connect(fn, vector, address, data);
	if (r)
		vfio_function_trouble(fn, "MSI-X vector");
}

int vfio_msix_enable(struct vfio_function *fn)
{
	struct vfio_msix *msix = &fn->msix;
	int r = vfio_irq_set_trigger(fn->dev, VFIO_PCI_MSIX_IRQ_INDEX, 0,
				     msix->resizable ? 1 : msix->n, NULL);

	if (r)
		return r;
	msix->on = true;
	msix->masked = flags(fn) & PCI_MSIX_FLAGS_MASKALL;
	for (unsigned i = 0; i < msix->n; i++)
		vector_update(fn, i);
	return 0;
}

void vfio_msix_disable(struct vfio_function *fn)
{
	struct vfio_msix *msix = &fn->msix;

	if (!msix->on)
		return;
	if (vfio_irq_disable(fn->dev, VFIO_PCI_MSIX_IRQ_INDEX))
		vfio_function_trouble(fn, "MSI-X off");
	msix->on = false;
	for (unsigned i = 0; i < msix->n; i++)
		vfio_vector_close(fn, &msix->vectors[i]);
}

void vfio_msix_update(struct vfio_function *fn)
{
	struct vfio_msix *msix = &fn->msix;
	bool masked = flags(fn) & PCI_MSIX_FLAGS_MASKALL;

	if (!msix->on || masked == msix->masked)
		return;
	msix->masked = masked;
	for (unsigned i = 0; i < msix->n; i++)
		vector_update(fn, i);
}

/*
 * `offset` is in the table. Software uses dwords and qwords (§7.7.2); smaller accesses are undefined
 * and do here what they would in memory.
 */
void vfio_msix_table_access(struct vfio_function *fn, uint64_t offset, uint8_t *data, unsigned len,
			    bool is_write)
{
	while (len) {
		unsigned at = (unsigned)offset % PCI_MSIX_ENTRY_SIZE;
		unsigned i = (unsigned)offset / PCI_MSIX_ENTRY_SIZE;
		unsigned n = MIN(len, PCI_MSIX_ENTRY_SIZE - at);
		uint8_t *entry = fn->msix.table + i * PCI_MSIX_ENTRY_SIZE;

		if (is_write) {
			uint8_t before[PCI_MSIX_ENTRY_SIZE];

			memcpy(before, entry, sizeof(before));
			memcpy(entry + at, data, n);
			/* Of Vector Control only the mask bit exists (§7.7.2.9). */
			store_le32(entry + PCI_MSIX_ENTRY_VECTOR_CTRL,
				   entry[PCI_MSIX_ENTRY_VECTOR_CTRL] & PCI_MSIX_ENTRY_CTRL_MASKBIT);
			if (memcmp(before, entry, sizeof(before)))
				vector_update(fn, i);
		} else {
			memcpy(data, entry + at, n);
		}
		offset += n;
		data += n;
		len -= n;
	}
}

void vfio_msix_pba_read(struct vfio_function *fn, uint64_t offset, uint8_t *data, unsigned len)
{
	struct vfio_msix *msix = &fn->msix;
	uint64_t first = offset & ~3ull;
	uint8_t words[16];

	/*
	 * The device sees aligned words only, the accesses that §7.7.2 allows software: one that
	 * refuses others may answer with an external abort, and on aarch64 the host dies of that.
	 */
	for (uint64_t at = first; at < offset + len; at += 4)
		vfio_bar_device_access(fn, msix->pba_bar, msix->pba_at.base + at,
				       words + (at - first), 4, false);
	memcpy(data, words + (offset - first), len);
	for (unsigned byte = 0; byte < len; byte++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			uint64_t i = (offset + byte) * 8 + bit;
			uint8_t mask = (uint8_t)BIT(bit);

			if (i >= msix->n || !msix->on)
				data[byte] &= (uint8_t)~mask;
			else if (msix->vectors[i].fd < 0)
				continue;
			else if (vfio_vector_pending(&msix->vectors[i]))
				data[byte] |= mask;
			else
				data[byte] &= (uint8_t)~mask;
		}
	}
}
