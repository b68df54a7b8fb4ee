/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI of a passed function (PCI 3.0 §6.8.1, PCIe 6.0 §7.7.1), and the vectors that MSI and MSI-X
 * share. The capability is emulated whole: the guest's messages are addresses in its own machine,
 * the device's are the host's. 1 to 32 vectors, 32 and 64-bit addresses, and masks and pending bits
 * per vector where the device has them.
 *
 * A vector is an eventfd that VFIO signals from the host's interrupt handler. Unmasked, it is also
 * an irqfd, and the interrupt goes on in the kernel. Masked, only the irqfd goes: the GSI, its
 * route, the eventfd and VFIO's trigger stay, so that nothing in the host is taken down and set up
 * again, and the eventfd's count is the pending bit. Keeping the irqfd as well would deliver
 * interrupts that the guest has masked.
 *
 * Under the device lock.
 */
#include "function.h"

#include <base/bytes.h>
#include <base/fd.h>
#include <linux/pci_regs.h>

void vfio_vector_init(struct vfio_vector *vector)
{
	*vector = (struct vfio_vector){ .fd = -1, .gsi = -1 };
}

int vfio_vector_open(struct vfio_function *fn, struct vfio_vector *vector)
{
	(void)fn;
	return fd_event(&vector->fd);
}

void vfio_vector_close(struct vfio_function *fn, struct vfio_vector *vector)
{
	if (vector->fd < 0)
		return;
	vfio_vector_disconnect(fn, vector);
	if (vector->gsi >= 0)
		irq_msi_free(fn->irq, (unsigned)vector->gsi);
	fd_close(&vector->fd);
	vfio_vector_init(vector);
}

/* The vector's GSI, found at first use, says `address` and `data`. */
static int route(struct vfio_function *fn, struct vfio_vector *vector, uint64_t address,
		 uint32_t data)
{
	unsigned gsi = (unsigned)vector->gsi;
	int r = 0;

	if (vector->gsi < 0)
		r = irq_msi_alloc(fn->irq, &gsi);
	if (r)
		return r;
	vector->gsi = (int)gsi;
	r = irq_msi_set(fn->irq, gsi, address, data, fn->pci.devfn);
	return r ? r : irq_commit(fn->irq);
}

int vfio_vector_connect(struct vfio_function *fn, struct vfio_vector *vector, uint64_t address,
			uint32_t data)
{
	int r = route(fn, vector, address, data);

	if (r) {
		/* A message that KVM refuses must not stay and stand in the way of all others. */
		vfio_vector_disconnect(fn, vector);
		if (vector->gsi >= 0)
			irq_msi_free(fn->irq, (unsigned)vector->gsi);
		vector->gsi = -1;
		return r;
	}
	if (vector->connected)
		return 0;
	r = irq_fd_add(fn->irq, (unsigned)vector->gsi, vector->fd, -1);
	if (r)
		return r;
	vector->connected = true;
	/* KVM looks at the eventfd's count as it connects; what we took out of it goes in again. */
	if (vector->pending)
		fd_event_signal(vector->fd);
	vector->pending = false;
	return 0;
}

void vfio_vector_disconnect(struct vfio_function *fn, struct vfio_vector *vector)
{
	if (!vector->connected)
		return;
	irq_fd_remove(fn->irq, (unsigned)vector->gsi, vector->fd);
	vector->connected = false;
}

bool vfio_vector_pending(struct vfio_vector *vector)
{
	if (vector->fd < 0 || vector->connected)
		return false;
	if (fd_event_take(vector->fd))
		vector->pending = true;
	return vector->pending;
}

static uint16_t flags(const struct vfio_function *fn)
{
	return load_le16(fn->pci.config + fn->msi.cap + PCI_MSI_FLAGS);
}

unsigned vfio_msi_len(const struct vfio_function *fn)
{
	if (fn->msi.mask_at)
		return fn->msi.mask_at + 8 - fn->msi.cap;
	return fn->msi.data_at + 2 - fn->msi.cap;
}

int vfio_msi_init(struct vfio_function *fn, unsigned cap)
{
	struct vfio_msi *msi = &fn->msi;
	uint16_t control = (uint16_t)vfio_config_device_read(fn, cap + PCI_MSI_FLAGS, 2);
	bool wide = control & PCI_MSI_FLAGS_64BIT, masks = control & PCI_MSI_FLAGS_MASKBIT;
	unsigned log2 = (control & PCI_MSI_FLAGS_QMASK) >> 1;
	struct vfio_irq_info info;
	int r = vfio_irq_info(fn->dev, VFIO_PCI_MSI_IRQ_INDEX, &info);

	if (r)
		return r;
	for (unsigned i = 0; i < VFIO_MSI_MAX; i++)
		vfio_vector_init(&msi->vectors[i]);
	if (cap + (masks ? 24u : 14u) > PCI_CFG_SPACE_SIZE)
		return 0;
	msi->cap = cap;
	msi->data_at = cap + (wide ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32);
	msi->mask_at = masks ? cap + (wide ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32) : 0;
	/* No more vectors than VFIO can hand on, and at most 32 (§7.7.1.2: 110b, 111b reserved). */
	log2 = MIN(log2, 5u);
	while (log2 && BIT(log2) > info.count)
		log2--;
	control = (uint16_t)(log2 << 1 | (wide ? PCI_MSI_FLAGS_64BIT : 0) |
			     (masks ? PCI_MSI_FLAGS_MASKBIT : 0));
	vfio_config_emulate(fn, cap + PCI_MSI_FLAGS, 2, 0xffff, control,
			    PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
	vfio_config_emulate(fn, cap + PCI_MSI_ADDRESS_LO, 4, ~0u, 0, ~3u);
	if (wide)
		vfio_config_emulate(fn, cap + PCI_MSI_ADDRESS_HI, 4, ~0u, 0, ~0u);
	vfio_config_emulate(fn, msi->data_at, 2, 0xffff, 0, 0xffff);
	if (masks) {
		vfio_config_emulate(fn, msi->data_at + 2, 2, 0xffff, 0, 0);
		vfio_config_emulate(fn, msi->mask_at, 4, ~0u, 0,
				    log2 == 5 ? ~0u : BIT(BIT(log2)) - 1);
		vfio_config_emulate(fn, msi->mask_at + 4, 4, ~0u, 0, 0);
	}
	return 0;
}

bool vfio_msi_wanted(const struct vfio_function *fn)
{
	return fn->msi.cap && flags(fn) & PCI_MSI_FLAGS_ENABLE;
}

/* Vectors that the guest has enabled: no more than it was offered (§7.7.1.2). */
static unsigned wanted(const struct vfio_function *fn)
{
	unsigned offered = (flags(fn) & PCI_MSI_FLAGS_QMASK) >> 1;
	unsigned asked = (flags(fn) & PCI_MSI_FLAGS_QSIZE) >> 4;

	return BIT(MIN(asked, offered));
}

static int connect_all(struct vfio_function *fn)
{
	const struct vfio_msi *msi = &fn->msi;
	const uint8_t *config = fn->pci.config;
	uint32_t masks = msi->mask_at ? load_le32(config + msi->mask_at) : 0;
	uint64_t address = load_le32(config + msi->cap + PCI_MSI_ADDRESS_LO);
	uint32_t data = load_le16(config + msi->data_at);
	int r = 0;

	if (flags(fn) & PCI_MSI_FLAGS_64BIT)
		address |= (uint64_t)load_le32(config + msi->cap + PCI_MSI_ADDRESS_HI) << 32;
	for (unsigned i = 0; i < msi->live && !r; i++) {
		struct vfio_vector *vector = &fn->msi.vectors[i];

		/* The function puts the vector's number into the low bits of data (§6.1.4.5). */
		if (masks & BIT(i))
			vfio_vector_disconnect(fn, vector);
		else
			r = vfio_vector_connect(fn, vector, address, (data & ~(msi->live - 1)) | i);
	}
	return r;
}

int vfio_msi_enable(struct vfio_function *fn)
{
	struct vfio_msi *msi = &fn->msi;
	int32_t fds[VFIO_MSI_MAX];
	unsigned n = wanted(fn);
	int r = 0;

	while (msi->live < n && !r) {
		r = vfio_vector_open(fn, &msi->vectors[msi->live]);
		if (!r) {
			fds[msi->live] = msi->vectors[msi->live].fd;
			msi->live++;
		}
	}
	if (!r)
		r = connect_all(fn);
	if (!r)
		r = vfio_irq_set_trigger(fn->dev, VFIO_PCI_MSI_IRQ_INDEX, 0, n, fds);
	if (r)
		vfio_msi_disable(fn);
	return r;
}

void vfio_msi_disable(struct vfio_function *fn)
{
	struct vfio_msi *msi = &fn->msi;

	if (fn->irq_mode == VFIO_IRQ_MSI && vfio_irq_disable(fn->dev, VFIO_PCI_MSI_IRQ_INDEX))
		vfio_function_trouble(fn, "MSI off");
	while (msi->live)
		vfio_vector_close(fn, &msi->vectors[--msi->live]);
}

void vfio_msi_update(struct vfio_function *fn)
{
	int r = 0;

	if (fn->irq_mode != VFIO_IRQ_MSI)
		return;
	if (wanted(fn) == fn->msi.live) {
		r = connect_all(fn);
	} else {
		vfio_msi_disable(fn);
		r = vfio_msi_enable(fn);
		if (r)
			fn->irq_mode = VFIO_IRQ_NONE;
	}
	if (r)
		vfio_function_trouble(fn, "MSI");
}

void vfio_msi_refresh_pending(struct vfio_function *fn)
{
	uint32_t bits = 0;

	if (!fn->msi.mask_at)
		return;
	for (unsigned i = 0; i < fn->msi.live; i++)
		bits |= (uint32_t)vfio_vector_pending(&fn->msi.vectors[i]) << i;
	store_le32(fn->pci.config + fn->msi.mask_at + 4, bits);
}
