/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Peer-to-peer: what is mapped of a BAR is also mapped into the IOAS, where all other devices of the
 * guest find it at its guest physical address. A BAR is not memory that can be pinned: into an iommufd
 * it goes by way of a dma-buf (VFIO_DEVICE_FEATURE_DMA_BUF, then IOMMU_IOAS_MAP_FILE; kernel 6.19), into
 * a container of VFIO's own by its address (VFIO_IOMMU_MAP_DMA knows pages of a device).
 *
 * The kernel revokes a dma-buf when the BAR stops to answer: decode off, a reset, D3hot
 * (vfio_pci_dma_buf_move()). Whether what was mapped comes back by itself is the importer's affair,
 * so it is mapped anew whenever decode goes on. Nothing here is fatal: DMA between the devices then
 * faults in the IOMMU as without p2p, and one line says so. Drivers that can, go through RAM.
 *
 * Under the device lock.
 */
#include "function.h"

#include <base/error.h>
#include <base/log.h>
#include <errno.h>
#include <host/way.h>
#include <string.h>

/* Said once for each device: it will not get better. */
static void give_up(struct vfio_function *fn, int err)
{
	fn->p2p = false;
	if (err == -ENOTTY || err == -EOPNOTSUPP)
		log_warn(
			"%s: no peer-to-peer: the host's kernel cannot map a BAR for other devices; "
			"it takes Linux 6.19 with CONFIG_VFIO_PCI_DMABUF",
			fn->dev->name);
	else
		log_warn("%s: no peer-to-peer: the host refused to map a BAR for other devices: %s",
			 fn->dev->name, strerror(-err));
}

void vfio_p2p_add(struct vfio_span *span)
{
	struct vfio_function *fn = span->fn;
	bool had_reason = *error_message();
	int r;

	if (!fn->p2p || !span->in_slot || span->in_ioas)
		return;
	r = vfio_space_map_bar(fn->space, fn->dev, span->bar,
			       (struct range){ span->offset, span->size }, span->hva,
			       span->address);
	span->in_ioas = !r;
	if (r)
		give_up(fn, r);
	if (r && !had_reason)
		error_clear();
}

void vfio_p2p_remove(struct vfio_span *span)
{
	struct vfio_function *fn = span->fn;

	if (span->in_ioas)
		vfio_space_unmap(fn->space, span->address, span->size);
	span->in_ioas = false;
}

void vfio_p2p_redo(struct vfio_function *fn)
{
	for (unsigned i = 0; i < PCI_BARS && fn->p2p; i++)
		for (unsigned k = 0; k < fn->bars[i].n_spans; k++) {
			vfio_p2p_remove(&fn->bars[i].spans[k]);
			vfio_p2p_add(&fn->bars[i].spans[k]);
		}
}
