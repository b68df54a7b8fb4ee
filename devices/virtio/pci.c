/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio over PCI, the modern transport (VIRTIO 1.3 §4.1; § below are its sections): vendor-specific
 * capabilities that say where in BAR 0 the structures are, what lies there, and MSI-X. The registers of
 * the common configuration are in pci_common.c.
 *
 * BAR 0:  0000h common configuration    1000h ISR status    2000h device configuration
 *         3000h doorbells, 4 bytes each 4000h MSI-X table    6000h its pending bits
 *
 * A doorbell is an ioeventfd while its queue is enabled and the BAR decodes; one that comes another way
 * (the configuration window, §4.1.4.9) is trapped and signals the same eventfd. An interrupt is the
 * eventfd of a vector, which KVM listens to. Neither takes the device lock.
 *
 * Left out on purpose: INTx (a guest without MSI-X can poll the ISR status), the legacy and transitional
 * interfaces, notification data, reset of one queue, shared memory regions.
 *
 * Under the device lock, but for interrupts, which come from the device's thread.
 */
#include "pci_common.h"

#include <base/bytes.h>
#include <base/error.h>
#include <base/fd.h>
#include <devices/msi.h>
#include <errno.h>
#include <host/kvm.h>
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <stdlib.h>
#include <string.h>

#define VENDOR        0x1af4 /* §4.1.2 */
#define DEVICE_BASE   0x1040
#define SUBSYSTEM     0x0040 /* §4.1.2.1: 40h or more tells drivers that it is not a legacy one */
#define NOTIFY_STRIDE 4
#define CAPABILITIES  0x40
#define ISR_QUEUE     BIT(0)
#define ISR_CONFIG    BIT(1)
#define BAR_SIZE      KIB(32)

static const struct range common_at = { 0x0000, COMMON_SIZE }, isr_at = { 0x1000, 4 },
			  config_at = { 0x2000, VIRTIO_CONFIG_MAX }, notify_at = { 0x3000, 0x1000 },
			  table_at = { 0x4000, 0x2000 }, pba_at = { 0x6000, 0x1000 };

struct virtio_pci {
	struct pci_function fn;
	struct virtio_pci_config config;
	struct virtio_device *dev;
	struct msix msix;
	struct bus_region region;
	bool mapped;
	unsigned msix_cap, window; /* of configuration space: where the two capabilities are */
	bool rings[QUEUES_MAX];    /* a queue's doorbell is in KVM */
	struct pci_common common;
};

/* Interrupts: on the device's thread. */

static void interrupt(struct virtio_pci *pci, const uint16_t *vector)
{
	unsigned v = __atomic_load_n(vector, __ATOMIC_ACQUIRE);

	/* Every vector is open from the start, so that nothing here depends on the guest's masks. */
	if (v < pci->msix.n && __atomic_load_n(&pci->msix.enabled, __ATOMIC_ACQUIRE))
		fd_event_signal(pci->msix.vectors[v].fd);
}

static void queue_interrupt(void *transport, unsigned queue)
{
	struct virtio_pci *pci = transport;

	/* §4.1.4.5.1: only while MSI-X is off. */
	if (!__atomic_load_n(&pci->msix.enabled, __ATOMIC_ACQUIRE))
		__atomic_or_fetch(&pci->common.isr, ISR_QUEUE, __ATOMIC_ACQ_REL);
	interrupt(pci, &pci->common.vectors[queue]);
}

/* Also while MSI-X is off: then what it is signalled waits, as for a vector that is masked. */
static int queue_fd(void *transport, unsigned queue)
{
	struct virtio_pci *pci = transport;
	unsigned v = __atomic_load_n(&pci->common.vectors[queue], __ATOMIC_ACQUIRE);

	return v < pci->msix.n ? pci->msix.vectors[v].fd : -1;
}

static void config_interrupt(void *transport)
{
	struct virtio_pci *pci = transport;

	__atomic_or_fetch(&pci->common.isr, ISR_CONFIG, __ATOMIC_ACQ_REL);
	interrupt(pci, &pci->common.config_vector);
}

static const struct virtio_transport_ops transport_ops = {
	.queue_interrupt = queue_interrupt,
	.config_interrupt = config_interrupt,
	.queue_fd = queue_fd,
};

/* Doorbells. */

static gpa_t doorbell(const struct virtio_pci *pci, unsigned queue)
{
	return pci->region.base + notify_at.base + (gpa_t)queue * NOTIFY_STRIDE;
}

/* Put those in KVM that should be there, take out the others. One that KVM refuses is trapped. */
static void doorbells(struct virtio_pci *pci)
{
	int vm = pci->config.irq->vm_fd;
	bool recorded = *error_message();

	for (unsigned i = 0; i < pci->dev->n_queues; i++) {
		const struct virtio_queue *q = &pci->dev->queues[i];
		bool wanted = pci->mapped && q->enabled && vm >= 0;

		if (wanted == pci->rings[i])
			continue;
		if (!wanted)
			kvm_ioeventfd_remove(vm, doorbell(pci, i), q->kick_fd);
		else if (kvm_ioeventfd(vm, doorbell(pci, i), q->kick_fd))
			continue;
		pci->rings[i] = wanted;
	}
	if (!recorded)
		error_clear();
}

static void ring(struct virtio_pci *pci, uint64_t offset)
{
	uint64_t i = offset / NOTIFY_STRIDE;

	if (offset % NOTIFY_STRIDE == 0 && i < pci->dev->n_queues)
		fd_event_signal(pci->dev->queues[i].kick_fd);
}

static void table_access(struct virtio_pci *pci, uint64_t offset, uint8_t *data, unsigned len,
			 bool is_write)
{
	struct range table = { table_at.base, msix_table_size(&pci->msix) };
	struct range pba = { pba_at.base, msix_pba_size(&pci->msix) };

	if (range_holds(table, offset, len))
		msix_table_access(&pci->msix, offset - table.base, data, len, is_write);
	else if (range_holds(pba, offset, len) && !is_write)
		msix_pba_read(&pci->msix, offset - pba.base, data, len);
}

/* Of what the guest asks KVM may refuse a message: that vector is silent, and a line says so. */
static void apply_msix(struct virtio_pci *pci)
{
	bool recorded = *error_message();

	if (!msix_apply(&pci->msix))
		return;
	log_guest(&pci->dev->rl, "%s: an MSI-X vector: %s", pci->dev->name, error_message());
	if (!recorded)
		error_clear();
}

/* One access inside BAR 0. What lies between the structures reads as zero. */
static void bar_access(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	struct virtio_pci *pci = ctx;

	if (!is_write)
		memset(data, 0, len);
	if (range_holds(notify_at, offset, len)) {
		if (is_write)
			ring(pci, offset - notify_at.base);
	} else if (range_holds(isr_at, offset, len)) {
		/* §4.1.4.5: reading takes it. */
		if (!is_write && offset == isr_at.base)
			*(uint8_t *)data = __atomic_exchange_n(&pci->common.isr, 0,
							       __ATOMIC_ACQ_REL);
	} else if (range_holds(config_at, offset, len)) {
		if (!is_write)
			virtio_device_config_read(pci->dev, (unsigned)(offset - config_at.base),
						  data, len);
	} else if (offset < common_at.base + common_at.size) {
		if (pci_common_access(&pci->common, (unsigned)offset, data, len, is_write))
			doorbells(pci);
	} else {
		table_access(pci, offset, data, len, is_write);
		apply_msix(pci);
	}
}

/*
 * The window (§4.1.4.9): any access to its data is an access to the BAR at `offset` of the capability, for
 * a guest that cannot map it. Of other lengths than 1, 2 and 4, and of crooked offsets, nothing happens.
 */
static void window_access(struct virtio_pci *pci, bool is_write)
{
	uint8_t *cap = pci->fn.config + pci->window;
	uint8_t *data = cap + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);
	uint32_t offset = load_le32(cap + offsetof(struct virtio_pci_cap, offset));
	uint32_t len = load_le32(cap + offsetof(struct virtio_pci_cap, length));

	if (cap[offsetof(struct virtio_pci_cap, bar)] == 0 && (len == 1 || len == 2 || len == 4) &&
	    is_aligned(offset, len) && offset <= BAR_SIZE - len)
		bar_access(pci, offset, data, len, is_write);
	else if (!is_write)
		memset(data, 0xff, 4);
}

static bool in_window(const struct virtio_pci *pci, unsigned offset, unsigned len)
{
	unsigned data = pci->window + (unsigned)offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);

	return offset < data + 4 && data < offset + len;
}

static uint32_t config_read(struct pci_function *fn, unsigned offset, unsigned len)
{
	struct virtio_pci *pci = container_of(fn, struct virtio_pci, fn);

	if (in_window(pci, offset, len))
		window_access(pci, false);
	return pci_config_read(fn, offset, len);
}

static void config_write(struct pci_function *fn, unsigned offset, unsigned len, uint32_t value)
{
	struct virtio_pci *pci = container_of(fn, struct virtio_pci, fn);

	pci_config_write(fn, offset, len, value);
	/* A guest that wants the window has its reads trapped from then on. */
	if (offset < pci->window + sizeof(struct virtio_pci_cfg_cap) && pci->window < offset + len)
		pci_function_hide(fn);
	if (in_window(pci, offset, len))
		window_access(pci, true);
	msix_control(&pci->msix, load_le16(fn->config + pci->msix_cap + PCI_MSIX_FLAGS));
	apply_msix(pci);
}

/* A function that may not master the bus reaches no memory (PCI 3.0 §6.2.2): one that did is halted. */
static void command_changed(struct pci_function *fn, uint16_t before, uint16_t now)
{
	struct virtio_pci *pci = container_of(fn, struct virtio_pci, fn);

	if (before & ~now & PCI_COMMAND_MASTER)
		virtio_device_halt(pci->dev, "bus mastering was turned off");
}

static int bar_map(struct pci_function *fn, unsigned index, uint64_t address)
{
	struct virtio_pci *pci = container_of(fn, struct virtio_pci, fn);
	int r;

	pci->region = (struct bus_region){
		.base = address,
		.size = BAR_SIZE,
		.handler = bar_access,
		.ctx = pci,
		.name = pci->dev->name,
	};
	r = bus_add(fn->root->config.mmio, &pci->region);
	pci->mapped = !r;
	doorbells(pci);
	return r;
}

static void bar_unmap(struct pci_function *fn, unsigned index)
{
	struct virtio_pci *pci = container_of(fn, struct virtio_pci, fn);

	pci->mapped = false;
	doorbells(pci);
	bus_remove(fn->root->config.mmio, &pci->region);
}

static const struct pci_function_ops function_ops = {
	.config_read = config_read,
	.config_write = config_write,
	.command_changed = command_changed,
	.bar_map = bar_map,
	.bar_unmap = bar_unmap,
};

/* A capability of §4.1.4 in front of those that are there. Returns where it is. */
static unsigned add_capability(struct virtio_pci *pci, unsigned *at, uint8_t kind, uint8_t len,
			       struct range where)
{
	uint8_t *cap = pci->fn.config + *at;
	unsigned here = *at;

	cap[PCI_CAP_LIST_ID] = PCI_CAP_ID_VNDR;
	cap[PCI_CAP_LIST_NEXT] = pci->fn.config[PCI_CAPABILITY_LIST];
	cap[offsetof(struct virtio_pci_cap, cap_len)] = len;
	cap[offsetof(struct virtio_pci_cap, cfg_type)] = kind;
	store_le32(cap + offsetof(struct virtio_pci_cap, offset), (uint32_t)where.base);
	store_le32(cap + offsetof(struct virtio_pci_cap, length), (uint32_t)where.size);
	pci->fn.config[PCI_CAPABILITY_LIST] = (uint8_t)here;
	*at += len;
	return here;
}

/* What the guest may write of the window: which BAR, where, how much, and the data. */
static void add_window(struct virtio_pci *pci, unsigned *at)
{
	uint8_t *writable;

	pci->window = add_capability(pci, at, VIRTIO_PCI_CAP_PCI_CFG,
				     sizeof(struct virtio_pci_cfg_cap), (struct range){ 0, 0 });
	writable = pci->fn.writable + pci->window;
	writable[offsetof(struct virtio_pci_cap, bar)] = 0xff;
	store_le32(writable + offsetof(struct virtio_pci_cap, offset), UINT32_MAX);
	store_le32(writable + offsetof(struct virtio_pci_cap, length), UINT32_MAX);
	store_le32(writable + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data), UINT32_MAX);
}

static void add_capabilities(struct virtio_pci *pci)
{
	const struct virtio_device *dev = pci->dev;
	uint8_t *config = pci->fn.config;
	unsigned at = CAPABILITIES, notify;

	pci->msix_cap = at;
	msix_capability(&pci->msix, &pci->fn, at, 0, (uint32_t)table_at.base,
			(uint32_t)pba_at.base);
	config[PCI_CAPABILITY_LIST] = (uint8_t)at;
	at += PCI_CAP_MSIX_SIZEOF;
	add_window(pci, &at);
	/* §4.1.4.6: only for a device that has any. */
	if (dev->config_size)
		add_capability(pci, &at, VIRTIO_PCI_CAP_DEVICE_CFG, sizeof(struct virtio_pci_cap),
			       (struct range){ config_at.base, dev->config_size });
	add_capability(pci, &at, VIRTIO_PCI_CAP_ISR_CFG, sizeof(struct virtio_pci_cap), isr_at);
	notify = add_capability(pci, &at, VIRTIO_PCI_CAP_NOTIFY_CFG,
				sizeof(struct virtio_pci_notify_cap),
				(struct range){ notify_at.base, dev->n_queues * NOTIFY_STRIDE });
	store_le32(config + notify + offsetof(struct virtio_pci_notify_cap, notify_off_multiplier),
		   NOTIFY_STRIDE);
	add_capability(pci, &at, VIRTIO_PCI_CAP_COMMON_CFG, sizeof(struct virtio_pci_cap),
		       common_at);
	store_le16(config + PCI_STATUS, PCI_STATUS_CAP_LIST);
}

static int make(struct virtio_pci *pci)
{
	struct virtio_device *dev = pci->dev;
	int r = msix_init(&pci->msix, dev->n_queues + 1, pci->config.irq, pci->config.devfn);

	for (unsigned i = 0; !r && i < pci->msix.n; i++)
		r = msi_vector_open(&pci->msix.vectors[i]);
	if (r)
		return r;
	virtio_device_plug(dev, pci->config.memory, &transport_ops, pci);
	pci_function_init(&pci->fn, dev->name, &function_ops, VENDOR,
			  (uint16_t)(DEVICE_BASE + dev->type), dev->pci_class);
	pci->fn.plain = true; /* until the guest writes to the window */
	store_le16(pci->fn.config + PCI_SUBSYSTEM_VENDOR_ID, VENDOR);
	store_le16(pci->fn.config + PCI_SUBSYSTEM_ID, SUBSYSTEM);
	pci_function_bar(&pci->fn, 0, PCI_BAR_MEM32, false, BAR_SIZE);
	add_capabilities(pci);
	pci->common.dev = dev;
	pci->common.n_vectors = pci->msix.n;
	pci_common_reset(&pci->common);
	return pci_root_add(pci->config.root, &pci->fn, pci->config.devfn);
}

int virtio_pci_create(const struct virtio_pci_config *config, struct virtio_pci **ret)
{
	struct virtio_pci *pci;
	int r;

	if (config->dev->n_queues > QUEUES_MAX)
		return fail(STATUS_FAILURE, EINVAL, "%s: %u queues; at most %u", config->dev->name,
			    config->dev->n_queues, QUEUES_MAX);
	pci = calloc(1, sizeof(*pci));
	if (!pci)
		return fail(STATUS_FAILURE, ENOMEM, "%s: out of memory", config->dev->name);
	pci->config = *config;
	pci->dev = config->dev;
	r = make(pci);
	if (r) {
		virtio_pci_destroy(pci);
		return r;
	}
	*ret = pci;
	return 0;
}

void virtio_pci_drain(struct virtio_pci *pci)
{
	virtio_device_drain(pci->dev);
}

void virtio_pci_destroy(struct virtio_pci *pci)
{
	if (!pci)
		return;
	if (pci->dev->transport)
		virtio_device_unplug(pci->dev);
	if (pci->fn.root)
		pci_root_remove(pci->fn.root, &pci->fn);
	msix_deinit(&pci->msix);
	free(pci);
}
