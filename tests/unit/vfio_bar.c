/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BARs of a passed function alone (devices/vfio/bar.h), and its peers (p2p.h): spans and windows, coming
 * and going.
 */
#include "fake-sysfs.h" /* first: its names are shadowed below */

#include "part.h"

#include <devices/vfio/bar.h>

#define AT 0xc0000000ull

static struct memory memory;
static struct bus mmio, pio;
static struct vfio_p2p p2p;
static struct vfio_bars bars;
static uint64_t page;

static struct {
	unsigned n, len;
	uint64_t offset;
	bool is_write;
} window;

static void in_window(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	(void)ctx;
	window.n++;
	window.offset = offset;
	window.len = len;
	window.is_write = is_write;
	if (!is_write)
		memset(data, 0x77, len);
}

static void trapped(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	vfio_bars_access(ctx, offset, data, len, is_write);
}

static void setup(void)
{
	const struct range ram = { 0, MIB(2) };

	part_setup();
	page = (uint64_t)sysconf(_SC_PAGESIZE);
	memset(&mmio, 0, sizeof(mmio));
	memset(&pio, 0, sizeof(pio));
	memset(&window, 0, sizeof(window));
	if (memory_init(&memory, -1, &ram, 1))
		abort();
}

static int start(void)
{
	int r = part_start();

	p2p = (struct vfio_p2p){ .on = fake.has_dmabuf, .io = &io };
	bars = (struct vfio_bars){ .io = &io,
				   .pci = &pci,
				   .memory = &memory,
				   .mmio = &mmio,
				   .pio = &pio,
				   .p2p = &p2p,
				   .handler = trapped };
	fake.config[PCI_COMMAND] = PCI_COMMAND_MEMORY | PCI_COMMAND_IO;
	return r ? r : vfio_bars_find(&bars);
}

#define STOP()                                      \
	do {                                        \
		vfio_bars_deinit(&bars);            \
		CHECK_EQ(fake.mmaps, fake.munmaps); \
		CHECK_EQ(mmio.n + pio.n, 0);        \
		CHECK_EQ(fake.n_ioas, 0);           \
		CHECK_EQ(memory.slots[0], 1);       \
		memory_deinit(&memory);             \
		PART_STOP();                        \
	} while (0)

static void windows(void)
{
	const struct vfio_span *span;
	uint8_t data[8];

	setup();
	fake_bar(0, 0, page * 8, true);
	CHECK_EQ(start(), 0);
	CHECK(vfio_bars_hold(&bars, 0, (struct range){ page * 8 - 16, 16 }));
	CHECK(!vfio_bars_hold(&bars, 0, (struct range){ page * 8 - 16, 32 }));
	CHECK(!vfio_bars_hold(&bars, 1, (struct range){ 0, 16 }));
	CHECK(!vfio_bars_hold(&bars, 7, (struct range){ 0, 16 }));
	vfio_bars_window(&bars,
			 &(struct vfio_window){ 0, { page * 2 + 0x40, 0x80 }, in_window, NULL });
	vfio_bars_window(&bars, &(struct vfio_window){ 0, { page * 5, 8 }, in_window, NULL });
	CHECK_EQ(vfio_bars_tile(&bars), 0);
	/* Mapped, trapped, mapped, trapped, mapped; they tile the BAR. */
	CHECK_EQ(bars.bar[0].n_spans, 5);
	span = bars.bar[0].spans;
	for (unsigned i = 0; i < 5; i++) {
		CHECK_EQ(!span[i].hva, i & 1);
		CHECK_EQ(span[i].offset, i ? span[i - 1].offset + span[i - 1].size : 0);
	}
	CHECK_EQ(span[4].offset + span[4].size, page * 8);
	CHECK_EQ(vfio_bars_map(&bars, 0, AT), 0);
	CHECK_EQ(mmio.n, 2);
	/* Each part of an access is its own. */
	memset(data, 0x11, 8);
	CHECK(bus_access(&mmio, AT + page * 2 + 0x3c, data, 8, true));
	CHECK_EQ(window.n, 1);
	CHECK_EQ(window.offset, 0);
	CHECK_EQ(window.len, 4);
	CHECK_EQ(fake.regions[0].last_offset, page * 2 + 0x3c);
	CHECK_EQ(fake.regions[0].last_len, 4);
	CHECK(bus_access(&mmio, AT + page * 2 + 0xbc, data, 8, false));
	CHECK_EQ(window.offset, 0x7c);
	CHECK_EQ(load_le32(data), 0x77777777);
	CHECK_EQ(load_le32(data + 4), 0);
	CHECK(!bus_access(&mmio, AT, data, 8, false)); /* memory */
	vfio_bars_unmap(&bars, 0);
	STOP();
}

static void ports(void)
{
	uint8_t data[4] = { 1, 2, 3, 4 };

	setup();
	fake_bar(1, 1, 32, false);
	CHECK_EQ(start(), 0);
	CHECK(!vfio_bars_hold(&bars, 1, (struct range){ 0, 16 })); /* no table lies in ports */
	CHECK_EQ(vfio_bars_tile(&bars), 0);
	CHECK_EQ(vfio_bars_map(&bars, 1, 0x1000), 0);
	CHECK_EQ(pio.n, 1);
	CHECK(bus_access(&pio, 0x1004, data, 4, true));
	CHECK_EQ(fake.regions[1].last_value, 0x04030201);
	vfio_bars_unmap(&bars, 1);
	/* Where ports are memory. */
	bars.pio = NULL;
	CHECK_EQ(vfio_bars_map(&bars, 1, AT), 0);
	CHECK_EQ(mmio.n, 1);
	vfio_bars_unmap(&bars, 1);
	STOP();
}

/* A place that is taken, or no slot: nothing stays behind of what was there already. */
static void half_way(void)
{
	struct bus_region other = { .base = AT + page * 3, .size = page, .handler = trapped };

	setup();
	fake.has_dmabuf = true;
	fake_bar(0, 0, page * 4, true);
	fake.regions[0].mmaps[0] = (struct range){ 0, page * 2 };
	fake.regions[0].n_mmaps = 1;
	CHECK_EQ(start(), 0);
	CHECK_EQ(vfio_bars_tile(&bars), 0);
	CHECK_EQ(bus_add(&mmio, &other), 0);
	CHECK_EQ(vfio_bars_map(&bars, 0, AT), -EEXIST);
	CHECK_EQ(memory.slots[0], 1);
	CHECK_EQ(fake.n_ioas, 0);
	bus_remove(&mmio, &other);
	CHECK_EQ(vfio_bars_map(&bars, 0, AT), 0);
	CHECK_EQ(memory.slots[0], 3);
	CHECK_EQ(fake.n_ioas, 1);
	vfio_bars_unmap(&bars, 0);
	STOP();
}

/* What the host refused for a moment is tried again; what its kernel does not have, is not. */
static void peers(void)
{
	setup();
	fake.has_dmabuf = true;
	fake_bar(0, 0, page * 2, true);
	CHECK_EQ(start(), 0);
	CHECK_EQ(vfio_bars_tile(&bars), 0);
	fake.config[PCI_COMMAND] = 0; /* a fake that refuses: ENODEV */
	CHECK_EQ(vfio_bars_map(&bars, 0, AT), 0);
	CHECK_EQ(fake.n_ioas, 0);
	CHECK(p2p.on && p2p.told);
	vfio_bars_unmap(&bars, 0);
	CHECK_EQ(fake.wrongs, 1);
	fake.wrongs = 0;
	fake.config[PCI_COMMAND] = PCI_COMMAND_MEMORY;
	CHECK_EQ(vfio_bars_map(&bars, 0, AT), 0);
	CHECK_EQ(fake.n_ioas, 1);
	CHECK_EQ(fake.ioas[0].base, AT);
	vfio_bars_unmap(&bars, 0);
	CHECK_EQ(fake.n_ioas, 0);
	fake.has_dmabuf = false;
	CHECK_EQ(vfio_bars_map(&bars, 0, AT), 0);
	CHECK(!p2p.on);
	vfio_bars_unmap(&bars, 0);
	STOP();
}

/* A BAR that the host has: who, is asked by its address, whatever the operator calls it. */
static void claimed_by_the_host(void)
{
	static const char iomem[] = "c0000000-c0ffffff : 0000:41:00.1\n"
				    "  c0000000-c02fffff : BOOTFB\n";

	if (!mkdtemp(tree))
		abort();
	sysfs_set_root(tree);
	put_text("0000:41:00.1", "resource",
		 "0x00000000c0000000 0x00000000c0ffffff 0x0000000000042208\n");
	put(path_of("proc/iomem"), iomem, strlen(iomem));
	setup();
	dev = (struct vfio_device){ .name = "gpu", .fd = -1, .devid = 5, .bdf = { 0, 0x41, 0, 1 } };
	fake_bar(0, 0, MIB(16), true);
	fake.bar_busy[0] = true;
	CHECK_EQ(start(), 0);
	CHECK_EQ(vfio_bars_tile(&bars), -EBUSY);
	CHECK_ERROR("gpu: BAR 0 is in use by the host (BOOTFB in /proc/iomem)");
	error_clear();
	STOP();
	sysfs_set_root(NULL);
	clear_tree();
	rmdir(tree);
}

static const struct test tests[] = { TEST(windows), TEST(ports), TEST(half_way), TEST(peers),
				     TEST(claimed_by_the_host) };
TEST_MAIN(tests)
