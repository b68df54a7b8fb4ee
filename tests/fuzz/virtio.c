/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device on PCI under a driver that writes registers in any order, by the BAR and by the window, and rings of
 * any bytes, which the device then takes requests from. What must hold: the rules of VIRTIO 1.3 for status and
 * features (§2.1, §2.2), registers of a queue that stay as they are once it is enabled (§4.1.4.3.2), a doorbell in KVM
 * where a queue is enabled and nowhere else, requests that lie whole in RAM, no more of them than there are entries.
 * Bytes: operations.
 *
 * Fuzzes: devices/virtio/pci.c devices/virtio/pci_common.c devices/virtio/device.c devices/virtio/queue.c devices/pci/msix.c devices/pci/msi.c
 */
#include "fuzz.h"

#include "board.h"
#include "fake-kvm.h"
#include "virtio-driver.h"

#include <base/fd.h>
#include <devices/virtio/device.h>
#include <linux/falloc.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>

#define AT         (ECAM + (PCI_DEVFN(3, 0) << 12))
#define BASE       (MEM32 + MIB(1))
#define QUEUES     3
#define ENTRIES    64
#define OPERATIONS 256
#define OFFERED    BIT64(5)

static struct virtio_queue queues[QUEUES], before[QUEUES];
static struct virtio_device dev;
static struct virtio_pci *pci;
static struct irq_router router;
static struct virtio_chain chain;
static bool started;

static void on_start(struct virtio_device *d)
{
	MUST(!started);
	started = true;
}

static void on_stop(struct virtio_device *d)
{
	MUST(started);
	started = false;
}

static const struct virtio_device_ops device_ops = { on_start, on_stop, NULL };

static void plug(void)
{
	struct virtio_pci_config config = {
		.dev = &dev, .root = &root, .devfn = PCI_DEVFN(3, 0), .memory = &ram, .irq = &router
	};

	board_init();
	fake_kvm_init();
	if (!ram.hva)
		ram_init();
	if (fallocate(ram.memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)ram.size) ||
	    irq_router_init(&router, FAKE_KVM_FD, 24))
		abort();
	for (unsigned i = 0; i < QUEUES; i++)
		if (virtio_queue_init(&queues[i], ENTRIES))
			abort();
	started = false;
	dev = (struct virtio_device){ .ops = &device_ops,
				      .name = "test",
				      .type = VIRTIO_ID_BLOCK,
				      .pci_class = 0x01000001,
				      .offered = OFFERED,
				      .queues = queues,
				      .n_queues = QUEUES,
				      .config_size = 24 };
	virtio_device_init(&dev);
	if (virtio_pci_create(&config, &pci))
		abort();
	set(AT + BAR(0), 4, BASE);
	set(AT + PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void unplug(void)
{
	virtio_pci_destroy(pci);
	MUST(!started && !fake_kvm.n_doorbells && !fake_kvm.n_irqfds && !fake_kvm.wrongs);
	virtio_device_deinit(&dev);
	for (unsigned i = 0; i < QUEUES; i++)
		virtio_queue_deinit(&queues[i]);
	irq_router_deinit(&router);
	pci_root_deinit(&root);
	MUST(!mmio.n && !pio.n);
}

/* --- what holds after whatever --- */

static void check_doorbells(void)
{
	const struct pci_function *fn = root.functions[PCI_DEVFN(3, 0)];
	unsigned n = 0;

	for (unsigned i = 0; i < QUEUES; i++) {
		uint64_t bell = fn->bars[0].address + 0x3000 + 4 * i;

		if (!fn->bars[0].mapped || !queues[i].enabled)
			continue;
		n++;
		fd_event_take(queues[i].kick_fd);
		MUST(fake_kvm_ring(bell) && fd_event_take(queues[i].kick_fd));
	}
	MUST(fake_kvm.n_doorbells == n);
}

static void check_queue(struct virtio_queue *q, const struct virtio_queue *old)
{
	unsigned taken = 0;

	MUST(is_power_of_two(q->size) && q->size <= q->max && q->max == ENTRIES);
	if (q->enabled && old->enabled)
		MUST(q->size == old->size && q->desc_at == old->desc_at &&
		     q->driver_at == old->driver_at && q->device_at == old->device_at);
	for (unsigned i = 0; i < ARRAY_SIZE(q->in_flight); i++)
		taken += (unsigned)__builtin_popcountll(q->in_flight[i]);
	MUST(taken <= q->size);
	MUST(!q->broken || q->why);
	MUST(!q->running || (memory_at(&ram, q->desc_at, 16 * q->size) == q->desc &&
			     memory_at(&ram, q->driver_at, 6 + 2 * q->size) == q->driver &&
			     memory_at(&ram, q->device_at, 6 + 8 * q->size) == q->device));
}

static void check(uint8_t old, bool reset)
{
	uint8_t status = virtio_device_status(&dev);

	MUST(reset || !(old & ~status));
	MUST(!(status & VIRTIO_CONFIG_S_DRIVER_OK) || status & VIRTIO_CONFIG_S_FEATURES_OK);
	MUST(!(status & VIRTIO_CONFIG_S_FEATURES_OK) ||
	     (!(dev.features & ~dev.offered) && dev.features >> VIRTIO_F_VERSION_1 & 1));
	MUST(started == dev.started && (!started || status & VIRTIO_CONFIG_S_DRIVER_OK));
	for (unsigned i = 0; i < QUEUES; i++)
		check_queue(&queues[i], &before[i]);
	check_doorbells();
	MUST(!fake_kvm.wrongs && !*error_message());
}

/* --- the driver's side --- */

static void write_bar(uint64_t offset, unsigned len, uint64_t value, bool by_window)
{
	unsigned cap = (unsigned)get(AT + PCI_CAPABILITY_LIST, 1);

	if (!by_window) {
		set(BASE + offset, len, value);
		return;
	}
	for (unsigned n = 0; cap && n < 48; n++, cap = (unsigned)get(AT + cap + 1, 1))
		if (get(AT + cap, 1) == PCI_CAP_ID_VNDR &&
		    get(AT + cap + 3, 1) == VIRTIO_PCI_CAP_PCI_CFG)
			break;
	set(AT + cap + 4, 1, 0);
	set(AT + cap + 8, 4, offset);
	set(AT + cap + 12, 4, len);
	set(AT + cap + 16, 4, value);
}

static uint64_t take_address(struct input *in)
{
	uint8_t how = take8(in);

	switch (how % 4) {
	case 0:
		return (uint64_t)take8(in) << 8;
	case 1:
		return HIGH + (how & 4 ? HIGH_SIZE - take8(in) : (uint64_t)take8(in) << 4);
	case 2:
		return LOW_SIZE - take16(in);
	default:
		return take64(in);
	}
}

/* As a driver has to do it, up to queues that are where it says. */
static void come_up(struct input *in)
{
	uint64_t features = BIT64(VIRTIO_F_VERSION_1) | (uint64_t)(take8(in) & 3)
								<< VIRTIO_RING_F_INDIRECT_DESC;

	set(BASE + VIRTIO_PCI_COMMON_STATUS, 1, 0);
	memset(before, 0, sizeof(before));
	set(BASE + VIRTIO_PCI_COMMON_STATUS, 1, 3);
	for (unsigned i = 0; i < 2; i++) {
		set(BASE + VIRTIO_PCI_COMMON_GFSELECT, 4, i);
		set(BASE + VIRTIO_PCI_COMMON_GF, 4, features >> (32 * i) & UINT32_MAX);
	}
	set(BASE + VIRTIO_PCI_COMMON_STATUS, 1, 11);
	for (unsigned i = 0; i < QUEUES; i++) {
		set(BASE + VIRTIO_PCI_COMMON_Q_SELECT, 2, i);
		set(BASE + VIRTIO_PCI_COMMON_Q_SIZE, 2, 1u << take8(in) % 8);
		set(BASE + VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0x1000 * i);
		set(BASE + VIRTIO_PCI_COMMON_Q_AVAILLO, 4, 0x1000 * i + 0x400);
		set(BASE + VIRTIO_PCI_COMMON_Q_USEDLO, 4, 0x1000 * i + 0x800);
		set(BASE + VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	}
	set(BASE + VIRTIO_PCI_COMMON_STATUS, 1, 15);
}

static void write_desc(struct input *in, unsigned q)
{
	unsigned i = take8(in) % ENTRIES;

	table_set(0x1000 * q + (i & 0x20 ? 0x600 : 0), i % 0x20, take_address(in), take16(in),
		  take8(in) & 7, take8(in) % ENTRIES);
}

/* --- the device's side --- */

/* Whole, and in one piece of it. */
static bool is_ram(const uint8_t *p, size_t len)
{
	for (unsigned i = 0; i < ram.n_ram; i++)
		if (p >= ram.ram[i].hva && len <= ram.ram[i].size &&
		    (size_t)(p - ram.ram[i].hva) <= ram.ram[i].size - len)
			return true;
	return false;
}

static void take_request(unsigned i, bool give_back)
{
	struct virtio_queue *q = &queues[i];
	uint64_t out = 0, all = 0;

	if (!started || !virtio_queue_pop(q, &chain)) {
		if (started && q->broken && !virtio_device_broken(&dev))
			virtio_device_needs_reset(&dev, "a queue", q->why);
		return;
	}
	MUST(chain.head < q->size && chain.n_out + chain.n_in <= VIRTIO_QUEUE_MAX);
	MUST(chain.n_out + chain.n_in);
	for (unsigned k = 0; k < chain.n_out + chain.n_in; k++) {
		const uint8_t *p = chain.iov[k].iov_base;
		size_t len = chain.iov[k].iov_len;

		MUST(len && is_ram(p, len));
		all += len;
		out += k < chain.n_out ? len : 0;
	}
	MUST(out == chain.out_len && all == chain.out_len + chain.in_len);
	MUST(all <= UINT32_MAX);
	if (!give_back)
		return;
	virtio_queue_push(q, chain.head, (uint32_t)chain.in_len);
	virtio_device_interrupt(&dev, i);
}

static void copy(struct input *in)
{
	static uint8_t bytes[300];
	size_t at = take16(in), n = take8(in) + 1u;
	uint64_t there = chain.out_len > at ? chain.out_len - at : 0;

	MUST(virtio_iov_read(chain.iov, chain.n_out, at, bytes, n) == MIN(n, there));
	there = chain.in_len > at ? chain.in_len - at : 0;
	MUST(virtio_iov_write(chain.iov + chain.n_out, chain.n_in, at, bytes, n) == MIN(n, there));
}

static void operate(struct input *in)
{
	uint8_t op = take8(in), q = op >> 5 & 3, old = virtio_device_status(&dev);
	unsigned len = 1u << q;
	bool reset = false;

	q %= QUEUES;
	memcpy(before, queues, sizeof(before));
	switch (op % 16) {
	case 0: /* any register, any width */
		reset = true;
		write_bar(take8(in) % 0x40, len, take64(in), op & 16);
		break;
	case 1:
		write_bar(take16(in) % KIB(32), len, take64(in), op & 16);
		reset = true;
		break;
	case 2:
		get(BASE + take16(in) % KIB(32), len);
		break;
	case 3:
		reset = true; /* the window may write a status of 0 */
		set(AT + take8(in), len, take64(in));
		set(AT + BAR(0), 4, BASE);
		break;
	case 4:
		come_up(in);
		reset = true;
		break;
	case 5:
		write_desc(in, q);
		break;
	case 6: /* a head */
		store_le16(at(0x1000 * q + 0x404 + 2 * (take8(in) % ENTRIES)), take8(in));
		store_le16(at(0x1000 * q + 0x402), take8(in));
		break;
	case 7: /* anything in RAM */
		store_le64(at(take16(in) % 0x3000), take64(in));
		break;
	case 8:
		take_request(q, op & 16);
		break;
	case 9:
		copy(in);
		break;
	case 10:
		if (started && virtio_queue_listen(&queues[q]))
			MUST(virtio_queue_filled(&queues[q]) != queues[q].avail_next);
		break;
	case 11:
		virtio_device_config_set(&dev, 8, &op, 1);
		virtio_device_config_changed(&dev);
		break;
	case 12:
		set(AT + PCI_COMMAND, 2, take8(in));
		break;
	case 13:
		set(AT + 0x42, 2, (uint64_t)(take8(in) & 0xc0) << 8);
		break;
	case 14: /* a head that was taken, or not */
		if (started)
			virtio_queue_push(&queues[q], take8(in), 0);
		break;
	default: /* the MSI-X table */
		set(BASE + 0x4000 + 16 * (take8(in) % (QUEUES + 1)) + 4 * q, 4, take32(in));
	}
	if (reset && !virtio_device_status(&dev))
		memset(before, 0, sizeof(before));
	/* The window can do several things at once; a reset and a new life among them. */
	if (reset && (op % 16 == 1 || op % 16 == 3))
		memset(before, 0, sizeof(before));
	check(old, reset);
}

static void fuzz(struct input *in)
{
	plug();
	memset(&chain, 0, sizeof(chain));
	for (unsigned i = 0; i < OPERATIONS && in->n; i++)
		operate(in);
	unplug();
}
