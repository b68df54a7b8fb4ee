/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A passed function over a fake device (fake-vfio.h), without KVM. Each test is a bug that somebody
 * shipped, or a rule of the kernel's.
 */
#include "passed.h"

static bool trapped(uint64_t address)
{
	uint8_t data[4];

	return bus_access(&mmio, address, data, 4, false);
}

static unsigned maps, unmaps;
static const struct pci_function_ops *real;
static struct pci_function_ops counting;

static int count_map(struct pci_function *pci, unsigned index, uint64_t address)
{
	maps++;
	return real->bar_map(pci, index, address);
}

static void count_unmap(struct pci_function *pci, unsigned index)
{
	unmaps++;
	real->bar_unmap(pci, index);
}

static void count_bar_calls(void)
{
	real = fn->pci.ops;
	counting = *real;
	counting.bar_map = count_map;
	counting.bar_unmap = count_unmap;
	fn->pci.ops = &counting;
	maps = unmaps = 0;
}

/* Configuration space */

static void header(void)
{
	setup();
	fake_bar(0, 0, KIB(128), true);
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT, 4), 0x15ab8086);
	CHECK_EQ(get(AT + PCI_CLASS_REVISION, 4), 0x02000003);
	CHECK_EQ(get(AT + PCI_SUBSYSTEM_VENDOR_ID, 4), 0x00018086);
	CHECK_EQ(get(AT + PCI_HEADER_TYPE, 1), 0); /* multi-function is the host's */
	CHECK_EQ(get(AT + PCI_COMMAND, 2), 0);
	/* The host's IRQ line does not leak, in or out. */
	CHECK_EQ(get(AT + PCI_INTERRUPT_LINE, 2), 0x0100);
	set(AT + PCI_INTERRUPT_LINE, 2, 0x0205);
	CHECK_EQ(get(AT + PCI_INTERRUPT_LINE, 2), 0x0105);
	CHECK_EQ(fake.config[PCI_INTERRUPT_LINE], 42);
	/* No self test. */
	set(AT + PCI_BIST, 1, 0x40);
	CHECK_EQ(get(AT + PCI_BIST, 1), 0);
	CHECK_EQ(fake.config[PCI_BIST], 0);
	/* Cache line size is passed, also when written with its neighbours. */
	set(AT + PCI_CACHE_LINE_SIZE, 4, 0xffffff10);
	CHECK_EQ(fake.config[PCI_CACHE_LINE_SIZE], 0x10);
	CHECK_EQ(fake.config[PCI_HEADER_TYPE], 0x80);
	CHECK_EQ(fake.config[PCI_BIST], 0);
	/* The ROM is not there, whatever is written. */
	set(AT + PCI_ROM_ADDRESS, 4, 0xffffffff);
	CHECK_EQ(get(AT + PCI_ROM_ADDRESS, 4), 0);
	CHECK_EQ(load_le32(fake.config + PCI_ROM_ADDRESS), 0xfffc0000);
	/* The host's BAR addresses are not seen and not touched. */
	set(AT + BAR(1), 4, 0xffffffff);
	CHECK_EQ(get(AT + BAR(1), 4), 0);
	CHECK_EQ(load_le32(fake.config + BAR(0)), 0xa0000000);
	STOP();
}

static void multifunction(void)
{
	setup();
	siblings = true;
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + PCI_HEADER_TYPE, 1), PCI_HEADER_TYPE_MFD);
	set(AT + PCI_HEADER_TYPE, 1, 0);
	CHECK_EQ(get(AT + PCI_HEADER_TYPE, 1), PCI_HEADER_TYPE_MFD);
	STOP();
}

static void command(void)
{
	setup();
	fake_bar(0, 0, KIB(128), true);
	CHECK_EQ(start(), 0);
	CHECK_EQ(load_le16(fake.config + PCI_COMMAND), 0);
	set(AT + PCI_COMMAND, 2, ON | PCI_COMMAND_INTX_DISABLE | PCI_COMMAND_FAST_BACK);
	CHECK_EQ(get(AT + PCI_COMMAND, 2), ON | PCI_COMMAND_INTX_DISABLE);
	CHECK_EQ(load_le16(fake.config + PCI_COMMAND), ON | PCI_COMMAND_INTX_DISABLE);
	set(AT + PCI_COMMAND + 1, 1, 0);
	CHECK_EQ(load_le16(fake.config + PCI_COMMAND), ON);
	/* With status in the same dword. */
	set(AT + PCI_COMMAND, 4, 0xffff0000 | PCI_COMMAND_MEMORY);
	CHECK_EQ(load_le16(fake.config + PCI_COMMAND), PCI_COMMAND_MEMORY);
	STOP();
}

static void capability_chain(void)
{
	static const uint8_t shown[] = { 0x40, 0x60, 0xa0 };
	unsigned at = PCI_CAPABILITY_LIST;

	setup();
	fake_cap(0x40, PCI_CAP_ID_PM);
	fake_cap(0x50, PCI_CAP_ID_HT);
	store_le32(fake.config + 0x54, 0x12345678);
	fake_cap(0x60, PCI_CAP_ID_VNDR);
	store_le32(fake.config + 0x64, 0xcafe0001);
	fake_cap(0xa0, PCI_CAP_ID_AF);
	fake_cap(0xb0, PCI_CAP_ID_EA);
	CHECK_EQ(start(), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(shown); i++) {
		CHECK_EQ(get(AT + at, 1), shown[i]);
		at = shown[i] + 1;
	}
	CHECK_EQ(get(AT + at, 1), 0);
	CHECK_EQ(get(AT + 0x54, 4), 0); /* what is hidden is wholly hidden */
	set(AT + 0x54, 4, 1);
	CHECK_EQ(load_le32(fake.config + 0x54), 0x12345678);
	CHECK_EQ(get(AT + 0x64, 4), 0xcafe0001);
	set(AT + 0x64, 2, 0xbeef);
	CHECK_EQ(load_le32(fake.config + 0x64), 0xcafebeef);
	/* Links and ids are not writable, and a write that spans them leaves them alone. */
	set(AT + 0x60, 4, 0xffffffff);
	CHECK_EQ(load_le32(fake.config + 0x60), 0xffffa009);
	STOP();
}

static void capability_loop(void)
{
	setup();
	fake_cap(0x40, PCI_CAP_ID_PM);
	fake_cap(0x50, PCI_CAP_ID_VNDR);
	fake.config[0x51] = 0x40;
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + 0x34, 1), 0x40);
	CHECK_EQ(get(AT + 0x41, 1), 0x50);
	CHECK_EQ(get(AT + 0x51, 1), 0);
	STOP();
	setup();
	fake.config[PCI_CAPABILITY_LIST] = 0xff; /* and one that ends beyond its space */
	fake.config[0xfc] = PCI_CAP_ID_MSIX;
	fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count = 1;
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + 0x34, 1), 0);
	STOP();
}

static void express(void)
{
	setup();
	fake_express(0x70, true);
	store_le16(fake.config + 0x70 + PCI_EXP_DEVCTL, 0xe);
	CHECK_EQ(start(), 0);
	/* A root complex integrated endpoint without slot or link. */
	CHECK_EQ(get(AT + 0x70 + PCI_EXP_FLAGS, 2), 0x0092);
	CHECK_EQ(get(AT + 0x70 + PCI_EXP_LNKCAP, 4), 0);
	CHECK_EQ(get(AT + 0x70 + PCI_EXP_LNKCTL, 4), 0);
	CHECK_EQ(get(AT + 0x70 + PCI_EXP_LNKCAP2, 4), 0);
	CHECK_EQ(get(AT + 0x70 + PCI_EXP_DEVCAP, 4), 0x10008000);
	CHECK_EQ(get(AT + 0x70 + PCI_EXP_DEVCAP2, 4), 0x0000039f);
	set(AT + 0x70 + PCI_EXP_LNKCTL, 4, 0xffffffff);
	CHECK_EQ(load_le32(fake.config + 0x70 + PCI_EXP_LNKCTL), 0x30110040);
	/* Device control is passed, but for what the host hears of errors. */
	CHECK_EQ(get(AT + 0x70 + PCI_EXP_DEVCTL, 2), 0xe);
	set(AT + 0x70 + PCI_EXP_DEVCTL, 2, 0x2811);
	CHECK_EQ(get(AT + 0x70 + PCI_EXP_DEVCTL, 2), 0x2811);
	CHECK_EQ(load_le16(fake.config + 0x70 + PCI_EXP_DEVCTL), 0x281e);
	set(AT + 0x70 + PCI_EXP_DEVCTL2, 2, 0xffff);
	CHECK_EQ(load_le16(fake.config + 0x70 + PCI_EXP_DEVCTL2), 0x00df);
	STOP();
}

static void express_version_1(void)
{
	setup();
	fake_express(0x70, true);
	store_le16(fake.config + 0x70 + PCI_EXP_FLAGS, 0x0001);
	fake_cap(0x84, PCI_CAP_ID_VNDR);
	store_le32(fake.config + 0x88, 0x11223344);
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + 0x70 + PCI_EXP_FLAGS, 2), 0x0091);
	CHECK_EQ(get(AT + 0x70 + PCI_EXP_LNKCAP, 4), 0);
	CHECK_EQ(get(AT + 0x71, 1), 0x84);
	CHECK_EQ(get(AT + 0x88, 4), 0x11223344); /* not ours to shape */
	STOP();
}

/* MSI of 24 bytes where the device has 16 for it: there is none, and the capability behind it is whole. */
static void msi_over_another(void)
{
	setup();
	fake_msi(0x50, 2, true, true);
	fake_cap(0x60, PCI_CAP_ID_VNDR);
	store_le32(fake.config + 0x64, 0x11223344);
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + PCI_CAPABILITY_LIST, 1), 0x60);
	CHECK_EQ(get(AT + 0x50, 4), 0);
	CHECK_EQ(get(AT + 0x60, 2), 0x0009);
	CHECK_EQ(get(AT + 0x64, 4), 0x11223344);
	set(AT + 0x52, 2, PCI_MSI_FLAGS_ENABLE);
	CHECK(!fake.irqs[VFIO_PCI_MSI_IRQ_INDEX].on);
	STOP();
	setup();
	fake_msi(0x50, 2, true, true);
	fake_cap(0x68, PCI_CAP_ID_VNDR);
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + PCI_CAPABILITY_LIST, 1), 0x50);
	STOP();
}

static void extended_chain(void)
{
	setup();
	fake_express(0x70, true);
	fake_ext_cap(0x100, PCI_EXT_CAP_ID_SRIOV);
	store_le32(fake.config + 0x108, 0x1234);
	fake_ext_cap(0x140, PCI_EXT_CAP_ID_ERR);
	store_le32(fake.config + 0x148, 0x00400000);
	fake_ext_cap(0x180, PCI_EXT_CAP_ID_ARI);
	fake_ext_cap(0x190, PCI_EXT_CAP_ID_REBAR);
	fake_ext_cap(0x1a0, PCI_EXT_CAP_ID_DSN);
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + 0x100, 4), 0x14000000); /* the head is only a link */
	CHECK_EQ(get(AT + 0x108, 4), 0);
	CHECK_EQ(get(AT + 0x140, 4), 0x1a010001);
	CHECK_EQ(get(AT + 0x180, 4), 0);
	CHECK_EQ(get(AT + 0x190, 4), 0);
	CHECK_EQ(get(AT + 0x1a0, 4), 0x00010003);
	/* Error masks are read-only. */
	CHECK_EQ(get(AT + 0x148, 4), 0x00400000);
	set(AT + 0x148, 4, 0xffffffff);
	CHECK_EQ(load_le32(fake.config + 0x148), 0x00400000);
	STOP();
	setup();
	fake_ext_cap(0x100, PCI_EXT_CAP_ID_SRIOV);
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + 0x100, 4), 0);
	STOP();
	setup();
	fake.config_size = 256; /* a conventional function */
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + 0x100, 4), 0);
	CHECK_EQ(get(AT + 0xffc, 4), 0);
	set(AT + 0x100, 4, 0xffffffff);
	CHECK_EQ(get(AT + 0xfe, 4), 0);
	STOP();
}

static void refused_devices(void)
{
	static struct pci_function other = { .name = "x" };

	setup();
	fake.config[PCI_HEADER_TYPE] = 1;
	CHECK_EQ(start(), -ENODEV);
	CHECK_ERROR("0000:01:00.0: a bridge");
	stop();
	setup();
	fake.gone = true;
	CHECK(start() < 0);
	CHECK_ERROR("0000:01:00.0");
	stop();
	setup();
	fake_bar(0, 0, KIB(128), true);
	CHECK_EQ(pci_root_add(&root, &other, PCI_DEVFN(2, 0)), 0);
	CHECK_EQ(start(), -EEXIST);
	CHECK_ERROR("taken by x");
	CHECK_EQ(fake.mmaps, fake.munmaps);
	stop();
}

/* BARs */

static void bars(void)
{
	setup();
	fake_bar(0, 0, KIB(128), true);
	fake_bar(1, MEM64_BAR, GIB(4), true); /* 64 bits at an odd index */
	fake_bar(3, 1, 32, false);
	CHECK_EQ(start(), 0);
	for (unsigned i = 0; i < PCI_BARS; i++)
		set(AT + BAR(i), 4, 0xffffffff);
	CHECK_EQ(get(AT + BAR(0), 4), 0xfffe0000);
	CHECK_EQ(get(AT + BAR(1), 8), 0xffffffff0000000c);
	CHECK_EQ(get(AT + BAR(3), 4), 0xffffffe1);
	CHECK_EQ(get(AT + BAR(4), 8), 0);
	CHECK_EQ(fake.mmap_align, GIB(1)); /* of the large one, which was mapped last */
	CHECK_EQ(fake.mmap_at % GIB(1), 0);
	CHECK_EQ(pci_root_assign(&root), 0);
	set(AT + PCI_COMMAND, 2, ON);
	CHECK_EQ(slot_bytes(0), KIB(128));
	CHECK_EQ(slot_bytes(1), GIB(4));
	CHECK(!trapped(bar_at(0)));
	CHECK_EQ(bar_at(1), MEM64);
	STOP();
}

static void io_bar(void)
{
	uint8_t data[4];

	setup();
	fake_bar(2, 1, 64, false);
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + BAR(2), 4), IO | 1);
	CHECK(!bus_access(&pio, IO, data, 4, false));
	set(AT + PCI_COMMAND, 2, PCI_COMMAND_IO);
	store_le32(data, 0x11223344);
	CHECK(bus_access(&pio, IO + 0x20, data, 4, true));
	CHECK_EQ(fake.regions[2].last_offset, 0x20);
	CHECK_EQ(fake.regions[2].last_value, 0x11223344);
	CHECK(bus_access(&pio, IO + 0x22, data, 2, false));
	CHECK_EQ(load_le16(data), 0x1122);
	/* Past the end is not ours, not even in part. */
	CHECK(!bus_access(&pio, IO + 0x3e, data, 4, false));
	CHECK_EQ(load_le32(data), 0xffffffff);
	set(AT + PCI_COMMAND, 2, 0);
	CHECK(!bus_access(&pio, IO + 0x20, data, 4, false));
	CHECK_EQ(load_le32(data), 0xffffffff);
	STOP();
}

static void small_bars(void)
{
	setup();
	fake_bar(0, 0, 256, true);
	fake_bar(1, 0, page / 2, true);
	CHECK_EQ(start(), 0);
	CHECK_EQ(fake.mmaps, 0);
	set(AT + PCI_COMMAND, 2, ON);
	set(bar_at(0) + 0x10, 4, 0xdeadbeef);
	CHECK_EQ(fake.regions[0].last_value, 0xdeadbeef);
	CHECK_EQ(get(bar_at(0) + 0x10, 8), 0xdeadbeef);
	/* A page-unaligned place is as good as any for what is trapped. */
	set(AT + BAR(0), 4, MEM32 + MIB(8) + 0x300);
	CHECK_EQ(get(MEM32 + MIB(8) + 0x310, 4), 0xdeadbeef);
	/* Bounds are checked with the access's length. */
	CHECK_EQ(get(MEM32 + MIB(8) + 0x3fe, 4), 0xffffffff);
	CHECK_EQ(get(MEM32 + MIB(8) + 0x2fe, 4), 0xffffffff);
	/* An unaligned access is cut up, not refused. */
	CHECK_EQ(get(MEM32 + MIB(8) + 0x311, 4), 0x00deadbe);
	STOP();
}

static void odd_bars(void)
{
	setup();
	fake_bar(0, 0, 48, false);            /* no power of two */
	fake_bar(5, MEM64_BAR, MIB(1), true); /* no room for its other half */
	fake_bar(1, 1, KIB(128), false);      /* more ports than there are */
	CHECK_EQ(start(), 0);
	CHECK_EQ(fn->pci.bars[0].kind, PCI_BAR_NONE);
	CHECK_EQ(fn->pci.bars[1].kind, PCI_BAR_NONE);
	CHECK_EQ(fn->pci.bars[5].kind, PCI_BAR_MEM32);
	set(AT + PCI_COMMAND, 2, ON);
	STOP();
}

static void bar_moves(void)
{
	uint64_t old;

	setup();
	fake_bar(0, MEM64_BAR, MIB(1), true);
	CHECK_EQ(start(), 0);
	set(AT + PCI_COMMAND, 2, ON);
	old = bar_at(0);
	CHECK_EQ(slot_bytes(0), MIB(1));
	/* While decode is on, to another window, in two writes. */
	set(AT + BAR(0), 4, MEM32);
	CHECK_EQ(fn->pci.bars[0].address, MEM64 + MEM32); /* half way */
	set(AT + BAR(0) + 4, 4, 0);
	CHECK_EQ(fn->pci.bars[0].address, MEM32);
	CHECK_EQ(slot_bytes(0), MIB(1));
	/* Into RAM, into ECAM: ignored. Back. */
	set(AT + BAR(0), 4, 0);
	CHECK_EQ(slot_bytes(0), 0);
	set(AT + BAR(0), 4, ECAM);
	CHECK_EQ(slot_bytes(0), 0);
	set(AT + BAR(0), 8, old);
	CHECK_EQ(slot_bytes(0), MIB(1));
	CHECK_EQ(fake.mmaps, 1); /* made once, kept */
	CHECK_EQ(fake.munmaps, 0);
	STOP();
}

/* Decode that is off is off, whether or not the device and the kernel make it so: VFs do not. */
static void off_is_off(void)
{
	setup();
	fake_bar(0, 0, KIB(128), true);
	fake_bar(1, 0, KIB(64), true);
	fake_bar(2, 1, 32, false);
	fake_bar(3, 0, page * 4, true);
	fake_msix(0xa0, 5, 3, 0, 3, page * 2);
	fake.no_memory_enable = true;
	CHECK_EQ(start(), 0);
	count_bar_calls();
	for (unsigned i = 0; i < PCI_BARS; i++) { /* sizing before decode was ever on: free */
		uint32_t was = (uint32_t)get(AT + BAR(i), 4);

		set(AT + BAR(i), 4, 0xffffffff);
		get(AT + BAR(i), 4);
		set(AT + BAR(i), 4, was);
	}
	CHECK_EQ(maps + unmaps, 0);
	set(AT + PCI_COMMAND, 2, ON);
	CHECK_EQ(slot_bytes(0), KIB(128));
	CHECK_EQ(maps, 4);
	for (unsigned i = 0; i < PCI_BARS; i++) { /* off and on for every BAR, as old kernels do */
		uint32_t was = (uint32_t)get(AT + BAR(i), 4);

		set(AT + PCI_COMMAND, 2, 0);
		CHECK_EQ(slot_bytes(0) + slot_bytes(1) + slot_bytes(3), 0);
		set(AT + BAR(i), 4, 0xffffffff);
		get(AT + BAR(i), 4);
		CHECK_EQ(get(bar_at(3), 4), 0xffffffff);
		CHECK_EQ(get(bar_at(0), 4), 0xffffffff);
		CHECK_EQ(load_le16(fake.config + PCI_COMMAND), 0);
		set(AT + BAR(i), 4, was);
		set(AT + PCI_COMMAND, 2, ON);
	}
	CHECK_EQ(maps, 4 * 7);
	CHECK_EQ(unmaps, 4 * 6);
	CHECK_EQ(get(bar_at(3) + 12, 4), 1);
	CHECK_EQ(slot_bytes(0), KIB(128));
	CHECK_EQ(load_le16(fake.config + PCI_COMMAND), ON);
	STOP();
}

static void sparse_mmap(void)
{
	setup();
	fake_bar(0, 0, page * 16, true);
	fake.regions[0].n_mmaps = 4;
	fake.regions[0].mmaps[0] = (struct range){ page * 8, page * 2 }; /* not in order */
	fake.regions[0].mmaps[1] = (struct range){ page, page * 3 };
	fake.regions[0].mmaps[2] = (struct range){ page * 5 + 16, page }; /* no whole page */
	fake.regions[0].mmaps[3] = (struct range){ page * 15, page * 2 }; /* past the end */
	CHECK_EQ(start(), 0);
	set(AT + PCI_COMMAND, 2, ON);
	CHECK_EQ(slot_bytes(0), page * 5);
	CHECK_EQ(fake.mmaps, 2);
	/* A part lies in its BAR's size as it does in the BAR (unit test `region`). */
	CHECK_EQ(fake.mmap_align, page * 16);
	CHECK_EQ(fake.mmap_at % (page * 16), page * 8);
	for (unsigned i = 0; i < 16; i++)
		CHECK_EQ(trapped(bar_at(0) + i * page), !((i >= 1 && i < 4) || i == 8 || i == 9));
	STOP();
}

static void no_slots_left(void)
{
	setup();
	fake_bar(0, 0, KIB(128), true);
	memory.slot_limit = 1; /* RAM's */
	CHECK_EQ(start(), 0);
	set(AT + PCI_COMMAND, 2, ON);
	CHECK_EQ(slot_bytes(0), 0);
	set(bar_at(0) + 8, 4, 0x55);
	CHECK_EQ(fake.regions[0].last_value, 0x55);
	CHECK_EQ(*error_message(), 0);
	STOP();
}

static void sleeping(void)
{
	setup();
	fake_bar(0, 0, KIB(128), true);
	fake_bar(1, 0, 256, true);
	fake_cap(0x40, PCI_CAP_ID_PM);
	store_le16(fake.config + 0x42, 0xfe03);
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + 0x42, 2), 0x0603); /* no PME */
	set(AT + PCI_COMMAND, 2, ON);
	set(bar_at(1), 4, 7);
	set(AT + 0x44, 2, 3);
	CHECK_EQ(get(AT + 0x44, 2), 3);
	CHECK_EQ(get(bar_at(1), 4), 0xffffffff);
	CHECK_EQ(slot_bytes(0), 0);
	set(AT + 0x44, 2, 0);
	CHECK_EQ(slot_bytes(0), KIB(128));
	CHECK_EQ(get(bar_at(1), 4), 7);
	STOP();
}

/* MSI-X */

static void msix_set(unsigned index, uint64_t table, uint64_t address, uint32_t data, bool masked)
{
	set(table + index * 16 + 12, 4, 1);
	set(table + index * 16, 4, address);
	set(table + index * 16 + 4, 4, address >> 32);
	set(table + index * 16 + 8, 4, data);
	set(table + index * 16 + 12, 4, masked);
}

static const struct kvm_irq_routing_entry *route_of(unsigned vector)
{
	for (unsigned i = 0; i < irq.table->nr; i++)
		if ((int)irq.table->entries[i].gsi == fn->irqs.msix.guest.vectors[vector].gsi)
			return &irq.table->entries[i];
	return NULL;
}

/* Table at `table` of one BAR, PBA at `pba` of another, registers all around. */
static void msix_at(unsigned table_bar, uint32_t table, unsigned pba_bar, uint32_t pba)
{
	uint64_t t, p;

	setup();
	fake_bar(0, 0, page * 8, true);
	fake_bar(2, MEM64_BAR, page * 8, true);
	fake_msix(0xa0, 8, table_bar, table, pba_bar, pba);
	CHECK_EQ(start(), 0);
	set(AT + PCI_COMMAND, 2, ON);
	t = bar_at(table_bar) + table;
	p = bar_at(pba_bar) + pba;
	/* Only the pages that hold them are trapped. */
	for (unsigned bar = 0; bar <= 2; bar += 2)
		for (unsigned i = 0; i < 8; i++) {
			bool in = (bar == table_bar && table / page == i) ||
				  (bar == pba_bar && pba / page == i);

			CHECK_EQ(trapped(bar_at(bar) + i * page), in);
		}
	/* Masked from the start; writable as a register; not the device's. */
	for (unsigned i = 0; i < 8; i++)
		CHECK_EQ(get(t + i * 16 + 8, 8), 0x100000000);
	set(t + 16, 8, 0xfee01000);
	set(t + 24, 8, 0xffffffff00000041);
	CHECK_EQ(get(t + 16, 8), 0xfee01000);
	CHECK_EQ(get(t + 24, 8), 0x100000041);
	CHECK_EQ(fake.regions[table_bar].writes, 0);
	CHECK_EQ(get(p, 8), 0);
	set(p, 8, UINT64_MAX);
	CHECK_EQ(get(p, 8), 0);
	CHECK_EQ(fake.regions[pba_bar].writes, 0);
	/* Registers in the same page: the device's, with the guest's width. */
	if (table % page) {
		set(t - 4, 4, 0x1234);
		CHECK_EQ(fake.regions[table_bar].last_offset, table - 4);
		CHECK_EQ(fake.regions[table_bar].last_len, 4);
		/* Across the table's edge: each part its own. */
		set(t - 4, 8, 0xfee0200000005678);
		CHECK_EQ(fake.regions[table_bar].last_value, 0x5678);
		CHECK_EQ(get(t, 4), 0xfee02000);
	}
	set(t + 8 * 16, 4, 0x99);
	if (pba_bar != table_bar || pba != table + 8 * 16)
		CHECK_EQ(fake.regions[table_bar].last_value, 0x99);
	STOP();
}

static void msix_places(void)
{
	msix_at(0, 0, 0, page * 2);
	if (!test_failed)
		msix_at(0, page * 2 + 0x40, 0, page * 2 + 0x800); /* one page, registers with it */
	if (!test_failed)
		msix_at(0, page + 0x100, 2, page * 5 + 0x10); /* different BARs */
	if (!test_failed)
		msix_at(2, page * 7, 0, 0x800);
	if (!test_failed)
		msix_at(2, page - 128, 2, page); /* up to a page's end, PBA in the next */
}

static void msix_outside(void)
{
	setup();
	fake_bar(0, 0, page, true);
	fake_cap(0x40, PCI_CAP_ID_PM);
	fake_msix(0xa0, 8, 0, page, 0, 0);
	fake_cap(0xc0, PCI_CAP_ID_VNDR);
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + 0x41, 1), 0xc0);
	CHECK_EQ(get(AT + 0xa0, 4), 0);
	set(AT + 0xa2, 2, MSIX_ON);
	CHECK(!fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].on);
	STOP();
}

static void msix_small_bar(void)
{
	setup();
	fake_bar(0, 0, page / 4, true); /* table and PBA in a BAR smaller than a page */
	fake_msix(0xa0, 4, 0, 0x80, 0, 0x100);
	CHECK_EQ(start(), 0);
	set(AT + PCI_COMMAND, 2, ON);
	CHECK_EQ(get(bar_at(0) + 0x8c, 4), 1);
	set(bar_at(0) + 0x7c, 4, 3);
	CHECK_EQ(fake.regions[0].last_offset, 0x7c);
	STOP();
}

static void msix_vectors(void)
{
	struct fake_irq_kind *kind = &fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX];
	unsigned calls;
	uint64_t t;

	setup();
	fake_bar(0, 0, page * 4, true);
	fake_msix(0xa0, 64, 0, 0, 0, page * 2);
	CHECK_EQ(start(), 0);
	CHECK(fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].on);
	set(AT + PCI_COMMAND, 2, ON);
	t = bar_at(0);
	/* As Linux does: enabled with all masked, then one by one. */
	set(AT + 0xa2, 2, MSIX_ALL);
	CHECK(!fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].on);
	CHECK(kind->on);
	CHECK_EQ(kind->allocated, 1);
	msix_set(3, t, 0xfee01000, 0x41, false);
	CHECK_EQ(kind->fds[3], -1); /* the function is masked */
	set(AT + 0xa2, 2, MSIX_ON);
	CHECK(kind->fds[3] >= 0);
	CHECK_EQ(kind->fds[0], -1);
	CHECK(fn->irqs.msix.guest.vectors[3].connected);
	CHECK_EQ(route_of(3)->u.msi.address_lo, 0xfee01000);
	CHECK_EQ(route_of(3)->u.msi.data, 0x41);
	/* The same again costs nothing; another message is another route. */
	calls = kind->calls;
	set(t + 3 * 16 + 12, 4, 0);
	CHECK(!irq.dirty);
	msix_set(3, t, 0xfee02000, 0x42, false);
	CHECK_EQ(route_of(3)->u.msi.address_lo, 0xfee02000);
	CHECK_EQ(kind->calls, calls);
	/* Masked: the trigger stays, an interrupt waits in the pending bit. */
	set(t + 3 * 16 + 12, 4, 1);
	CHECK(!fn->irqs.msix.guest.vectors[3].connected);
	CHECK_EQ(get(t + page * 2, 8), 0);
	CHECK(fake_raise(VFIO_PCI_MSIX_IRQ_INDEX, 3));
	CHECK_EQ(get(t + page * 2, 8), 8);
	CHECK_EQ(get(t + page * 2, 4), 8); /* reading does not clear it */
	CHECK_EQ(get(t + page * 2 + 4, 4), 0);
	/* Unmasked: it goes out. */
	set(t + 3 * 16 + 12, 4, 0);
	CHECK_EQ(get(t + page * 2, 8), 0);
	CHECK_EQ(fd_event_take(kind->fds[3]), 1); /* what KVM would find */
	/* The function mask does the same to all. */
	set(AT + 0xa2, 2, MSIX_ALL);
	CHECK(!fn->irqs.msix.guest.vectors[3].connected);
	CHECK(fake_raise(VFIO_PCI_MSIX_IRQ_INDEX, 3));
	CHECK_EQ(get(t + page * 2, 8), 8);
	set(AT + 0xa2, 2, MSIX_ON);
	CHECK_EQ(get(t + page * 2, 8), 0);
	CHECK_EQ(kind->calls, calls);
	/* A vector that never was live: the device's own pending bit. */
	fake.regions[0].data[page * 2 + 1] = 0x02;
	CHECK_EQ(get(t + page * 2, 8), 0x200);
	/* Off: INTx is back, and the table is what it was. */
	set(AT + 0xa2, 2, MSIX_OFF);
	CHECK(!kind->on);
	CHECK(fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].on);
	CHECK(fake.unmask_fd >= 0);
	CHECK_EQ(get(t + 3 * 16, 4), 0xfee02000);
	CHECK_EQ(get(t + page * 2, 8), 0);
	set(AT + 0xa2, 2, MSIX_ON);
	CHECK(kind->fds[3] >= 0);
	STOP();
}

static void msix_control_wide(void)
{
	struct fake_irq_kind *kind = &fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX];

	setup();
	fake_bar(0, 0, page * 4, true);
	fake_msix(0xa0, 4, 0, 0, 0, page * 2);
	CHECK_EQ(start(), 0);
	/* A dword write covers id, link and message control; the size is not writable. */
	set(AT + 0xa0, 4, 0xffff0000);
	CHECK_EQ(get(AT + 0xa0, 4), 0xc0030011);
	CHECK(kind->on);
	set(AT + 0xa3, 1, 0);
	CHECK(!kind->on);
	set(AT + 0xa0, 8, 0x1234567880000000);
	CHECK(kind->on);
	CHECK_EQ(get(AT + 0xa4, 8), (uint64_t)page * 2 << 32);
	CHECK_EQ(load_le16(fake.config + 0xa2), 3); /* none of it is the device's */
	STOP();
}

static void msix_no_resize(void)
{
	struct fake_irq_kind *kind = &fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX];

	setup();
	fake_bar(0, 0, page * 4, true);
	fake_msix(0xa0, 16, 0, 0, 0, page * 2);
	kind->flags |= VFIO_IRQ_INFO_NORESIZE;
	CHECK_EQ(start(), 0);
	set(AT + PCI_COMMAND, 2, ON);
	set(AT + 0xa2, 2, MSIX_ON);
	CHECK_EQ(kind->allocated, 16);
	CHECK_EQ(kind->fds[15], -1);
	msix_set(15, bar_at(0), 0xfee00000, 0x30, false);
	CHECK(kind->fds[15] >= 0);
	STOP();
}

static void msix_2048(void)
{
	struct fake_irq_kind *kind = &fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX];
	uint64_t t;

	setup();
	fake_bar(0, MEM64_BAR, KIB(128), true);
	fake_msix(0xa0, 2048, 0, 0, 0, KIB(64));
	CHECK_EQ(start(), 0);
	set(AT + PCI_COMMAND, 2, ON);
	set(AT + 0xa2, 2, MSIX_ON);
	t = bar_at(0);
	CHECK_EQ(get(AT + 0xa2, 2), 0x87ff);
	for (unsigned i = 0; i < 2048; i++)
		msix_set(i, t, 0xfee00000 + (i << 12), i & 0xff, false);
	CHECK_EQ(kind->allocated, 2048);
	CHECK(kind->fds[2047] >= 0);
	CHECK_EQ(route_of(2047)->u.msi.data, 0xff);
	set(t + 2047 * 16 + 12, 4, 1);
	CHECK(fake_raise(VFIO_PCI_MSIX_IRQ_INDEX, 2047));
	CHECK_EQ(get(t + KIB(64) + 248, 8), 1ull << 63);
	STOP();
}

static void msix_host_has_none(void)
{
	struct fake_irq_kind *kind = &fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX];

	setup();
	fake_bar(0, 0, page * 4, true);
	fake_msix(0xa0, 16, 0, 0, 0, page * 2);
	fake.irq_limit = 2;
	CHECK_EQ(start(), 0);
	set(AT + PCI_COMMAND, 2, ON);
	set(AT + 0xa2, 2, MSIX_ON);
	msix_set(0, bar_at(0), 0xfee00000, 0x30, false);
	msix_set(5, bar_at(0), 0xfee00000, 0x31, false); /* refused: a line, and life goes on */
	msix_set(1, bar_at(0), 0xfee00000, 0x32, false);
	CHECK(kind->fds[0] >= 0 && kind->fds[1] >= 0 && kind->fds[5] == -1);
	CHECK_EQ(*error_message(), 0);
	STOP();
}

/* MSI */

static void msi_vectors(void)
{
	struct fake_irq_kind *kind = &fake.irqs[VFIO_PCI_MSI_IRQ_INDEX];

	setup();
	fake_msi(0x50, 2, true, true);
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + 0x52, 2), 0x0184);
	set(AT + 0x54, 4, 0xfee01003);
	set(AT + 0x58, 4, 0);
	set(AT + 0x5c, 4, 0xffff4143);
	CHECK_EQ(get(AT + 0x54, 4), 0xfee01000);
	CHECK_EQ(get(AT + 0x5c, 4), 0x4143);
	/* More than offered: what was offered. */
	set(AT + 0x52, 2, 0x0051);
	CHECK(kind->on);
	CHECK_EQ(kind->allocated, 4);
	CHECK(!fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].on);
	CHECK_EQ(irq.table->nr, 4);
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(irq.table->entries[i].u.msi.data, 0x4140 + i);
	/* Masks and pending bits. */
	set(AT + 0x60, 4, 0xffffffff);
	CHECK_EQ(get(AT + 0x60, 4), 0xf);
	CHECK(!fn->irqs.msi.vectors[2].connected);
	CHECK(fake_raise(VFIO_PCI_MSI_IRQ_INDEX, 2));
	CHECK_EQ(get(AT + 0x64, 4), 4);
	set(AT + 0x60, 1, 0xb);
	CHECK(fn->irqs.msi.vectors[2].connected);
	CHECK_EQ(get(AT + 0x64, 4), 0);
	CHECK_EQ(fd_event_take(kind->fds[2]), 1);
	/* Fewer, while on. */
	set(AT + 0x52, 2, 0x0011);
	CHECK_EQ(kind->allocated, 2);
	/* Off: INTx again. */
	set(AT + 0x52, 2, 0);
	CHECK(!kind->on);
	CHECK(fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].on);
	CHECK(fake.unmask_fd >= 0);
	CHECK_EQ(load_le32(fake.config + 0x54), 0);
	STOP();
}

static void msi_narrow(void)
{
	setup();
	fake_msi(0x50, 0, false, false);
	store_le32(fake.config + 0x5c, 0x77); /* beyond its 10 bytes: not ours */
	CHECK_EQ(start(), 0);
	set(AT + 0x50, 8, 0xfee0500000000000);
	set(AT + 0x58, 2, 0x55);
	set(AT + 0x50, 4, 0x00010000);
	CHECK(fake.irqs[VFIO_PCI_MSI_IRQ_INDEX].on);
	CHECK_EQ(irq.table->entries[0].u.msi.address_lo, 0xfee05000);
	CHECK_EQ(irq.table->entries[0].u.msi.data, 0x55);
	CHECK_EQ(get(AT + 0x5c, 4), 0x77);
	STOP();
}

static void kinds_change(void)
{
	setup();
	fake_bar(0, 0, page * 4, true);
	fake_msi(0x50, 0, true, false);
	fake_msix(0xa0, 4, 0, 0, 0, page * 2);
	CHECK_EQ(start(), 0);
	set(AT + 0x52, 2, 1);
	CHECK(fake.irqs[VFIO_PCI_MSI_IRQ_INDEX].on);
	set(AT + 0xa2, 2, MSIX_ON);
	CHECK(fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].on);
	CHECK(!fake.irqs[VFIO_PCI_MSI_IRQ_INDEX].on);
	set(AT + 0xa2, 2, 0);
	CHECK(fake.irqs[VFIO_PCI_MSI_IRQ_INDEX].on);
	set(AT + 0x52, 2, 0);
	CHECK(fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].on);
	STOP();
}

static void no_pin(void)
{
	setup();
	fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].count = 0; /* a VF, or a line nobody can use */
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + PCI_INTERRUPT_PIN, 1), 0);
	CHECK(!fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].on);
	STOP();
}

/* Resets, loss */

static void add_pm(bool soft_reset)
{
	fake_cap(0x40, PCI_CAP_ID_PM);
	store_le16(fake.config + 0x44, soft_reset ? 0 : PCI_PM_CTRL_NO_SOFT_RESET);
}

/* Power, ROM, peers */

static void low_power(void)
{
	uint64_t bar;

	setup();
	fake_bar(0, 0, page * 4, true);
	add_pm(true);
	fake.has_low_power = true;
	CHECK_EQ(start(), 0);
	set(AT + PCI_COMMAND, 2, ON);
	bar = bar_at(0);
	set(AT + 0x44, 2, 3);
	CHECK(fake.low_power);
	CHECK_EQ(fake.config[0x44], 3);
	/* The host woke it for an access: the guest must not see that. */
	fake.config[0x44] = 0;
	CHECK_EQ(get(AT + 0x44, 2), 3);
	CHECK(fn->pci.asleep);
	set(AT + 0x44, 1, 1); /* no such way */
	CHECK(fake.low_power);
	set(AT + 0x44, 4, 0);
	CHECK(!fake.low_power);
	CHECK(!fn->pci.asleep);
	CHECK_EQ(get(AT + 0x44, 2), 0);
	CHECK_EQ(bar_at(0), bar);
	CHECK_EQ(slot_bytes(0), page * 4);
	set(AT + 0x44, 2, 3);
	CHECK_EQ(fake.low_powers, 2);
	vfio_function_destroy(fn);
	fn = NULL;
	CHECK(!fake.low_power);
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + 0x44, 2), 0);
	set(AT + 0x44, 2, 1); /* D1: nothing more to save */
	CHECK(!fake.low_power && fn->pci.asleep);
	STOP();
	setup();
	add_pm(true);
	CHECK_EQ(start(), 0); /* a host without */
	set(AT + 0x44, 2, 3);
	CHECK(fn->pci.asleep && !fn->power.low);
	set(AT + 0x44, 2, 0);
	CHECK(!fn->pci.asleep);
	STOP();
}

/* What the loop does when an eventfd is readable. */
static void take_wake(void)
{
	fn->power.wake.handler(&fn->power.wake, 1);
}

#define PME_EN     PCI_PM_CTRL_PME_ENABLE
#define PME_STATUS PCI_PM_CTRL_PME_STATUS

static void wakes_up(void)
{
	unsigned reads;

	setup();
	fake_bar(0, 0, page * 4, true);
	add_pm(true);
	fake_express(0x70, true);
	store_le16(fake.config + 0x42, 0x0603); /* VFIO shows no PME */
	fake.has_low_power = fake.can_wake = true;
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + 0x42, 2), 0x4603);
	/* Without PME_En: power goes, and nobody is told what brings it back. */
	set(AT + 0x44, 2, 3);
	CHECK(fake.low_power && fake.wake_fd < 0);
	/* Enabled afterwards. */
	set(AT + 0x44, 2, PME_EN | 3);
	CHECK(fake.low_power && fake.wake_fd >= 0);
	CHECK_EQ(load_le16(fake.config + 0x44), 3); /* not the device's affair */
	/* The guest looks, once a second: that wakes nobody. */
	reads = fake.config_reads;
	CHECK_EQ(get(AT + 0x44, 2), PME_EN | 3);
	CHECK_EQ(get(AT + 0x44, 4), PME_EN | 3);
	CHECK_EQ(fake.config_reads, reads);
	CHECK(fake.low_power);
	fake_wake();
	CHECK_EQ(get(AT + 0x44, 2), PME_EN | 3);
	take_wake();
	CHECK_EQ(get(AT + 0x44, 2), PME_STATUS | PME_EN | 3);
	CHECK(fn->pci.asleep && !fake.low_power); /* up, until the guest takes note */
	/* As Linux does: status and enable off, then D0. */
	set(AT + 0x44, 2, PME_STATUS | 3);
	CHECK_EQ(get(AT + 0x44, 2), 3);
	CHECK(!fake.low_power);
	set(AT + 0x44, 2, 0);
	CHECK(!fn->pci.asleep);
	CHECK_EQ(fake.config[0x44], 0);
	CHECK_EQ(fake.low_powers, 2);
	/* The guest's own waking of it is no event. */
	set(AT + 0x44, 2, PME_EN | 3);
	set(AT + 0x44, 2, PME_EN);
	take_wake();
	CHECK_EQ(get(AT + 0x44, 2), PME_EN);
	/* Status cleared while asleep: the next event is wanted. */
	set(AT + 0x44, 2, PME_EN | 3);
	fake_wake();
	take_wake();
	set(AT + 0x45, 1, PME_STATUS >> 8 | PME_EN >> 8);
	CHECK(fake.low_power && fake.wake_fd >= 0);
	CHECK_EQ(get(AT + 0x44, 2), PME_EN | 3);
	/* An access to another register wakes it, too. */
	get(AT + PCI_CACHE_LINE_SIZE, 1);
	take_wake();
	CHECK_EQ(get(AT + 0x44, 2), PME_STATUS | PME_EN | 3);
	/* A reset of the guest's leaves none of it. */
	set(AT + 0x70 + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	CHECK_EQ(fake.resets, 1);
	CHECK_EQ(get(AT + 0x44, 2), 0);
	CHECK(!fake.low_power);
	STOP();
	setup();
	add_pm(true);
	fake.has_low_power = true; /* a device, or a kernel, without */
	CHECK_EQ(start(), 0);
	set(AT + 0x44, 2, PME_EN | 3);
	CHECK_EQ(get(AT + 0x44, 2), 3);
	CHECK(fake.low_power && fake.wake_fd < 0);
	STOP();
}

/* Up and down without end: the host saves and restores the device a few times, no more. */
static void restless_guest(void)
{
	setup();
	lock.stopping = true; /* nobody waits: vfio_order looks at what is paid for */
	add_pm(true);
	fake.has_low_power = fake.can_wake = true;
	CHECK_EQ(start(), 0);
	for (unsigned i = 0; i < 1000; i++) {
		set(AT + 0x44, 2, 3);
		set(AT + 0x44, 2, 0);
	}
	CHECK(fake.low_powers >= 10 && fake.low_powers < 100);
	CHECK(!fake.low_power && !fn->pci.asleep);
	set(AT + 0x44, 2, 3);
	CHECK(fn->pci.asleep); /* D3hot it is */
	CHECK_EQ(fake.config[0x44], 3);
	set(AT + 0x44, 2, 0);
	/* One that waits for a wake-up is not left lying. */
	set(AT + 0x44, 2, PME_EN | 3);
	CHECK_EQ(get(AT + 0x44, 2), PME_STATUS | PME_EN | 3);
	STOP();
}

static void rom_setup(void)
{
	struct fake_region *rom = &fake.regions[VFIO_PCI_ROM_REGION_INDEX];

	setup();
	fake_bar(0, 0, page * 4, true);
	*rom = (struct fake_region){ .size = page * 4, .data = calloc(1, FAKE_BAR_DATA) };
	store_le32(rom->data + page, 0x1234aa55);
	with_rom = true;
}

static void rom_of_the_device(void)
{
	const struct fake_region *rom = &fake.regions[VFIO_PCI_ROM_REGION_INDEX];
	uint64_t at;

	rom_setup();
	CHECK_EQ(start(), 0);
	CHECK_EQ(load_le16(fake.config + PCI_COMMAND), 0);
	at = get(AT + PCI_ROM_ADDRESS, 4);
	CHECK(at && !(at & 1)); /* placed, and off */
	set(AT + PCI_ROM_ADDRESS, 4, 0xffffffff);
	CHECK_EQ(get(AT + PCI_ROM_ADDRESS, 4), (uint32_t) ~(page * 4 - 1) | 1);
	set(AT + PCI_ROM_ADDRESS, 4, at);
	set(AT + PCI_COMMAND, 2, ON);
	CHECK(!fn->rom.in_slot);
	CHECK_EQ(rom->reads, 0); /* nobody has looked yet */
	set(AT + PCI_ROM_ADDRESS, 4, at | 1);
	CHECK_EQ(rom->reads, 0);
	CHECK_EQ(get(at + page, 4), 0x1234aa55);
	CHECK(fn->rom.in_slot);
	CHECK_EQ(rom->reads, 1);
	CHECK_EQ(load_le32(fn->rom.data + page), 0x1234aa55);
	set(AT + PCI_ROM_ADDRESS, 4, at);
	set(AT + PCI_ROM_ADDRESS, 4, at | 1);
	CHECK(fn->rom.in_slot);
	CHECK_EQ(rom->reads, 1);
	/* The device's own register is not touched. */
	CHECK_EQ(load_le32(fake.config + PCI_ROM_ADDRESS), 0xfffc0000);
	STOP();
	setup();
	with_rom = true; /* a device without */
	CHECK_EQ(start(), 0);
	CHECK_EQ(get(AT + PCI_ROM_ADDRESS, 4), 0);
	STOP();
}

/* A device that gives its ROM in pieces, or not to the end: what does not come is erased flash. */
static void rom_in_part(void)
{
	static const struct {
		unsigned pieces, stop;
		int error;
	} cases[] = { { 1, 0, 0 }, { 1, 2, 0 }, { 1, 2, -EIO }, { 3, 0, 0 } };

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		rom_setup();
		fake.rom_piece = page * cases[i].pieces;
		fake.rom_stop = page * cases[i].stop;
		fake.rom_error = cases[i].error;
		CHECK_EQ(start(), 0);
		set(AT + PCI_COMMAND, 2, ON);
		set(AT + PCI_ROM_ADDRESS, 4, get(AT + PCI_ROM_ADDRESS, 4) | 1);
		CHECK_EQ(get(get(AT + PCI_ROM_ADDRESS, 4) & ~1ull, 4), 0);
		CHECK(fn->rom.in_slot);
		CHECK_EQ(load_le32(fn->rom.data + page), 0x1234aa55);
		CHECK_EQ(fn->rom.data[page * 3], cases[i].stop ? 0xff : 0);
		CHECK(!fn->io.lost);
		STOP();
	}
}

static void rom_of_a_file(void)
{
	char path[] = "/tmp/thru-rom-XXXXXX";
	uint64_t at;

	setup();
	with_rom = true;
	rom_fd = mkstemp(path);
	unlink(path);
	CHECK_EQ(write(rom_fd, "\x55\xaa rom", 6), 6);
	CHECK_EQ(start(), 0);
	at = get(AT + PCI_ROM_ADDRESS, 4);
	set(AT + PCI_ROM_ADDRESS, 4, at | 1);
	set(AT + PCI_COMMAND, 2, ON);
	/* Smaller than a page: trapped. 2 KiB is the least; what the file lacks is erased flash. */
	CHECK_EQ(get(at, 4), 0x7220aa55);
	CHECK_EQ(get(at + 2040, 8), UINT64_MAX);
	set(at, 4, 0);
	CHECK_EQ(get(at, 4), 0x7220aa55);
	STOP();
	setup();
	with_rom = true;
	rom_fd = open("/dev/null", O_RDONLY);
	CHECK_EQ(start(), -EINVAL);
	CHECK_ERROR("a ROM of 0 bytes");
	stop();
}

static void peers(void)
{
	uint64_t bar;

	setup();
	with_p2p = true;
	fake.has_dmabuf = true;
	fake_bar(0, 0, page * 8, true);
	fake_msix(0xa0, 4, 0, page * 2, 0, page * 3);
	CHECK_EQ(start(), 0);
	CHECK_EQ(fake.n_ioas, 0);
	set(AT + PCI_COMMAND, 2, ON);
	bar = bar_at(0);
	/* What is mapped: all but the pages of table and PBA. */
	CHECK_EQ(fake.n_ioas, 2);
	CHECK_EQ(fake.ioas[0].base, bar);
	CHECK_EQ(fake.ioas[1].base, bar + page * 4);
	/* A toggle revokes: mapped anew. */
	set(AT + PCI_COMMAND, 2, 0);
	set(AT + PCI_COMMAND, 2, ON);
	CHECK_EQ(fake.n_ioas, 2);
	CHECK_EQ(fake.dmabufs, 4);
	/* A move takes it along. */
	set(AT + BAR(0), 4, MEM32 + MIB(16));
	CHECK_EQ(fake.n_ioas, 2);
	CHECK(fake.ioas[0].base == MEM32 + MIB(16) || fake.ioas[1].base == MEM32 + MIB(16));
	vfio_function_destroy(fn);
	fn = NULL;
	CHECK_EQ(fake.n_ioas, 0);
	STOP();
	setup();
	with_p2p = true; /* a kernel without: the BAR works, a line is said */
	fake_bar(0, 0, page * 8, true);
	CHECK_EQ(start(), 0);
	set(AT + PCI_COMMAND, 2, ON);
	CHECK_EQ(slot_bytes(0), page * 8);
	CHECK_EQ(*error_message(), 0);
	CHECK(!fn->p2p.on);
	STOP();
}

static void used_and_quiet(void)
{
	setup();
	fake_bar(0, 0, page * 4, true);
	CHECK_EQ(start(), 0);
	CHECK_EQ(dev.state, VFIO_DEVICE_USED);
	set(AT + PCI_COMMAND, 2, ON);
	vfio_function_destroy(fn);
	CHECK_EQ(load_le16(fake.config + PCI_COMMAND), 0);
	CHECK_EQ(dev.state, VFIO_DEVICE_USED);
	CHECK_EQ(start(), 0); /* the guest rebooted */
	CHECK_EQ(load_le16(fake.config + PCI_COMMAND), 0);
	STOP();
}

/* What a device has, what became of it before, and what must be done. */
static void reset_ladder(void)
{
	enum { FLR = 1, PM = 2, KERNEL = 4, BUS = 8, BUS_FAILS = 16 };
	static const struct {
		unsigned has;
		enum vfio_device_state state;
		unsigned resets, hot_resets;
		int r;
	} cases[] = {
		/* The bind's own reset is enough, unless only power is taken away. */
		{ FLR | PM | KERNEL | BUS, VFIO_DEVICE_BOUND, 0, 0, 0 },
		{ FLR | PM | KERNEL | BUS, VFIO_DEVICE_USED, 1, 0, 0 },
		{ KERNEL, VFIO_DEVICE_USED, 1, 0, 0 }, /* of a kind that only the kernel knows */
		{ PM | KERNEL | BUS, VFIO_DEVICE_BOUND, 0, 1, 0 },
		{ PM | KERNEL | BUS, VFIO_DEVICE_USED, 0, 1, 0 },
		{ PM | KERNEL, VFIO_DEVICE_BOUND, 0, 0, 0 },
		{ PM | KERNEL, VFIO_DEVICE_USED, 1, 0, 0 },
		{ PM | KERNEL | BUS | BUS_FAILS, VFIO_DEVICE_USED, 1, 1, 0 },
		{ BUS, VFIO_DEVICE_BOUND, 0, 1, 0 },
		{ BUS | BUS_FAILS, VFIO_DEVICE_BOUND, 0, 1, -ENOTTY },
		{ 0, VFIO_DEVICE_BOUND, 0, 0, -ENOTTY },
		{ 0, VFIO_DEVICE_CLEAN, 0, 0, 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned has = cases[i].has;

		setup();
		store_le16(fake.config + PCI_COMMAND, 0);
		if (has & FLR)
			fake_express(0x70, true);
		add_pm(has & PM);
		fake.has_reset = has & KERNEL;
		fake.n_bus = has & BUS ? 1 : 0;
		fake.bus[0].devid = dev.devid;
		fake.hot_error = has & BUS_FAILS ? -EIO : 0;
		dev.state = cases[i].state;
		CHECK_EQ(vfio_reset_all(&dev, 1), cases[i].r);
		CHECK_EQ(fake.resets, cases[i].resets);
		CHECK_EQ(fake.hot_resets, cases[i].hot_resets);
		CHECK_EQ(dev.state, cases[i].r ? cases[i].state : VFIO_DEVICE_CLEAN);
		if (cases[i].r)
			CHECK_ERROR("0000:01:00.0: cannot be reset: it has no reset of its own");
		CHECK_EQ(*error_message(), 0);
		stop();
	}
}

static void reset_of_a_bus(void)
{
	struct vfio_device devs[3] = { { .name = "a", .devid = 5 },
				       { .name = "b", .devid = 6 },
				       { .name = "c", .devid = 7, .no_reset = true } };

	setup();
	store_le16(fake.config + PCI_COMMAND, 0);
	fake.has_reset = false;
	fake.n_bus = 3;
	fake.bus[0].devid = 5;
	fake.bus[1].devid = 6;
	fake.bus[2] = (struct vfio_pci_dependent_device){ .devid = VFIO_PCI_DEVID_OWNED };
	/* One reset serves all that it hits; who was told off is left alone. */
	CHECK_EQ(vfio_reset_all(devs, 3), 0);
	CHECK_EQ(fake.hot_resets, 1);
	CHECK_EQ(devs[1].state, VFIO_DEVICE_CLEAN);
	CHECK_EQ(devs[2].state, VFIO_DEVICE_USED);
	/* Not while another of the same guest is in use. */
	CHECK_EQ(vfio_reset_alone(&devs[0], NULL), -EBUSY);
	CHECK_ERROR("a: cannot be reset");
	CHECK_EQ(fake.hot_resets, 1);
	fake.bus[1].devid = VFIO_PCI_DEVID_OWNED;
	CHECK_EQ(vfio_reset_alone(&devs[0], NULL), 0);
	CHECK_EQ(fake.hot_resets, 2);
	/* What is in the way is named. */
	fake.bus[2] = (struct vfio_pci_dependent_device){
		.devid = VFIO_PCI_DEVID_NOT_OWNED, .segment = 1, .bus = 0x41, .devfn = 0x19
	};
	devs[0].state = VFIO_DEVICE_USED;
	CHECK_EQ(vfio_reset_all(devs, 1), -EBUSY);
	CHECK_ERROR("would hit 0001:41:03.1; give the guest that one, too");
	/* The kernel cuts domains to 16 bits; Intel's VMD begins at 10000h. */
	devs[0].bdf.domain = 0x10001;
	CHECK_EQ(vfio_reset_all(devs, 1), -EBUSY);
	CHECK_ERROR(
		"would hit 10001:41:03.1; give the guest that one, too (thru bind 10001:41:03.1,");
	CHECK_EQ(fake.hot_resets, 2);
	CHECK_EQ(fake.wrongs, 0);
	/* A device that is gone is not asked. */
	devs[0].gone = true;
	CHECK_EQ(vfio_reset_all(devs, 1), 0);
	CHECK_EQ(vfio_reset_alone(&devs[0], NULL), 0);
	stop();
}

static void guest_reset(void)
{
	uint64_t bar = start_with_msix();

	CHECK(bar);
	msix_set(1, bar, 0xfee01000, 0x41, false);
	count_bar_calls();
	set(AT + 0x70 + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR | 0x10);
	CHECK_EQ(fake.resets, 1);
	CHECK_EQ(get(AT + 0x70 + PCI_EXP_DEVCTL, 2), 0x10); /* the bit reads 0 */
	/* As after power-on: no decode, no address, no vector; INTx on. */
	CHECK_EQ(get(AT + PCI_COMMAND, 2), 0);
	CHECK_EQ(get(AT + BAR(0), 4), 0);
	CHECK_EQ(get(AT + 0xa2, 2), 3);
	CHECK(fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].on);
	CHECK_EQ(slot_bytes(0), 0);
	CHECK_EQ(unmaps, 1);
	/* The guest restores what it had. */
	set(AT + BAR(0), 4, bar);
	CHECK_EQ(maps, 0);
	set(AT + PCI_COMMAND, 2, ON);
	CHECK_EQ(maps, 1);
	CHECK_EQ(slot_bytes(0), page * 2); /* but for the pages of table and PBA */
	CHECK_EQ(get(bar + 16 + 12, 4), 1);
	set(AT + 0xa2, 2, MSIX_ON);
	CHECK_EQ(fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].fds[1], -1);
	STOP();
	setup();
	fake_express(0x70, false); /* a device without: the bit does nothing */
	CHECK_EQ(start(), 0);
	set(AT + 0x70 + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	CHECK_EQ(fake.resets, 0);
	STOP();
	setup();
	fake_cap(0x50, PCI_CAP_ID_AF);
	fake.config[0x53] = PCI_AF_CAP_FLR | PCI_AF_CAP_TP;
	CHECK_EQ(start(), 0);
	set(AT + 0x50, 8, (uint64_t)PCI_AF_CTRL_FLR << 32);
	CHECK_EQ(fake.resets, 1);
	CHECK_EQ(get(AT + 0x54, 1), 0);
	STOP();
}

static void vanishes(void)
{
	int value = 0;

	setup();
	fake_bar(0, 0, page * 4, true);
	fake_msix(0xa0, 4, 0, 0, 0, page * 2);
	CHECK_EQ(start(), 0);
	set(AT + PCI_COMMAND, 2, ON);
	set(AT + 0xa2, 2, MSIX_ON);
	msix_set(1, bar_at(0), 0xfee01000, 0x41, false);
	fake.gone = true;
	CHECK_EQ(get(bar_at(0) + 64, 4), 0xffffffff);
	CHECK_EQ(get(AT, 4), 0xffffffff);
	CHECK_EQ(get(AT + PCI_COMMAND, 1), 0xff);
	set(AT + PCI_COMMAND, 2, 0);
	set(AT + 0xa2, 2, 0);
	CHECK_EQ(loop_run(&loop, &value), VM_EVENT_DEVICE_LOST);
	CHECK_EQ(error_status(), STATUS_DEVICE_LOST);
	vfio_function_destroy(fn);
	fn = NULL;
	CHECK_ERROR("0000:01:00.0: the device does not answer any more");
	CHECK_EQ(fake.mmaps, fake.munmaps);
	stop();
	/* Off the bus, but still a file that can be read. */
	setup();
	CHECK_EQ(start(), 0);
	memset(fake.config, 0xff, sizeof(fake.config));
	CHECK_EQ(get(AT + PCI_STATUS, 2), 0xffff);
	CHECK(!fn->io.lost); /* a firmware that resets its device: the driver polls */
	fn->io.patience = 1;
	CHECK_EQ(get(AT + PCI_STATUS, 2), 0xffff);
	CHECK_EQ(loop_run(&loop, &value), VM_EVENT_DEVICE_LOST);
	CHECK_ERROR("0000:01:00.0");
	stop();
}

static void host_wants_it_back(void)
{
	static const struct {
		unsigned index;
		const char *says;
	} cases[] = {
		{ VFIO_PCI_REQ_IRQ_INDEX, "0000:01:00.0: the host wants the device back" },
		{ VFIO_PCI_ERR_IRQ_INDEX, "0000:01:00.0: the device reported" },
	};
	struct vfio_events events;
	struct loop control;
	int value = 0;

	CHECK_EQ(loop_init(&control, NULL), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		setup();
		CHECK_EQ(vfio_events_init(&events, &dev, &control), 0);
		CHECK_EQ(start(), 0);
		CHECK(fake_raise(cases[i].index, 0));
		CHECK_EQ(loop_run(&control, &value), VM_EVENT_DEVICE_LOST);
		CHECK_EQ(error_status(), STATUS_DEVICE_LOST);
		vfio_events_deinit(&events);
		STOP();
		CHECK_ERROR(cases[i].says);
	}
	loop_deinit(&control);
}

/* A guest that writes anything anywhere: nothing is refused by the device, nothing is left over. */
static void random_guest(void)
{
	static const unsigned lens[] = { 1, 2, 4, 8 };
	uint64_t x = 88172645463325252ull;

	setup();
	lock.stopping = true; /* nobody waits: vfio_order looks at what is paid for */
	fake_bar(0, 0, page * 4, true);
	fake_bar(1, 1, 64, false);
	fake_bar(2, MEM64_BAR, page * 8, true);
	fake_bar(4, 0, 256, false);
	fake_cap(0x40, PCI_CAP_ID_PM);
	fake_msi(0x50, 3, true, true);
	fake_express(0x70, true);
	fake_msix(0xb0, 40, 0, page + 0x80, 2, page * 3 + 8);
	fake_cap(0xc0, PCI_CAP_ID_AF);
	fake.config[0xc3] = PCI_AF_CAP_FLR | PCI_AF_CAP_TP;
	fake_ext_cap(0x100, PCI_EXT_CAP_ID_ERR);
	fake_ext_cap(0x200, PCI_EXT_CAP_ID_VNDR);
	fake.has_low_power = fake.can_wake = true;
	CHECK_EQ(start(), 0);
	for (unsigned i = 0; i < 100000; i++) {
		unsigned len;
		uint64_t at, value;

		test_random(&x);
		len = lens[x & 3];
		value = x >> 24;
		/* The status register would read as a lost device. */
		if (x >> 60 < 3)
			at = AT + (x >> 8) % (x & 4 ? 256 : 4096);
		else if (x >> 60 < 5)
			at = AT + (x & 4 ? 0x52u : 0xb2u), value = x >> 60 & 1 ? 1 : MSIX_ON;
		else if (x >> 60 < 7)
			at = AT + PCI_COMMAND, len = 2, value = x & 4 ? ON : x >> 40;
		else
			at = bar_at((x >> 59 & 1) * 2) + (x >> 8) % (page * 4);
		if (x & 8)
			set(at, len, value);
		else
			get(at, len);
		if (!(i % 1000))
			CHECK_EQ(pci_root_assign(&root), 0);
		CHECK(!fn->io.lost);
		if (fake.wrongs) {
			test_failed = true;
			snprintf(test_why, sizeof(test_why), "after %u: %s", i, fake.why);
			return;
		}
	}
	CHECK(fake.resets > 0);
	STOP();
}

static const struct test tests[] = {
	TEST(header),
	TEST(multifunction),
	TEST(command),
	TEST(capability_chain),
	TEST(capability_loop),
	TEST(express),
	TEST(express_version_1),
	TEST(msi_over_another),
	TEST(extended_chain),
	TEST(refused_devices),
	TEST(bars),
	TEST(io_bar),
	TEST(small_bars),
	TEST(odd_bars),
	TEST(bar_moves),
	TEST(off_is_off),
	TEST(sparse_mmap),
	TEST(no_slots_left),
	TEST(sleeping),
	TEST(msix_places),
	TEST(msix_outside),
	TEST(msix_small_bar),
	TEST(msix_vectors),
	TEST(msix_control_wide),
	TEST(msix_no_resize),
	TEST(msix_2048),
	TEST(msix_host_has_none),
	TEST(msi_vectors),
	TEST(msi_narrow),
	TEST(kinds_change),
	TEST(no_pin),
	TEST(low_power),
	TEST(wakes_up),
	TEST(restless_guest),
	TEST(rom_of_the_device),
	TEST(rom_in_part),
	TEST(rom_of_a_file),
	TEST(peers),
	TEST(used_and_quiet),
	TEST(reset_ladder),
	TEST(reset_of_a_bus),
	TEST(guest_reset),
	TEST(vanishes),
	TEST(host_wants_it_back),
	TEST(random_guest),
};
TEST_MAIN(tests)
