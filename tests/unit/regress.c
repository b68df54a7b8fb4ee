/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bugs that other VMMs shipped with passed devices, seen from KVM: a fake device (fake-vfio.h) below
 * and a fake KVM (fake-kvm.h) above, so that what counts is which memory and which interrupts the
 * guest really has. HACKING.md lists the bugs with their tests; more of them are in vfio.c.
 */
#include "fake-kvm.h"
#define PASSED_VM FAKE_KVM_FD
#include "passed.h"

#define MSIX     0xa0
#define INTX_GSI 18 /* of device 2, pin A */

/* A VM with 2 MiB of RAM and nothing else. Its window of BARs has ECAM inside, as no board's has. */
static void begin(void)
{
	fake_kvm_init();
	setup();
	root.config.mem32.size = GIB(1);
}

static void add_rom(uint64_t size)
{
	with_rom = true;
	fake.regions[VFIO_PCI_ROM_REGION_INDEX].size = size;
	fake.regions[VFIO_PCI_ROM_REGION_INDEX].data = calloc(1, FAKE_BAR_DATA);
}

#define END()                                                       \
	do {                                                        \
		destroy();                                          \
		CHECK_EQ(fake_kvm_slots(), 1); /* RAM */            \
		CHECK_EQ(fake_kvm.n_irqfds, 0);                     \
		CHECK_EQ(fake.mmaps, fake.munmaps);                 \
		CHECK_EQ(fake.wrongs ? fake.why[0] : 0, 0);         \
		CHECK_EQ(fake_kvm.wrongs ? fake_kvm.why[0] : 0, 0); \
		stop();                                             \
	} while (0)

/* The BAR is memory of the guest's at `address`, every page of it the device's own. */
static bool is_mapped(unsigned index, uint64_t address)
{
	for (unsigned i = 0; i < fn->bars.bar[index].n_spans; i++) {
		const struct vfio_span *span = &fn->bars.bar[index].spans[i];
		const struct kvm_userspace_memory_region *slot = fake_kvm_slot(address +
									       span->offset);

		if (!span->hva != !slot)
			return false;
		if (slot && (slot->guest_phys_addr != address + span->offset ||
			     slot->memory_size != span->size ||
			     slot->userspace_addr != (uintptr_t)span->hva || slot->flags))
			return false;
	}
	return true;
}

/* Stale memory slots after a BAR move; a BAR that moves while decode is on. */
static void slots_follow_the_bar(void)
{
	static const uint64_t places[] = { MEM32 + MIB(32), MEM64 + GIB(7), MEM32 + MIB(1) };
	uint64_t last;

	begin();
	fake_bar(0, MEM64_BAR, MIB(1), true);
	fake_bar(2, 0, page * 8, true);
	fake_msix(MSIX, 8, 2, (uint32_t)page * 2, 2, (uint32_t)page * 5);
	CHECK_EQ(start(), 0);
	set(AT + PCI_COMMAND, 2, ON);
	last = bar_at(0);
	CHECK(is_mapped(0, last));
	CHECK(is_mapped(2, bar_at(2)));
	CHECK_EQ(fake_kvm_slots(), 1 + 1 + 3);
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		set(AT + BAR(0), 8, places[i]);
		CHECK(is_mapped(0, places[i]));
		CHECK(!fake_kvm_slot(last));
		CHECK_EQ(fake_kvm_slots(), 1 + 1 + 3);
		last = places[i];
	}
	/* Where one was, the other may be. */
	set(AT + BAR(0), 8, MEM64);
	set(AT + BAR(2), 4, MEM32 + MIB(1));
	CHECK(is_mapped(2, MEM32 + MIB(1)));
	CHECK(!fake_kvm_slot(MEM32 + MIB(1) + page * 2));
	CHECK(!fake_kvm_slot(MEM32 + MIB(1) + page * 5));
	CHECK(is_mapped(0, MEM64));
	END();
}

/* BARs over RAM, ECAM or beyond: the guest loses the BAR, nobody loses anything else. */
static void bars_in_the_way(void)
{
	static const uint64_t places[] = {
		0, MIB(1), ECAM, MEM32 - MIB(1), MEM32 + GIB(1), MEM64 + TIB(1), ~(MIB(1) - 1),
	};

	begin();
	fake_bar(0, MEM64_BAR, MIB(1), true);
	CHECK_EQ(start(), 0);
	set(AT + PCI_COMMAND, 2, ON);
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		set(AT + BAR(0), 8, MEM64);
		CHECK(is_mapped(0, MEM64));
		set(AT + BAR(0), 8, places[i]);
		CHECK_EQ(fake_kvm_slots(), 1);
		CHECK_EQ(fake_kvm_slot(MIB(1))->userspace_addr, (uintptr_t)memory.hva);
		CHECK_EQ(get(AT, 4), 0x15ab8086); /* ECAM is there */
	}
	set(AT + BAR(0), 8, ECAM + MIB(2));
	CHECK(is_mapped(0, ECAM + MIB(2)));
	END();
}

/* A guest writes to an expansion ROM: its memory is read-only, a mask holds back what is no address. */
static void rom_writes(void)
{
	uint32_t rom;

	begin();
	add_rom(page * 4);
	CHECK_EQ(start(), 0);
	set(AT + PCI_ROM_ADDRESS, 4, 0xffffffff);
	rom = (uint32_t)get(AT + PCI_ROM_ADDRESS, 4);
	CHECK_EQ(rom, (uint32_t) ~(page * 4 - 1) | PCI_ROM_ADDRESS_ENABLE);
	set(AT + PCI_ROM_ADDRESS, 4, 0);
	set(AT + PCI_COMMAND, 2, ON);
	CHECK_EQ(fake_kvm_slots(), 1);
	set(AT + PCI_ROM_ADDRESS, 4, MEM32 | 1);
	set(MEM32, 4, 0x12345678); /* trapped until somebody looks: dropped */
	CHECK_EQ(get(MEM32, 4), 0);
	CHECK_EQ(fake_kvm_slots(), 2);
	CHECK_EQ(fake_kvm_slot(MEM32)->flags, KVM_MEM_READONLY);
	set(AT + PCI_ROM_ADDRESS, 4, (MEM32 + MIB(1)) | 1);
	CHECK(!fake_kvm_slot(MEM32));
	CHECK_EQ(fake_kvm_slot(MEM32 + MIB(1))->flags, KVM_MEM_READONLY);
	set(AT + PCI_ROM_ADDRESS, 4, MEM32 + MIB(1));
	set(AT + PCI_ROM_ADDRESS, 4, 0);
	END();
}

/* Accesses that begin in the MSI-X table or PBA and end behind it: each part its own. */
static void past_the_table(void)
{
	const uint32_t table = 0x100, pba = 0x800;
	uint64_t bar;

	begin();
	fake_bar(0, 0, page * 2, true);
	fake_msix(MSIX, 3, 0, table, 0, pba);
	CHECK_EQ(start(), 0);
	set(AT + PCI_COMMAND, 2, ON);
	bar = bar_at(0);
	set(bar + table + 3 * 16 - 4, 8, 0xcafe000000000000);
	CHECK_EQ(fake.regions[0].last_offset, table + 3 * 16);
	CHECK_EQ(fake.regions[0].last_value, 0xcafe0000);
	CHECK_EQ(get(bar + table + 3 * 16 - 4, 8), 0xcafe000000000000);
	set(bar + pba + 8, 4, 0x11112222);
	CHECK_EQ(get(bar + pba + 4, 8), 0x1111222200000000);
	set(bar + pba + 4, 8, 0x33334444ffffffff);
	CHECK_EQ(get(bar + pba + 4, 8), 0x3333444400000000);
	CHECK_EQ(load_le32(fake.regions[0].data + pba + 4), 0);
	END();
}

/* A table whose base is in the BAR and whose end is not. */
static void table_half_outside(void)
{
	for (unsigned i = 0; i < 2; i++) {
		uint32_t edge = (uint32_t)page * 2 - 16;

		begin();
		fake_bar(0, 0, page * 2, true);
		fake_msix(MSIX, i ? 1024 : 2, 0, i ? 0 : edge, 0, i ? edge : 0);
		CHECK_EQ(start(), 0);
		set(AT + PCI_COMMAND, 2, ON);
		CHECK_EQ(get(AT + PCI_CAPABILITY_LIST, 1), 0);
		set(AT + MSIX + 2, 2, PCI_MSIX_FLAGS_ENABLE);
		CHECK(!fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].on);
		CHECK(is_mapped(0, bar_at(0)));
		END();
	}
}

/* INTx is KVM's whenever neither MSI nor MSI-X is, with the eventfd that unmasks it. */
static bool intx_is_on(void)
{
	const struct fake_kvm_irqfd *irqfd = fake_kvm_irqfd(INTX_GSI);

	return irqfd && irqfd->resample >= 0 && irqfd->resample == fake.unmask_fd &&
	       irqfd->fd == fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].fds[0];
}

static void unmask(unsigned vector, uint32_t data)
{
	uint64_t entry = bar_at(0) + vector * 16;

	set(entry, 8, 0xfee01000);
	set(entry + 8, 8, data);
}

/* The irqfd of the vector with this message is VFIO's trigger of that vector. */
static bool is_connected(unsigned vector, uint32_t data)
{
	for (unsigned i = 0; i < fake_kvm.n_irqfds; i++) {
		const struct fake_kvm_irqfd *irqfd = &fake_kvm.irqfds[i];
		const struct kvm_irq_routing_entry *route = fake_kvm_route(irqfd->gsi);

		if (irqfd->gsi >= 24 && route && route->u.msi.data == data)
			return irqfd->fd == fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].fds[vector];
	}
	return false;
}

/* Vectors begin masked, INTx comes back after MSI-X and after MSI, again and again. */
static void interrupts_of_the_guest(void)
{
	begin();
	fake_bar(0, 0, page * 2, true);
	fake_msi(0x50, 0, true, false);
	fake_msix(MSIX, 8, 0, 0, 0, (uint32_t)page);
	CHECK_EQ(start(), 0);
	CHECK(intx_is_on());
	set(AT + PCI_COMMAND, 2, ON);
	for (unsigned i = 0; i < 3; i++) {
		set(AT + MSIX + 2, 2, PCI_MSIX_FLAGS_ENABLE);
		CHECK_EQ(fake_kvm.n_irqfds, i ? 1 : 0); /* the table keeps what it was told */
		unmask(5, 0x45);
		CHECK(is_connected(5, 0x45));
		CHECK_EQ(fake_kvm.n_irqfds, 1);
		set(bar_at(0) + 5 * 16 + 12, 4, 1);
		CHECK_EQ(fake_kvm.n_irqfds, 0);
		set(bar_at(0) + 5 * 16 + 12, 4, 0);
		CHECK(is_connected(5, 0x45));
		set(AT + MSIX + 2, 2, 0);
		CHECK(intx_is_on());
		CHECK_EQ(fake_kvm.n_irqfds, 1);
		set(AT + 0x52, 2, PCI_MSI_FLAGS_ENABLE);
		CHECK(!fake_kvm_irqfd(INTX_GSI));
		CHECK_EQ(fake_kvm.n_irqfds, 1);
		set(AT + 0x52, 2, 0);
		CHECK(intx_is_on());
	}
	END();
}

/* A guest reboots: a new VM on the same device, which is reset and holds nothing of the first. */
static void reboot(void)
{
	begin();
	fake_bar(0, 0, page * 2, true);
	fake_express(0x70, true);
	fake_msix(MSIX, 8, 0, 0, 0, (uint32_t)page);
	CHECK_EQ(vfio_reset_all(&dev, 1), 0);
	CHECK_EQ(fake.resets, 0); /* clean as it came */
	CHECK_EQ(start(), 0);
	set(AT + PCI_COMMAND, 2, ON);
	set(AT + MSIX + 2, 2, PCI_MSIX_FLAGS_ENABLE);
	unmask(3, 0x43);
	destroy();
	CHECK_EQ(fake_kvm_slots(), 1);
	CHECK_EQ(fake_kvm.n_irqfds, 0);
	CHECK(!fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].on && !fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].on);
	CHECK_EQ(load_le16(fake.config + PCI_COMMAND), 0); /* no DMA into what is no more */
	CHECK_EQ(fake_kvm.wrongs, 0);
	unplug();
	CHECK_EQ(vfio_reset_all(&dev, 1), 0);
	CHECK_EQ(fake.resets, 1);
	fake_kvm_init();
	board();
	root.config.mem32.size = GIB(1);
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + PCI_COMMAND, 2), 0);
	CHECK_EQ(get(AT + MSIX + 2, 2), 7);
	CHECK(intx_is_on());
	set(AT + PCI_COMMAND, 2, ON);
	CHECK_EQ(get(bar_at(0) + 3 * 16, 8), 0);
	CHECK_EQ(get(bar_at(0) + 3 * 16 + 8, 8), 0x100000000);
	END();
}

/* Whatever a guest writes to configuration space, the table and the BARs: KVM has nothing to refuse. */
static void any_guest(void)
{
	static const uint64_t places[] = { 0,
					   MIB(1),
					   MEM32,
					   MEM32 + MIB(1),
					   MEM64,
					   MEM64 + GIB(4),
					   ECAM,
					   ECAM + MIB(1),
					   MEM32 + 0x3000,
					   MEM32 + KIB(512),
					   UINT64_MAX / 2,
					   UINT32_MAX };
	uint64_t x = 88172645463325252ull;

	begin();
	lock.stopping = true; /* nobody waits: vfio_order looks at what is paid for */
	add_rom(page * 2);
	fake_bar(0, 0, page * 4, true);
	fake_bar(1, MEM64_BAR, MIB(1), true);
	fake_bar(3, 0, page * 8, true);
	fake_msi(0x50, 2, true, true);
	fake_cap(0x40, PCI_CAP_ID_PM);
	fake_msix(MSIX, 8, 0, 0x40, 3, (uint32_t)page + 8);
	CHECK_EQ(start(), 0);
	for (unsigned i = 0; i < 50000; i++) {
		uint64_t where;

		test_random(&x);
		where = places[(x >> 8) % ARRAY_SIZE(places)];
		switch (x >> 60) {
		case 0 ... 3:
			set(AT + BAR((x >> 16) % 5), x & 1 ? 8 : 4, where);
			break;
		case 4:
			set(AT + PCI_ROM_ADDRESS, 4, where | (x >> 16 & 1));
			break;
		case 5 ... 7:
			set(AT + PCI_COMMAND, 2, x & 7 ? ON : 0);
			break;
		case 8:
			set(AT + MSIX + 2, 2, x & 0xc000);
			break;
		case 9:
			set(AT + 0x52, 2, x & 0x71);
			break;
		case 10:
			set(AT + 0x44, 2, x & 16 ? 0 : x & 3);
			break;
		case 11:
			get(AT + (x >> 16) % 252, 4);
			break;
		default:
			set(bar_at(0) + 0x40 + (x >> 16) % 128, 1u << (x & 3), x >> 24);
		}
		if (fake_kvm.wrongs || fake.wrongs) {
			test_failed = true;
			snprintf(test_why, sizeof(test_why), "after %u: %s%s", i, fake_kvm.why,
				 fake.why);
			return;
		}
	}
	END();
}

static const struct test tests[] = {
	TEST(slots_follow_the_bar),
	TEST(bars_in_the_way),
	TEST(rom_writes),
	TEST(past_the_table),
	TEST(table_half_outside),
	TEST(interrupts_of_the_guest),
	TEST(reboot),
	TEST(any_guest),
};
TEST_MAIN(tests)
