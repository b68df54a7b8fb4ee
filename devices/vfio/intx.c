/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * INTx of a passed function (PCI 3.0 §2.2.6, PCIe 6.0 §6.1.2): level triggered, and wholly in the
 * kernel. VFIO masks the device's line and signals `fd`; KVM raises the guest's pin. When the guest
 * acknowledges at its irqchip, KVM lowers the pin and signals `unmask_fd` (resample); VFIO unmasks,
 * and signals again at once if the device still asserts (vfio_pci_intrs.c, "INTx").
 *
 * On whenever neither MSI nor MSI-X is. The command register's INTx disable goes through to the
 * device, where VFIO turns it into a mask (vfio_basic_config_write()).
 *
 * A mediated device's driver may take no unmask_fd (mtty.c of the kernel's samples). Then the guest's end
 * of interrupt is heard by the loop, and by the guest's next access, whichever is first; such a driver
 * may forget what happens while it is masked, and what happens is mostly the guest's own doing.
 *
 * Main thread, or a vcpu that is alone with the function.
 */
#include "intx.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

int vfio_intx_init(struct vfio_intx *intx, struct vfio_io *io, struct irq_router *irq,
		   struct loop *loop, uint8_t pin)
{
	struct vfio_irq_info info;
	int r;

	*intx = (struct vfio_intx){ .io = io, .irq = irq, .loop = loop, .fd = -1, .unmask_fd = -1 };
	r = vfio_irq_info(io->dev, VFIO_PCI_INTX_IRQ_INDEX, &info);
	if (!r && info.count && pin <= 4)
		intx->pin = pin;
	return r;
}

void vfio_intx_settle(struct vfio_intx *intx)
{
	/* Refused, it is lost or being taken back, which is found out elsewhere. */
	if (intx->by_hand && fd_event_take(intx->unmask_fd) &&
	    vfio_irq_unmask(intx->io->dev, VFIO_PCI_INTX_IRQ_INDEX))
		error_clear();
}

static void ended(struct loop_source *source, uint32_t events)
{
	(void)events;
	vfio_intx_settle(container_of(source, struct vfio_intx, ends));
}

static int watch_ends(struct vfio_intx *intx)
{
	int r;

	intx->ends = (struct loop_source){ .fd = intx->unmask_fd, .handler = ended };
	r = loop_add(intx->loop, &intx->ends, EPOLLIN);
	intx->by_hand = !r;
	return r ? fail(STATUS_FAILURE, -r, "%s: its interrupt cannot be watched: %s",
			intx->io->dev->name, strerror(-r))
		 : 0;
}

static int trigger(struct vfio_intx *intx)
{
	int32_t fd = intx->fd;
	int r;

	/* The trigger first: VFIO takes the unmask eventfd only while INTx is on. */
	vfio_io_begin(intx->io);
	r = vfio_irq_set_trigger(intx->io->dev, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &fd);
	intx->on = !r;
	if (!r)
		r = vfio_irq_set_unmask_fd(intx->io->dev, VFIO_PCI_INTX_IRQ_INDEX, intx->unmask_fd);
	vfio_io_end(intx->io);
	return r == -ENOTTY ? watch_ends(intx) : r;
}

static void close_fds(struct vfio_intx *intx)
{
	fd_close(&intx->fd);
	fd_close(&intx->unmask_fd);
}

int vfio_intx_enable(struct vfio_intx *intx)
{
	int r;

	if (!intx->pin)
		return 0;
	r = fd_event(&intx->fd);
	if (!r)
		r = fd_event(&intx->unmask_fd);
	if (!r)
		r = irq_fd_add(intx->irq, intx->gsi, intx->fd, intx->unmask_fd);
	if (r) {
		close_fds(intx);
		return r;
	}
	r = trigger(intx);
	/* The reason that is recorded is the first. */
	if (r && vfio_intx_disable(intx))
		return r;
	return r;
}

int vfio_intx_disable(struct vfio_intx *intx)
{
	int r = 0;

	if (intx->fd < 0)
		return 0;
	if (intx->by_hand)
		loop_remove(intx->loop, &intx->ends);
	intx->by_hand = false;
	vfio_io_begin(intx->io);
	if (intx->on)
		r = vfio_irq_disable(intx->io->dev, VFIO_PCI_INTX_IRQ_INDEX);
	vfio_io_end(intx->io);
	intx->on = false;
	/* Removing the irqfd lowers the guest's pin (irqfd_resampler_shutdown()). */
	irq_fd_remove(intx->irq, intx->gsi, intx->fd);
	close_fds(intx);
	return r;
}
