/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI of a passed function (PCI 3.0 §6.8.1, PCIe 6.0 §7.7.1). The capability is emulated whole: the
 * guest's messages are addresses in its own machine, the device's are the host's. 1 to 32 vectors, 32
 * and 64-bit addresses, and masks and pending bits per vector where the device has them.
 *
 * A host that has fewer vectors than the guest enables gives those that it has. The device then sends
 * by these alone, as it does when system software grants it fewer (§6.1.4.2), and the guest's other
 * vectors stay silent.
 *
 * Main thread, or a vcpu that is alone with the function.
 */
#include "msi.h"

#include <base/bytes.h>
#include <base/error.h>
#include <errno.h>
#include <linux/pci_regs.h>

static uint16_t flags(const struct vfio_msi *msi)
{
	return load_le16(msi->config->pci->config + msi->cap + PCI_MSI_FLAGS);
}

static void shape(struct vfio_msi *msi, uint16_t control)
{
	struct vfio_config *config = msi->config;
	bool wide = control & PCI_MSI_FLAGS_64BIT, masks = control & PCI_MSI_FLAGS_MASKBIT;
	unsigned vectors = BIT((control & PCI_MSI_FLAGS_QMASK) >> 1), cap = msi->cap;

	vfio_config_emulate(config, cap + PCI_MSI_FLAGS, 2, 0xffff, control,
			    PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
	vfio_config_emulate(config, cap + PCI_MSI_ADDRESS_LO, 4, ~0u, 0, ~3u);
	if (wide)
		vfio_config_emulate(config, cap + PCI_MSI_ADDRESS_HI, 4, ~0u, 0, ~0u);
	vfio_config_emulate(config, msi->data_at, 2, 0xffff, 0, 0xffff);
	vfio_config_mark(config, cap, msi->len, VFIO_TOUCH_MSI);
	if (!masks)
		return;
	vfio_config_emulate(config, msi->data_at + 2, 2, 0xffff, 0, 0);
	vfio_config_emulate(config, msi->mask_at, 4, ~0u, 0,
			    vectors == 32 ? ~0u : BIT(vectors) - 1);
	vfio_config_emulate(config, msi->mask_at + 4, 4, ~0u, 0, 0);
	vfio_config_mark(config, msi->mask_at + 4, 4, VFIO_TOUCH_PENDING);
}

int vfio_msi_init(struct vfio_msi *msi, struct vfio_io *io, struct vfio_config *config,
		  struct irq_router *irq, uint32_t devid)
{
	unsigned cap = config->msi_cap, log2;
	struct vfio_irq_info info;
	uint16_t control;
	bool wide, masks;
	int r;

	*msi = (struct vfio_msi){ .io = io, .config = config, .irq = irq, .devid = devid };
	for (unsigned i = 0; i < VFIO_MSI_MAX; i++)
		msi_vector_init(&msi->vectors[i]);
	if (!cap)
		return 0;
	r = vfio_irq_info(io->dev, VFIO_PCI_MSI_IRQ_INDEX, &info);
	if (r)
		return r;
	control = (uint16_t)vfio_io_config_read(io, cap + PCI_MSI_FLAGS, 2);
	wide = control & PCI_MSI_FLAGS_64BIT;
	masks = control & PCI_MSI_FLAGS_MASKBIT;
	msi->data_at = cap + (wide ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32);
	msi->mask_at = masks ? cap + (wide ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32) : 0;
	msi->len = (masks ? msi->mask_at + 8 : msi->data_at + 2) - cap;
	/* One that has no vectors, or runs into the next capability, is hidden, and what is another's is not. */
	if (!info.count || cap + msi->len > config->msi_end) {
		msi->len = MIN(msi->len, config->msi_end - cap);
		return 0;
	}
	msi->cap = cap;
	/* No more vectors than VFIO can hand on, and at most 32 (§7.7.1.2: 110b, 111b reserved). */
	log2 = MIN((control & PCI_MSI_FLAGS_QMASK) >> 1, 5u);
	while (BIT(log2) > info.count)
		log2--;
	shape(msi, (uint16_t)(log2 << 1 | (wide ? PCI_MSI_FLAGS_64BIT : 0) |
			      (masks ? PCI_MSI_FLAGS_MASKBIT : 0)));
	return 0;
}

unsigned vfio_msi_wanted(const struct vfio_msi *msi)
{
	unsigned offered, asked;

	if (!msi->cap || !(flags(msi) & PCI_MSI_FLAGS_ENABLE))
		return 0;
	/* No more than was offered (§7.7.1.2). */
	offered = (flags(msi) & PCI_MSI_FLAGS_QMASK) >> 1;
	asked = (flags(msi) & PCI_MSI_FLAGS_QSIZE) >> 4;
	return BIT(MIN(asked, offered));
}

/* The vectors that are live, as masks and message say. */
static int apply(struct vfio_msi *msi)
{
	const uint8_t *config = msi->config->pci->config;
	uint32_t masks = msi->mask_at ? load_le32(config + msi->mask_at) : 0;
	uint64_t address = load_le32(config + msi->cap + PCI_MSI_ADDRESS_LO);
	uint32_t data = load_le16(config + msi->data_at);

	if (flags(msi) & PCI_MSI_FLAGS_64BIT)
		address |= (uint64_t)load_le32(config + msi->cap + PCI_MSI_ADDRESS_HI) << 32;
	for (unsigned i = 0; i < msi->live; i++) {
		struct msi_vector *vector = &msi->vectors[i];

		vector->wanted = !(masks & BIT(i));
		vector->address = address;
		/* The function puts the vector's number into the low bits of data (§6.1.4.5). */
		vector->data = (data & ~(msi->asked - 1)) | i;
	}
	return msi_vectors_apply(msi->irq, msi->devid, msi->vectors, msi->live);
}

/* As many as the host has, by halves: MSI comes in powers of two. */
static int trigger(struct vfio_msi *msi)
{
	int32_t fds[VFIO_MSI_MAX];
	struct error why;
	int r;

	for (unsigned i = 0; i < msi->live; i++)
		fds[i] = msi->vectors[i].fd;
	vfio_io_begin(msi->io);
	r = vfio_irq_set_trigger(msi->io->dev, VFIO_PCI_MSI_IRQ_INDEX, 0, msi->live, fds);
	error_take(&why);
	while (r == -ENOSPC && msi->live > 1) {
		msi->live /= 2;
		error_clear();
		if (!vfio_irq_set_trigger(msi->io->dev, VFIO_PCI_MSI_IRQ_INDEX, 0, msi->live,
					  fds)) {
			msi->on = true;
			break;
		}
	}
	vfio_io_end(msi->io);
	error_put(&why);
	msi->on |= !r;
	for (unsigned i = msi->live; i < msi->asked; i++)
		msi_vector_close(msi->irq, &msi->vectors[i]);
	return r;
}

int vfio_msi_enable(struct vfio_msi *msi)
{
	int r = 0, err;

	msi->asked = vfio_msi_wanted(msi);
	for (msi->live = 0; msi->live < msi->asked && !r; msi->live += !r)
		r = msi_vector_open(&msi->vectors[msi->live]);
	if (!r)
		r = apply(msi);
	/* Those that a message was refused of are silent; the others are wanted. */
	err = msi->live == msi->asked ? trigger(msi) : r;
	r = r ? r : err;
	/* The reason that is recorded is the first. */
	if (!msi->on && vfio_msi_disable(msi))
		return r;
	return r;
}

int vfio_msi_disable(struct vfio_msi *msi)
{
	int r = 0;

	if (!msi->live)
		return 0;
	vfio_io_begin(msi->io);
	if (msi->on)
		r = vfio_irq_disable(msi->io->dev, VFIO_PCI_MSI_IRQ_INDEX);
	vfio_io_end(msi->io);
	msi->on = false;
	while (msi->live)
		msi_vector_close(msi->irq, &msi->vectors[--msi->live]);
	return r;
}

int vfio_msi_update(struct vfio_msi *msi)
{
	return apply(msi);
}

void vfio_msi_refresh_pending(struct vfio_msi *msi)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < msi->live; i++)
		bits |= (uint32_t)msi_vector_pending(&msi->vectors[i]) << i;
	store_le32(msi->config->pci->config + msi->mask_at + 4, bits);
}
