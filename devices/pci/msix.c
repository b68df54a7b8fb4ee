/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MSI-X table and pending bits as a guest sees them (PCIe 6.0 §7.7.2; include/devices/msi.h).
 *
 * Software uses dwords and qwords there (§7.7.2); other accesses are undefined and do here what they
 * would in memory. Of Vector Control only the mask bit exists (§7.7.2.9).
 *
 * Under the device lock.
 */
#include <devices/msi.h>
#include <devices/pci.h>

#include <base/bytes.h>
#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static uint8_t *entry_of(const struct msix *msix, unsigned i)
{
	return msix->table + i * PCI_MSIX_ENTRY_SIZE;
}

static void changed(struct msix *msix, unsigned from, unsigned to)
{
	bool none = msix->from == msix->to;

	msix->from = none ? from : MIN(msix->from, from);
	msix->to = none ? to : MAX(msix->to, to);
}

/* One descriptor for each vector: use what the operator allows (the hard limit). */
static void raise_nofile(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int msix_init(struct msix *msix, unsigned n, struct irq_router *irq, uint32_t devid)
{
	*msix = (struct msix){ .irq = irq, .devid = devid };
	msix->table = calloc(n, PCI_MSIX_ENTRY_SIZE);
	msix->vectors = calloc(n, sizeof(*msix->vectors));
	if (!msix->table || !msix->vectors) {
		msix_deinit(msix);
		return fail(STATUS_FAILURE, ENOMEM, "MSI-X table: out of memory");
	}
	msix->n = n;
	for (unsigned i = 0; i < n; i++)
		msi_vector_init(&msix->vectors[i]);
	msix_reset(msix);
	raise_nofile();
	return 0;
}

void msix_deinit(struct msix *msix)
{
	for (unsigned i = 0; i < msix->n; i++)
		msi_vector_close(msix->irq, &msix->vectors[i]);
	free(msix->table);
	free(msix->vectors);
	*msix = (struct msix){ 0 };
}

void msix_reset(struct msix *msix)
{
	msix->enabled = msix->masked = false;
	msix->from = msix->to = 0;
	/* Reset state of Vector Control's mask bit is 1 (§7.7.2.9), of all else in the table 0. */
	for (unsigned i = 0; i < msix->n; i++) {
		msi_vector_close(msix->irq, &msix->vectors[i]);
		memset(entry_of(msix, i), 0, PCI_MSIX_ENTRY_SIZE);
		store_le32(entry_of(msix, i) + PCI_MSIX_ENTRY_VECTOR_CTRL,
			   PCI_MSIX_ENTRY_CTRL_MASKBIT);
	}
}

uint64_t msix_table_size(const struct msix *msix)
{
	return (uint64_t)msix->n * PCI_MSIX_ENTRY_SIZE;
}

uint64_t msix_pba_size(const struct msix *msix)
{
	return (msix->n + 63ull) / 64 * 8;
}

void msix_capability(const struct msix *msix, struct pci_function *fn, unsigned at, unsigned bar,
		     uint32_t table, uint32_t pba)
{
	fn->config[at] = PCI_CAP_ID_MSIX;
	store_le16(fn->config + at + PCI_MSIX_FLAGS, (uint16_t)(msix->n - 1));
	store_le16(fn->writable + at + PCI_MSIX_FLAGS,
		   PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	store_le32(fn->config + at + PCI_MSIX_TABLE, table | bar);
	store_le32(fn->config + at + PCI_MSIX_PBA, pba | bar);
}

void msix_control(struct msix *msix, uint16_t control)
{
	bool enabled = control & PCI_MSIX_FLAGS_ENABLE, masked = control & PCI_MSIX_FLAGS_MASKALL;

	if (enabled == msix->enabled && masked == msix->masked)
		return;
	msix->enabled = enabled;
	msix->masked = masked;
	changed(msix, 0, msix->n);
}

static void entry_write(struct msix *msix, unsigned i, unsigned at, const uint8_t *data,
			unsigned len)
{
	uint8_t *entry = entry_of(msix, i), before[PCI_MSIX_ENTRY_SIZE];

	memcpy(before, entry, sizeof(before));
	memcpy(entry + at, data, len);
	store_le32(entry + PCI_MSIX_ENTRY_VECTOR_CTRL,
		   entry[PCI_MSIX_ENTRY_VECTOR_CTRL] & PCI_MSIX_ENTRY_CTRL_MASKBIT);
	if (memcmp(before, entry, sizeof(before)))
		changed(msix, i, i + 1);
}

void msix_table_access(struct msix *msix, uint64_t offset, uint8_t *data, unsigned len,
		       bool is_write)
{
	while (len) {
		unsigned i = (unsigned)offset / PCI_MSIX_ENTRY_SIZE;
		unsigned at = (unsigned)offset % PCI_MSIX_ENTRY_SIZE;
		unsigned n = MIN(len, PCI_MSIX_ENTRY_SIZE - at);

		if (is_write)
			entry_write(msix, i, at, data, n);
		else
			memcpy(data, entry_of(msix, i) + at, n);
		offset += n;
		data += n;
		len -= n;
	}
}

void msix_pba_read(struct msix *msix, uint64_t offset, uint8_t *data, unsigned len)
{
	memset(data, 0, len);
	for (unsigned bit = 0; bit < len * 8 && msix->enabled; bit++) {
		uint64_t i = offset * 8 + bit;

		if (i < msix->n && msi_vector_pending(&msix->vectors[i]))
			data[bit / 8] |= (uint8_t)BIT(bit % 8);
	}
}

int msix_apply(struct msix *msix)
{
	unsigned from = msix->from, n = msix->to - msix->from;

	if (!n)
		return 0;
	msix->from = msix->to = 0;
	for (unsigned i = from; i < from + n; i++) {
		const uint8_t *entry = entry_of(msix, i);
		struct msi_vector *vector = &msix->vectors[i];
		bool masked = entry[PCI_MSIX_ENTRY_VECTOR_CTRL] & PCI_MSIX_ENTRY_CTRL_MASKBIT;

		vector->wanted = msix->enabled && !msix->masked && !masked;
		vector->address = load_le64(entry + PCI_MSIX_ENTRY_LOWER_ADDR) & ~3ull;
		vector->data = load_le32(entry + PCI_MSIX_ENTRY_DATA);
	}
	return msi_vectors_apply(msix->irq, msix->devid, &msix->vectors[from], n);
}

void msix_signal(struct msix *msix, unsigned vector)
{
	bool recorded = *error_message();

	if (!msix->enabled || vector >= msix->n)
		return;
	/* One that was never unmasked has no eventfd yet; without one to be had the interrupt is lost. */
	if (!msi_vector_open(&msix->vectors[vector]))
		fd_event_signal(msix->vectors[vector].fd);
	else if (!recorded)
		error_clear();
}
