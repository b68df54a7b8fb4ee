/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts of a VFIO device (include/uapi/linux/vfio.h, VFIO_DEVICE_GET_IRQ_INFO and
 * VFIO_DEVICE_SET_IRQS; drivers/vfio/pci/vfio_pci_intrs.c for what each errno means).
 *
 * Main thread, or under the device lock.
 */
#include "vfio_refused.h"

#include <base/error.h>
#include <errno.h>
#include <host/call.h>
#include <stdlib.h>
#include <string.h>

int vfio_irq_info(const struct vfio_device *dev, unsigned index, struct vfio_irq_info *ret)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };
	int r = HOST_IOCTL(dev->fd, VFIO_DEVICE_GET_IRQ_INFO, &info);

	/* vfio-pci refuses the error index of a function that is not PCI Express. */
	if (r == -EINVAL)
		info = (struct vfio_irq_info){ .index = index };
	else if (r < 0)
		return vfio_refused(dev, "VFIO_DEVICE_GET_IRQ_INFO", r);
	*ret = info;
	return 0;
}

/* VFIO_DEVICE_SET_IRQS with `count` eventfds, or none of them for a bare action. */
static int set_irqs(const struct vfio_device *dev, unsigned index, uint32_t action, unsigned start,
		    unsigned count, const int32_t *fds)
{
	size_t size = sizeof(struct vfio_irq_set) + count * sizeof(int32_t);
	struct vfio_irq_set *arg = calloc(1, size);
	int r;

	if (!arg)
		return -ENOMEM;
	*arg = (struct vfio_irq_set){
		.argsz = (uint32_t)size,
		.flags = action | (count ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE),
		.index = index,
		.start = start,
		.count = count,
	};
	for (unsigned i = 0; i < count; i++) {
		int32_t fd = fds ? fds[i] : -1;

		memcpy(arg->data + i * sizeof(fd), &fd, sizeof(fd));
	}
	r = HOST_IOCTL(dev->fd, VFIO_DEVICE_SET_IRQS, arg);
	free(arg);
	/* A positive answer is the number of vectors that the host could give (MSI, MSI-X). */
	return r > 0 ? -ENOSPC : r;
}

static const char *const irq_names[] = { "INTx", "MSI", "MSI-X", "error", "request" };

static int irq_refused(const struct vfio_device *dev, unsigned index, int err)
{
	const char *name = index < ARRAY_SIZE(irq_names) ? irq_names[index] : "?";

	if (err == -ENOSPC)
		return fail(
			STATUS_HOST, ENOSPC,
			"%s: the host has no interrupt vectors left for %s; end other guests, or "
			"give the host more processors",
			dev->name, name);
	if (err == -EBUSY && index == VFIO_PCI_INTX_IRQ_INDEX)
		return fail(STATUS_HOST, EBUSY,
			    "%s: its interrupt line is shared with a host device and it cannot be "
			    "masked by itself; unbind that device (cat /proc/interrupts), or put "
			    "this one into another slot",
			    dev->name);
	return fail(STATUS_HOST, -err, "%s: VFIO_DEVICE_SET_IRQS of %s failed: %s", dev->name, name,
		    strerror(-err));
}

int vfio_irq_set_trigger(const struct vfio_device *dev, unsigned index, unsigned start,
			 unsigned count, const int32_t *fds)
{
	int r = set_irqs(dev, index, VFIO_IRQ_SET_ACTION_TRIGGER, start, count, fds);

	return r < 0 ? irq_refused(dev, index, r) : 0;
}

int vfio_irq_set_unmask_fd(const struct vfio_device *dev, unsigned index, int fd)
{
	int r = set_irqs(dev, index, VFIO_IRQ_SET_ACTION_UNMASK, 0, 1, &fd);

	return r < 0 && r != -ENOTTY ? irq_refused(dev, index, r) : r;
}

int vfio_irq_unmask(const struct vfio_device *dev, unsigned index)
{
	struct vfio_irq_set arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_DATA_NONE,
		.index = index,
		.count = 1,
	};
	int r = HOST_IOCTL(dev->fd, VFIO_DEVICE_SET_IRQS, &arg);

	return r < 0 ? irq_refused(dev, index, r) : 0;
}

int vfio_irq_disable(const struct vfio_device *dev, unsigned index)
{
	int r = set_irqs(dev, index, VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0, NULL);

	return r < 0 ? irq_refused(dev, index, r) : 0;
}
