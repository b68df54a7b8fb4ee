/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Peer-to-peer: what is mapped of a BAR is also mapped into the IOAS, where all other devices of the
 * guest find it at its guest physical address. A BAR is not memory that can be pinned: into an iommufd
 * it goes by way of a dma-buf (VFIO_DEVICE_FEATURE_DMA_BUF, then IOMMU_IOAS_MAP_FILE; kernel 6.19), into
 * a container of VFIO's own by its address (VFIO_IOMMU_MAP_DMA knows pages of a device).
 *
 * The kernel revokes a dma-buf when the BAR stops to answer: decode off, a reset, D3hot
 * (vfio_pci_dma_buf_move()). Whether what was mapped comes back by itself is the importer's affair, so
 * it lives exactly as long as the BAR is in the guest's memory: made anew each time that it comes there,
 * which is after the device answers, and gone before it stops to (function.c).
 *
 * Nothing here is fatal: DMA between the devices then faults in the IOMMU as without p2p, and a line
 * says so; many drivers then go through RAM. What the host refused for a moment is tried again when the BAR
 * decodes the next time. What its kernel does not have is asked for once.
 *
 * Main thread, or under the device lock.
 */
#include "p2p.h"

#include <base/error.h>
#include <base/log.h>
#include <errno.h>
#include <string.h>

static void refused(struct vfio_p2p *p2p, int err)
{
	const char *name = p2p->io->dev->name;

	if (err == -ENOTTY || err == -EOPNOTSUPP) {
		log_warn(
			"%s: no peer-to-peer: the host's kernel cannot map a BAR for other devices; it "
			"takes Linux 6.19 with CONFIG_VFIO_PCI_DMABUF",
			name);
		p2p->on = false;
	} else if (!p2p->told) {
		log_warn("%s: no peer-to-peer: the host refused to map a BAR for other devices: %s",
			 name, strerror(-err));
		p2p->told = true;
	}
}

static struct vfio_peer *free_peer(struct vfio_p2p *p2p)
{
	for (unsigned i = 0; i < VFIO_PEERS_MAX; i++)
		if (!p2p->peers[i].size)
			return &p2p->peers[i];
	return NULL;
}

void vfio_p2p_add(struct vfio_p2p *p2p, unsigned bar, struct range part, void *hva,
		  uint64_t address)
{
	struct vfio_peer *peer = free_peer(p2p);
	bool had_reason = *error_message();
	int r;

	if (!p2p->on || !peer || p2p->io->lost)
		return;
	r = vfio_space_map_bar(p2p->space, p2p->io->dev, bar, part, hva, address);
	if (r)
		refused(p2p, r);
	else
		*peer = (struct vfio_peer){ address, part.size };
	if (r && !had_reason)
		error_clear();
}

void vfio_p2p_remove(struct vfio_p2p *p2p, uint64_t address)
{
	for (unsigned i = 0; i < VFIO_PEERS_MAX; i++) {
		struct vfio_peer *peer = &p2p->peers[i];

		if (!peer->size || peer->address != address)
			continue;
		vfio_space_unmap(p2p->space, peer->address, peer->size);
		peer->size = 0;
	}
}
