/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host says of a passed device while the guest runs (include/uapi/linux/vfio.h,
 * VFIO_PCI_ERR_IRQ_INDEX and VFIO_PCI_REQ_IRQ_INDEX). Both end the VM: after an uncorrectable error
 * the device's state is unknown, and whoever asks for the device back waits in the kernel, holding
 * the device's lock, until it is closed (drivers/vfio/vfio_main.c, vfio_unregister_group_dev).
 *
 * The two eventfds survive a reset of the device and a reboot of the guest. They are heard by control,
 * without the device lock: whatever the guest has the devices do, the host gets its device back.
 */
#include <devices/vfio.h>

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <sys/epoll.h>

static void on_error(struct loop_source *source, uint32_t events)
{
	struct vfio_events *ev = container_of(source, struct vfio_events, error);

	(void)events;
	fd_event_take(source->fd);
	loop_post_why(
		ev->loop, VM_EVENT_DEVICE_LOST, STATUS_DEVICE_LOST,
		"%s: the device reported an uncorrectable PCI Express error and its state is unknown, so "
		"the guest was stopped; see the host's kernel log (dmesg)",
		ev->dev->name);
}

static void on_request(struct loop_source *source, uint32_t events)
{
	struct vfio_events *ev = container_of(source, struct vfio_events, request);

	(void)events;
	fd_event_take(source->fd);
	loop_post_why(
		ev->loop, VM_EVENT_DEVICE_LOST, STATUS_DEVICE_LOST,
		"%s: the host wants the device back (unbind or removal), so the guest was stopped; bind "
		"it to vfio-pci and run the guest again",
		ev->dev->name);
}

/* A kernel or a device without the event (AER needs a PCIe device) has count 0: nothing to watch. */
static int watch(struct vfio_events *ev, struct loop_source *source, unsigned index,
		 loop_handler handler)
{
	struct vfio_irq_info info;
	int32_t fd;
	int r;

	source->handler = handler;
	if (vfio_irq_info(ev->dev, index, &info) || !info.count) {
		error_clear();
		return 0;
	}
	r = fd_event(&source->fd);
	if (r)
		return r;
	fd = source->fd;
	r = vfio_irq_set_trigger(ev->dev, index, 0, 1, &fd);
	return r ? r : loop_add(ev->loop, source, EPOLLIN);
}

int vfio_events_init(struct vfio_events *ev, struct vfio_device *dev, struct loop *loop)
{
	int r;

	*ev = (struct vfio_events){ .dev = dev, .loop = loop, .error.fd = -1, .request.fd = -1 };
	r = watch(ev, &ev->error, VFIO_PCI_ERR_IRQ_INDEX, on_error);
	if (!r)
		r = watch(ev, &ev->request, VFIO_PCI_REQ_IRQ_INDEX, on_request);
	return r;
}

void vfio_events_deinit(struct vfio_events *ev)
{
	if (!ev->dev)
		return;
	if (ev->error.fd >= 0)
		loop_withdraw(ev->loop, &ev->error);
	if (ev->request.fd >= 0)
		loop_withdraw(ev->loop, &ev->request);
	fd_close(&ev->error.fd);
	fd_close(&ev->request.fd);
	ev->dev = NULL;
}
