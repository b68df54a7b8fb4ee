/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI transport as a guest's driver sees it, over a fake KVM, with a device of two queues behind it
 * that does nothing but count: status, features, registers, doorbells, vectors, the window, resets.
 */
#include "virtio-driver.h"

#include <unistd.h>

#include "board.h"
#include "fake-kvm.h"

#include <base/fd.h>
#include <devices/virtio/device.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>

#define AT      (ECAM + (PCI_DEVFN(3, 0) << 12))
#define BASE    (MEM32 + MIB(1))
#define STATUS  (BASE + VIRTIO_PCI_COMMON_STATUS)
#define REG(r)  (BASE + VIRTIO_PCI_COMMON_##r)
#define ISR     (BASE + 0x1000)
#define CONFIG  (BASE + 0x2000)
#define BELL(q) (BASE + 0x3000 + 4 * (q))
#define TABLE   (BASE + 0x4000)
#define PBA     (BASE + 0x6000)
#define NONE    VIRTIO_MSI_NO_VECTOR
#define QUEUES  2

#define READY (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define FINE  (READY | VIRTIO_CONFIG_S_FEATURES_OK)
#define LIVE  (FINE | VIRTIO_CONFIG_S_DRIVER_OK)
#define SICK  VIRTIO_CONFIG_S_NEEDS_RESET

static struct virtio_queue queues[QUEUES];
static struct virtio_device dev;
static struct virtio_pci *pci;
static struct irq_router irq;
static unsigned starts, stops, drains;

static void on_start(struct virtio_device *d)
{
	starts++;
}

static void on_stop(struct virtio_device *d)
{
	stops++;
}

static void on_drain(struct virtio_device *d)
{
	drains++;
}

static const struct virtio_device_ops ops = { on_start, on_stop, on_drain };

static unsigned capability(uint8_t id, uint8_t kind)
{
	unsigned at_ = (unsigned)get(AT + PCI_CAPABILITY_LIST, 1);

	for (unsigned n = 0; at_ && n < 48; n++) {
		if (get(AT + at_, 1) == id &&
		    (id != PCI_CAP_ID_VNDR || get(AT + at_ + 3, 1) == kind))
			return at_;
		at_ = (unsigned)get(AT + at_ + 1, 1);
	}
	return 0;
}

static void plug(unsigned config_size)
{
	struct virtio_pci_config config = {
		.dev = &dev,
		.root = &root,
		.devfn = PCI_DEVFN(3, 0),
		.memory = &ram,
		.irq = &irq,
	};

	virtio_pci_destroy(pci);
	pci = NULL;
	board_init();
	fake_kvm_init();
	ram_init();
	starts = stops = drains = 0;
	if (irq.table)
		irq_router_deinit(&irq);
	if (irq_router_init(&irq, FAKE_KVM_FD, 24))
		abort();
	for (unsigned i = 0; i < QUEUES; i++) {
		if (queues[i].max)
			virtio_queue_deinit(&queues[i]);
		if (virtio_queue_init(&queues[i], 64))
			abort();
	}
	dev = (struct virtio_device){
		.ops = &ops,
		.name = "test",
		.type = VIRTIO_ID_BLOCK,
		.pci_class = 0x01000001,
		.offered = BIT64(5),
		.queues = queues,
		.n_queues = QUEUES,
		.config_size = config_size,
	};
	virtio_device_init(&dev);
	if (virtio_pci_create(&config, &pci))
		abort();
	set(AT + BAR(0), 4, BASE);
	set(AT + PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void accept(uint64_t features)
{
	set(REG(GFSELECT), 4, 0);
	set(REG(GF), 4, (uint32_t)features);
	set(REG(GFSELECT), 4, 1);
	set(REG(GF), 4, features >> 32);
}

static void queue_set(unsigned i, const struct ring *ring)
{
	set(REG(Q_SELECT), 2, i);
	set(REG(Q_SIZE), 2, ring->size);
	set(REG(Q_DESCLO), 4, (uint32_t)ring->desc);
	set(REG(Q_DESCHI), 4, ring->desc >> 32);
	set(REG(Q_AVAILLO), 4, (uint32_t)ring->avail);
	set(REG(Q_AVAILHI), 4, ring->avail >> 32);
	set(REG(Q_USEDLO), 4, (uint32_t)ring->used);
	set(REG(Q_USEDHI), 4, ring->used >> 32);
}

/* MSI-X on, vector i unmasked with the message i. */
static void vectors_on(void)
{
	unsigned cap = capability(PCI_CAP_ID_MSIX, 0);

	set(AT + cap + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	for (unsigned i = 0; i <= QUEUES; i++) {
		set(TABLE + 16 * i, 8, 0xfee00000);
		set(TABLE + 16 * i + 8, 4, 0x40 + i);
		set(TABLE + 16 * i + 12, 4, 0);
	}
	set(REG(MSIX), 2, 0);
	for (unsigned i = 0; i < QUEUES; i++) {
		set(REG(Q_SELECT), 2, i);
		set(REG(Q_MSIX), 2, i + 1);
	}
}

/* A driver that keeps the rules, up to `status`. */
static struct ring rings[QUEUES];

static void drive(uint8_t status)
{
	set(STATUS, 1, 0);
	set(STATUS, 1, READY);
	accept(BIT64(VIRTIO_F_VERSION_1));
	set(STATUS, 1, FINE);
	vectors_on();
	for (unsigned i = 0; i < QUEUES; i++) {
		rings[i] = ring_init(i, 32);
		queue_set(i, &rings[i]);
		set(REG(Q_ENABLE), 2, 1);
	}
	if (status & VIRTIO_CONFIG_S_DRIVER_OK)
		set(STATUS, 1, status);
}

/* How often the vector's message was sent since the last time: what KVM's irqfd would have taken. */
static uint64_t interrupts(unsigned vector)
{
	for (unsigned i = 0; i < fake_kvm.n_irqfds; i++) {
		const struct kvm_irq_routing_entry *route = fake_kvm_route(fake_kvm.irqfds[i].gsi);

		if (route && route->u.msi.data == 0x40 + vector)
			return fd_event_take(fake_kvm.irqfds[i].fd);
	}
	return 0;
}

static void found(void)
{
	unsigned cap;

	plug(8);
	CHECK_EQ(get(AT + PCI_VENDOR_ID, 4), 0x10421af4);
	CHECK_EQ(get(AT + PCI_CLASS_REVISION, 4), 0x01000001);
	CHECK(get(AT + PCI_SUBSYSTEM_ID, 2) >= 0x40);
	CHECK_EQ(get(AT + PCI_INTERRUPT_PIN, 1), 0);
	cap = capability(PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_COMMON_CFG);
	CHECK(cap && get(AT + cap + 4, 1) == 0);
	CHECK_EQ(get(AT + cap + 8, 4), 0);
	CHECK_EQ(get(AT + cap + 12, 4), 0x38);
	CHECK_EQ(get(AT + cap + 2, 1), 16);
	cap = capability(PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_NOTIFY_CFG);
	CHECK(cap && get(AT + cap + 16, 4) == 4);
	CHECK_EQ(get(AT + cap + 12, 4), 4 * QUEUES);
	CHECK_EQ(get(AT + cap + 2, 1), 20);
	CHECK(capability(PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_ISR_CFG));
	cap = capability(PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_DEVICE_CFG);
	CHECK(cap && get(AT + cap + 12, 4) == 8);
	CHECK(capability(PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_PCI_CFG));
	cap = capability(PCI_CAP_ID_MSIX, 0);
	CHECK_EQ(get(AT + cap + PCI_MSIX_FLAGS, 2), QUEUES);
	CHECK_EQ(get(REG(NUMQ), 2), QUEUES);
	plug(0);
	CHECK(!capability(PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_DEVICE_CFG));
}

static void driver_begins(void)
{
	plug(8);
	drive(LIVE);
	CHECK_EQ(get(STATUS, 1), LIVE);
	CHECK_EQ(starts, 1);
	CHECK(queues[0].running && queues[1].running);
	CHECK_EQ(queues[0].size, 32);
	CHECK_EQ((uintptr_t)queues[1].desc, (uintptr_t)at(rings[1].desc));
	set(STATUS, 1, LIVE); /* again: not a start */
	CHECK_EQ(starts, 1);
	CHECK(!fake_kvm.wrongs);
}

static void features_offered(void)
{
	plug(8);
	set(REG(DFSELECT), 4, 0);
	CHECK_EQ(get(REG(DF), 4),
		 BIT(5) | BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_RING_F_INDIRECT_DESC));
	set(REG(DFSELECT), 4, 1);
	CHECK_EQ(get(REG(DF), 4), 1);
	for (uint32_t select = 2; select; select = select * 2 + 1) { /* up to 2^32 - 1 */
		set(REG(DFSELECT), 4, select);
		CHECK_EQ(get(REG(DF), 4), 0);
		if (select == UINT32_MAX)
			break;
	}
}

static void features_not_offered(void)
{
	static const uint64_t bad[] = {
		0,        /* a legacy driver */
		BIT64(5), /* without VERSION_1 */
		BIT64(VIRTIO_F_VERSION_1) | BIT64(6),
		BIT64(VIRTIO_F_VERSION_1) | BIT64(VIRTIO_F_RING_PACKED),
		BIT64(VIRTIO_F_VERSION_1) | BIT64(VIRTIO_F_ACCESS_PLATFORM),
		BIT64(VIRTIO_F_VERSION_1) | BIT64(63),
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		plug(8);
		set(STATUS, 1, READY);
		accept(bad[i]);
		set(STATUS, 1, FINE);
		CHECK_EQ(get(STATUS, 1), READY);
		set(STATUS, 1, LIVE);
		CHECK_EQ(get(STATUS, 1), READY);
		CHECK_EQ(starts, 0);
		accept(BIT64(VIRTIO_F_VERSION_1) | BIT64(5)); /* it may try again */
		set(STATUS, 1, FINE);
		CHECK_EQ(get(STATUS, 1), FINE);
	}
	/* Bits beyond the 64 that this version knows. */
	plug(8);
	set(STATUS, 1, READY);
	accept(BIT64(VIRTIO_F_VERSION_1));
	set(REG(GFSELECT), 4, 2);
	set(REG(GF), 4, 1);
	CHECK_EQ(get(REG(GF), 4), 0);
	set(STATUS, 1, FINE);
	CHECK_EQ(get(STATUS, 1), READY);
}

static void features_freeze(void)
{
	plug(8);
	set(STATUS, 1, READY);
	accept(BIT64(VIRTIO_F_VERSION_1));
	set(STATUS, 1, FINE);
	accept(BIT64(VIRTIO_F_VERSION_1) | BIT64(VIRTIO_RING_F_EVENT_IDX));
	CHECK_EQ(dev.features, BIT64(VIRTIO_F_VERSION_1));
	set(REG(GFSELECT), 4, 0);
	CHECK_EQ(get(REG(GF), 4), 0);
}

static void status_in_disorder(void)
{
	plug(8);
	set(STATUS, 1, LIVE & ~VIRTIO_CONFIG_S_FEATURES_OK);
	CHECK_EQ(get(STATUS, 1), READY);
	CHECK_EQ(starts, 0);
	drive(LIVE);
	set(STATUS, 1, VIRTIO_CONFIG_S_ACKNOWLEDGE); /* bits are not taken back */
	CHECK_EQ(get(STATUS, 1), LIVE);
	set(STATUS, 1, LIVE | SICK | 0x30); /* nor are ours or reserved ones given */
	CHECK_EQ(get(STATUS, 1), LIVE);
	set(STATUS, 1, LIVE | VIRTIO_CONFIG_S_FAILED);
	CHECK_EQ(get(STATUS, 1), LIVE | VIRTIO_CONFIG_S_FAILED);
}

static void queue_select_out_of_range(void)
{
	static const uint16_t bad[] = { QUEUES, 511, 0x7fff, 0xffff };

	plug(8);
	set(STATUS, 1, READY);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct ring nowhere = ring_init(0, 32);

		queue_set(bad[i], &nowhere);
		set(REG(Q_MSIX), 2, 0);
		set(REG(Q_ENABLE), 2, 1);
		CHECK_EQ(get(REG(Q_SELECT), 2), bad[i]);
		CHECK_EQ(get(REG(Q_SIZE), 2), 0);
		CHECK_EQ(get(REG(Q_ENABLE), 2), 0);
		CHECK_EQ(get(REG(Q_MSIX), 2), NONE);
		CHECK_EQ(get(REG(Q_DESCLO), 4), 0);
		CHECK_EQ(get(REG(Q_NOFF), 2), 0);
	}
	CHECK(!queues[0].desc_at && !queues[1].desc_at && !queues[0].enabled);
}

static void vector_out_of_range(void)
{
	plug(8);
	set(STATUS, 1, READY);
	set(REG(MSIX), 2, QUEUES);
	CHECK_EQ(get(REG(MSIX), 2), QUEUES);
	set(REG(MSIX), 2, QUEUES + 1);
	CHECK_EQ(get(REG(MSIX), 2), NONE);
	set(REG(Q_SELECT), 2, 1);
	set(REG(Q_MSIX), 2, 0);
	CHECK_EQ(get(REG(Q_MSIX), 2), 0);
	set(REG(Q_MSIX), 2, 0x8000);
	CHECK_EQ(get(REG(Q_MSIX), 2), NONE);
	/* And none interrupts nobody. */
	drive(LIVE);
	set(REG(Q_SELECT), 2, 0);
	set(REG(Q_MSIX), 2, 0xfffe);
	dev.transport->queue_interrupt(dev.transport_ctx, 0);
	for (unsigned i = 0; i <= QUEUES; i++)
		CHECK_EQ(interrupts(i), 0);
}

static void queue_sizes(void)
{
	plug(8);
	set(STATUS, 1, READY);
	CHECK_EQ(get(REG(Q_SIZE), 2), 64);
	set(REG(Q_SIZE), 2, 0);
	set(REG(Q_SIZE), 2, 48);
	set(REG(Q_SIZE), 2, 128);
	set(REG(Q_SIZE), 2, 0xffff);
	CHECK_EQ(get(REG(Q_SIZE), 2), 64);
	set(REG(Q_SIZE), 2, 1);
	CHECK_EQ(get(REG(Q_SIZE), 2), 1);
}

/* Changed under a running device they would be an out-of-bounds write. */
static void registers_freeze(void)
{
	struct ring other = ring_init(7, 64);

	plug(8);
	drive(LIVE);
	for (unsigned i = 0; i < QUEUES; i++) {
		queue_set(i, &other);
		set(REG(Q_ENABLE), 2, 0);
		CHECK_EQ(get(REG(Q_ENABLE), 2), 1);
		CHECK_EQ(get(REG(Q_SIZE), 2), 32);
		CHECK_EQ(get(REG(Q_DESCLO), 4), rings[i].desc);
		CHECK_EQ(get(REG(Q_AVAILLO), 4), rings[i].avail);
		CHECK_EQ(get(REG(Q_USEDLO), 4), rings[i].used);
	}
	/* One that was not enabled in time never is. */
	plug(8);
	set(STATUS, 1, READY);
	accept(BIT64(VIRTIO_F_VERSION_1));
	set(STATUS, 1, FINE);
	set(STATUS, 1, LIVE);
	queue_set(1, &other);
	set(REG(Q_ENABLE), 2, 1);
	CHECK_EQ(get(REG(Q_ENABLE), 2), 0);
	CHECK(!queues[1].running && !queues[1].desc_at);
}

static void rings_outside_ram(void)
{
	struct ring nowhere = ring_init(0, 32);

	plug(8);
	nowhere.used = UINT64_MAX - 3;
	set(STATUS, 1, READY);
	accept(BIT64(VIRTIO_F_VERSION_1));
	set(STATUS, 1, FINE);
	vectors_on();
	queue_set(0, &nowhere);
	set(REG(Q_ENABLE), 2, 1);
	set(STATUS, 1, LIVE);
	CHECK_EQ(get(STATUS, 1), LIVE | SICK);
	CHECK_EQ(starts, 0);
	CHECK_EQ(interrupts(0), 1); /* and told so */
	set(STATUS, 1, 0);
	CHECK_EQ(get(STATUS, 1), 0);
	CHECK_EQ(stops, 0);
	drive(LIVE);
	CHECK_EQ(get(STATUS, 1), LIVE);
}

/* Every size and alignment of an access, over each register: nothing beyond what it covers changes. */
static void any_access(void)
{
	plug(8);
	drive(LIVE);
	for (unsigned len = 1; len <= 8; len *= 2)
		for (unsigned off = 0; off + len <= 0x100; off++) {
			uint8_t whole[0x108], part[8];

			set(REG(Q_SELECT), 2, 1);
			for (unsigned i = 0; i < sizeof(whole); i++)
				whole[i] = (uint8_t)get(BASE + i, 1);
			store_le(part, len, get(BASE + off, len));
			CHECK(!memcmp(whole + off, part, len));
		}
	set(STATUS, 1, 0);
	set(REG(Q_SELECT), 2, 1);
	set(BASE + VIRTIO_PCI_COMMON_Q_DESCLO + 3, 4, 0xaabbccdd); /* both halves */
	CHECK_EQ(get(REG(Q_DESCLO), 8), 0x000000aabbccdd000000ull >> 0 & UINT64_MAX);
	set(REG(Q_DESCLO), 8, 0x123456789abcdef0);
	CHECK_EQ(get(REG(Q_DESCLO), 4), 0x9abcdef0);
	CHECK_EQ(get(REG(Q_DESCHI), 4), 0x12345678);
	set(REG(Q_DESCHI) + 1, 1, 0);
	CHECK_EQ(get(REG(Q_DESCHI), 4), 0x12340078);
}

static void doorbells(void)
{
	plug(8);
	CHECK_EQ(fake_kvm.n_doorbells, 0);
	set(AT + PCI_COMMAND, 2, 0); /* sizing, before any queue: costs no call */
	set(AT + PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	CHECK_EQ(fake_kvm.n_doorbells, 0);
	drive(LIVE);
	CHECK_EQ(fake_kvm.n_doorbells, QUEUES);
	CHECK(fake_kvm_ring(BELL(1)));
	CHECK_EQ(fd_event_take(queues[1].kick_fd), 1);
	CHECK_EQ(fd_event_take(queues[0].kick_fd), 0);
	/* Trapped all the same: by the window, or where KVM has none. */
	set(BELL(0), 2, 0);
	CHECK_EQ(fd_event_take(queues[0].kick_fd), 1);
	set(BELL(QUEUES), 2, 0);
	set(BELL(0) + 1, 2, 0);
	set(BELL(1023), 4, 0);
	CHECK_EQ(fd_event_take(queues[0].kick_fd) + fd_event_take(queues[1].kick_fd), 0);
	/* They follow the BAR. */
	set(AT + PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	CHECK_EQ(fake_kvm.n_doorbells, 0);
	set(AT + BAR(0), 4, BASE + MIB(1));
	set(AT + PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	CHECK_EQ(fake_kvm.n_doorbells, QUEUES);
	CHECK(!fake_kvm_ring(BELL(0)) && fake_kvm_ring(BELL(0) + MIB(1)));
	set(STATUS + MIB(1), 1, 0);
	CHECK_EQ(fake_kvm.n_doorbells, 0);
	CHECK(!fake_kvm.wrongs);
}

static void interrupts_by_vector(void)
{
	plug(8);
	drive(LIVE);
	dev.transport->queue_interrupt(dev.transport_ctx, 1);
	CHECK_EQ(interrupts(2), 1);
	CHECK_EQ(interrupts(1) + interrupts(0), 0);
	CHECK_EQ(get(ISR, 1), 0); /* MSI-X is on */
	dev.transport->config_interrupt(dev.transport_ctx);
	CHECK_EQ(interrupts(0), 1);
	CHECK_EQ(get(ISR, 1), 2);
	CHECK_EQ(get(ISR, 1), 0); /* read: taken */
	/* Masked it waits, as a pending bit, and comes when it may. */
	set(TABLE + 16 * 2 + 12, 4, 1);
	dev.transport->queue_interrupt(dev.transport_ctx, 1);
	CHECK_EQ(interrupts(2), 0);
	CHECK_EQ(get(PBA, 8), BIT(2));
	set(TABLE + 16 * 2 + 12, 4, 0);
	CHECK_EQ(interrupts(2), 1);
	CHECK_EQ(get(PBA, 8), 0);
	/* Off: the ISR status tells. */
	set(AT + capability(PCI_CAP_ID_MSIX, 0) + PCI_MSIX_FLAGS, 2, 0);
	dev.transport->queue_interrupt(dev.transport_ctx, 1);
	CHECK_EQ(get(ISR, 4), 1);
	CHECK(!fake_kvm.wrongs);
}

/* What a back end elsewhere signals is the vector that the driver chose; then that stays. */
static void interrupts_from_elsewhere(void)
{
	int fd;

	plug(8);
	CHECK_EQ(virtio_device_interrupt_fd(&dev, 1), -1);
	dev.elsewhere = true;
	drive(LIVE);
	fd = virtio_device_interrupt_fd(&dev, 1);
	fd_event_signal(fd);
	CHECK_EQ(interrupts(2), 1);
	set(TABLE + 16 * 2 + 12, 4, 1);
	fd_event_signal(fd);
	CHECK_EQ(get(PBA, 8), BIT(2));
	set(TABLE + 16 * 2 + 12, 4, 0);
	CHECK_EQ(interrupts(2), 1);
	set(REG(Q_SELECT), 2, 1);
	set(REG(Q_MSIX), 2, 0);
	CHECK_EQ(get(REG(Q_MSIX), 2), 2);
	CHECK_EQ(virtio_device_interrupt_fd(&dev, 1), fd);
	set(STATUS, 1, 0);
	CHECK_EQ(get(REG(Q_MSIX), 2), NONE);
	CHECK(!fake_kvm.wrongs);
}

static void needs_reset_is_told(void)
{
	plug(8);
	drive(LIVE);
	virtio_device_needs_reset(&dev, "a queue", "test");
	CHECK_EQ(get(STATUS, 1), LIVE | SICK);
	CHECK_EQ(interrupts(0), 1);
	set(STATUS, 1, LIVE | SICK); /* as Linux writes it back */
	CHECK_EQ(get(STATUS, 1), LIVE | SICK);
	set(STATUS, 1, 0);
	CHECK_EQ(get(STATUS, 1), 0);
	CHECK_EQ(stops, 1);
	/* Without DRIVER_OK nobody is told (§2.1.2). */
	virtio_device_needs_reset(&dev, "a queue", "test");
	CHECK_EQ(interrupts(0), 0);
}

/* As a driver reads it: generation, bytes, generation. */
static void generation_moves(void)
{
	uint8_t before, now;
	uint32_t value = 1;

	plug(8);
	before = (uint8_t)get(REG(CFGGENERATION), 1);
	CHECK_EQ(get(CONFIG, 4), 0);
	virtio_device_config_set(&dev, 0, &value, 4);
	now = (uint8_t)get(REG(CFGGENERATION), 1);
	CHECK(now != before);
	CHECK_EQ(get(CONFIG, 4), 1);
	/* 256 changes between two reads do not bring it back. */
	for (value = 0; value < 256; value++)
		virtio_device_config_set(&dev, 4, &value, 4);
	CHECK((uint8_t)get(REG(CFGGENERATION), 1) != now);
	CHECK_EQ(get(CONFIG + 4, 2), 255);
	CHECK_EQ(get(CONFIG + 6, 4), 0); /* beyond its size: zero */
	CHECK_EQ(get(CONFIG + 8, 8), 0);
	set(CONFIG, 4, 0xffffffff); /* read-only */
	CHECK_EQ(get(CONFIG, 4), 1);
}

static void window_set(unsigned bar, uint32_t offset, uint32_t len)
{
	unsigned cap = capability(PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_PCI_CFG);

	set(AT + cap + 4, 1, bar);
	set(AT + cap + 8, 4, offset);
	set(AT + cap + 12, 4, len);
}

static void window(void)
{
	static const uint32_t odd[] = { 0, 3, 5, 6, 7, 8, 16, 0x80000000, UINT32_MAX };
	unsigned data;
	uint32_t config = 0x01020304;
	const unsigned place = PCI_DEVFN(3, 0);
	static struct pci_pages pages;

	plug(8);
	data = (unsigned)(AT + capability(PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_PCI_CFG) + 16);
	drive(LIVE);
	virtio_device_config_set(&dev, 0, &config, 4);
	/* The guest reads configuration space as memory until it wants the window. */
	CHECK_EQ(pci_pages_init(&pages, &ram, ECAM, &place, 1), 0);
	pci_root_show(&root, &pages);
	set(AT + PCI_COMMAND, 2, 7);
	CHECK_EQ(!!root.functions[PCI_DEVFN(3, 0)]->page, sysconf(_SC_PAGESIZE) == PCI_CONFIG_SIZE);
	window_set(0, 0x2000, 4);
	CHECK(!root.functions[PCI_DEVFN(3, 0)]->page);
	CHECK_EQ(get(data, 4), 0x01020304);
	CHECK_EQ(get(data + 2, 1), 0x02);
	window_set(0, 0x2002, 2);
	CHECK_EQ(get(data, 2), 0x0102);
	/* A doorbell through it notifies, and a reset resets. */
	window_set(0, 0x3004, 2);
	set(data, 2, 1);
	CHECK_EQ(fd_event_take(queues[1].kick_fd), 1);
	for (unsigned i = 0; i < ARRAY_SIZE(odd); i++) {
		window_set(0, 0x3004, odd[i]);
		set(data, 4, 1);
		CHECK_EQ(get(data, 4), UINT32_MAX);
	}
	window_set(0, 0x3005, 2); /* crooked */
	set(data, 2, 1);
	window_set(1, 0x3004, 2); /* no such BAR */
	set(data, 2, 1);
	window_set(0, UINT32_MAX - 3, 4);
	set(data, 4, 1);
	window_set(0, KIB(32) - 4, 4);
	set(data, 4, 1);
	window_set(0, KIB(32), 4);
	set(data, 4, 1);
	CHECK_EQ(fd_event_take(queues[1].kick_fd) + fd_event_take(queues[0].kick_fd), 0);
	window_set(0, VIRTIO_PCI_COMMON_STATUS, 1);
	CHECK_EQ(get(data, 1), LIVE);
	set(data, 1, 0);
	CHECK_EQ(get(STATUS, 1), 0);
	CHECK_EQ(stops, 1);
}

/* §2.4: after a reset the device is as new, whatever state it was in. */
static void reset_from_any_state(void)
{
	static const uint8_t states[] = { 0, READY, FINE, LIVE };

	for (unsigned i = 0; i < ARRAY_SIZE(states); i++) {
		plug(8);
		if (states[i] >= FINE)
			drive(states[i]);
		else
			set(STATUS, 1, states[i]);
		set(REG(DFSELECT), 4, 1);
		set(REG(MSIX), 2, 1);
		dev.transport->config_interrupt(dev.transport_ctx);
		set(STATUS, 1, 0);
		CHECK_EQ(stops, states[i] == LIVE);
		CHECK_EQ(get(STATUS, 1), 0);
		CHECK_EQ(get(REG(DFSELECT), 4) + get(REG(GFSELECT), 4) + get(REG(Q_SELECT), 2), 0);
		CHECK_EQ(get(REG(GF), 4), 0);
		CHECK_EQ(get(REG(MSIX), 2), NONE);
		CHECK_EQ(get(ISR, 1), 0);
		for (unsigned q = 0; q < QUEUES; q++) {
			set(REG(Q_SELECT), 2, q);
			CHECK_EQ(get(REG(Q_SIZE), 2), 64);
			CHECK_EQ(get(REG(Q_ENABLE), 2), 0);
			CHECK_EQ(get(REG(Q_MSIX), 2), NONE);
			CHECK_EQ(get(REG(Q_DESCLO), 8), 0);
			CHECK_EQ(get(REG(Q_AVAILLO), 8), 0);
			CHECK_EQ(get(REG(Q_USEDLO), 8), 0);
		}
		drive(LIVE);
		CHECK_EQ(get(STATUS, 1), LIVE);
	}
}

/* A driver that is gone (kexec) turns bus mastering off: its memory is another's now. */
static void bus_mastering(void)
{
	plug(8);
	drive(LIVE);
	set(AT + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	CHECK_EQ(stops, 1);
	CHECK_EQ(get(STATUS, 1), LIVE | SICK);
	set(AT + PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	CHECK_EQ(starts, 1);
	set(STATUS, 1, 0);
	CHECK_EQ(stops, 1);
	drive(LIVE);
	CHECK_EQ(starts, 2);
}

static void unplugged(void)
{
	plug(8);
	drive(LIVE);
	virtio_pci_drain(pci);
	CHECK_EQ(drains, 1);
	CHECK_EQ(stops, 0);
	virtio_pci_destroy(pci);
	pci = NULL;
	CHECK_EQ(stops, 1);
	CHECK_EQ(fake_kvm.n_doorbells, 0);
	CHECK_EQ(fake_kvm.n_irqfds, 0);
	CHECK_EQ(get(AT, 4), UINT32_MAX);
	CHECK(!fake_kvm.wrongs);
	plug(8); /* the next machine */
	drive(LIVE);
	CHECK_EQ(get(STATUS, 1), LIVE);
}

static const struct test tests[] = {
	TEST(found),
	TEST(driver_begins),
	TEST(features_offered),
	TEST(features_not_offered),
	TEST(features_freeze),
	TEST(status_in_disorder),
	TEST(queue_select_out_of_range),
	TEST(vector_out_of_range),
	TEST(queue_sizes),
	TEST(registers_freeze),
	TEST(rings_outside_ram),
	TEST(any_access),
	TEST(doorbells),
	TEST(interrupts_by_vector),
	TEST(interrupts_from_elsewhere),
	TEST(needs_reset_is_told),
	TEST(generation_moves),
	TEST(window),
	TEST(reset_from_any_state),
	TEST(bus_mastering),
	TEST(unplugged),
};
TEST_MAIN(tests)
