/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI root without KVM: configuration mechanisms, BAR sizing, decode and placement.
 */
#include "test.h"

#include "board.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static struct pci_function a, b;

static struct {
	unsigned maps, unmaps, commands, refuse;
	uint16_t before, now;
	uint64_t address;
	unsigned index;
} seen;

static int on_map(struct pci_function *fn, unsigned index, uint64_t address)
{
	(void)fn;
	if (seen.refuse) {
		seen.refuse--;
		return fail(STATUS_FAILURE, EEXIST, "refused");
	}
	seen.maps++;
	seen.address = address;
	seen.index = index;
	return 0;
}

static void on_unmap(struct pci_function *fn, unsigned index)
{
	(void)fn;
	(void)index;
	seen.unmaps++;
}

static void on_command(struct pci_function *fn, uint16_t before, uint16_t now)
{
	(void)fn;
	seen.commands++;
	seen.before = before;
	seen.now = now;
}

static const struct pci_function_ops ops = {
	.bar_map = on_map,
	.bar_unmap = on_unmap,
	.command_changed = on_command,
};

static void setup(void)
{
	memset(&seen, 0, sizeof(seen));
	board_init();
	pci_function_init(&a, "a", &ops, 0x1234, 0x5678, 0x02000001);
	pci_function_init(&b, "b", &ops, 0x1234, 0x9abc, 0x01080201);
}

static void add(struct pci_function *fn, unsigned devfn)
{
	if (pci_root_add(&root, fn, devfn))
		abort();
}

static uint64_t ecam(uint64_t at, unsigned len)
{
	return get(ECAM + at, len);
}

static void ecam_set(uint64_t at, unsigned len, uint64_t value)
{
	set(ECAM + at, len, value);
}

#define A (PCI_DEVFN(3, 0) << 12)
#define B (PCI_DEVFN(4, 0) << 12)

static void ecam_sizes(void)
{
	setup();
	add(&a, PCI_DEVFN(3, 0));
	CHECK_EQ(ecam(0, 4), 0x00081b36); /* the host bridge */
	CHECK_EQ(ecam(0x0a, 2), 0x0600);
	CHECK_EQ(ecam(A, 4), 0x56781234);
	CHECK_EQ(ecam(A, 8), 0x0000000056781234);
	CHECK_EQ(ecam(A + 1, 4), 0x00567812);
	CHECK_EQ(ecam(A + 3, 1), 0x56);
	CHECK_EQ(ecam(A + 8, 4), 0x02000001);
	/* Absent function, other bus, and across the end of a function: each part its own. */
	CHECK_EQ(ecam(B, 8), UINT64_MAX);
	CHECK_EQ(ecam(MIB(1) + A, 4), UINT32_MAX);
	CHECK_EQ(ecam(A - 2, 4), 0x1234ffff);
	CHECK_EQ(ecam(MIB(2) - 2, 4), UINT32_MAX);
	pci_root_deinit(&root);
	CHECK_EQ(mmio.n, 0);
	CHECK_EQ(pio.n, 0);
}

static void writes_that_span_fields(void)
{
	setup();
	pci_function_bar(&a, 0, PCI_BAR_MEM32, false, KIB(4));
	add(&a, PCI_DEVFN(3, 0));
	/* Command and status in one dword, status not writable. */
	ecam_set(A + PCI_COMMAND, 4, 0xffffffff);
	CHECK_EQ(ecam(A + PCI_COMMAND, 4), 0x00000547);
	CHECK_EQ(seen.commands, 1);
	CHECK_EQ(seen.now, 0x547);
	/* Two registers with one qword; a BAR byte by byte; across a dword. */
	ecam_set(A + PCI_COMMAND, 4, 0);
	ecam_set(A + BAR(0), 8, 0xffffffffffffffff);
	CHECK_EQ(ecam(A + BAR(0), 8), 0x00000000fffff000);
	ecam_set(A + BAR(0) + 3, 1, 0xc1);
	CHECK_EQ(ecam(A + BAR(0), 4), 0xc1fff000);
	ecam_set(A + BAR(0) - 2, 4, 0x22220000);
	CHECK_EQ(ecam(A + BAR(0), 4), 0xc1ff2000);
	pci_root_deinit(&root);
}

static void w1c_bits(void)
{
	setup();
	store_le16(a.config + 0x80, 0x0f0f);
	store_le16(a.w1c + 0x80, 0x00ff);
	add(&a, PCI_DEVFN(3, 0));
	ecam_set(A + 0x80, 2, 0xff03);
	CHECK_EQ(ecam(A + 0x80, 2), 0x0f0c);
	pci_root_deinit(&root);
}

static unsigned controls;

static void count_control(void *ctx, uint64_t offset, void *data, unsigned len, bool is_write)
{
	controls++;
}

static void cf8_cfc(void)
{
	setup();
	add(&a, PCI_DEVFN(3, 0));
	port_set(0xcf8, 4, 0xffffffff);
	CHECK_EQ(port(0xcf8, 4), 0x80fffffc);
	port_set(0xcf8, 4, 0x80000000 | A >> 4);
	CHECK_EQ(port(0xcfc, 4), 0x56781234);
	CHECK_EQ(port(0xcfe, 2), 0x5678);
	CHECK_EQ(port(0xcff, 1), 0x56);
	CHECK_EQ(port(0xcfd, 2), 0x7812);
	/* Bytes and words at CF8 are somebody else's: they neither latch nor read the latch. */
	port_set(0xcf9, 1, 6);
	port_set(0xcf8, 2, 0);
	CHECK_EQ(port(0xcf8, 2), 0xffff);
	CHECK_EQ(port(0xcf8, 4), 0x80000000 | A >> 4);
	CHECK_EQ(port(0xcfa, 4), 0xffffffff);
	port_set(0xcf8, 4, 0x80000000 | A >> 4 | PCI_INTERRUPT_LINE);
	port_set(0xcfc, 1, 11);
	CHECK_EQ(a.config[PCI_INTERRUPT_LINE], 11);
	/* Not enabled. */
	port_set(0xcf8, 4, A >> 4);
	CHECK_EQ(port(0xcfc, 4), 0xffffffff);
	pci_root_deinit(&root);
}

/* Hidden, they are ports that nobody has; the reset control register between them stays. */
static void cf8_hidden(void)
{
	struct bus_region control = { .base = 0xcf9, .size = 1, .handler = count_control };

	setup();
	root.config.no_cf8 = true;
	add(&a, PCI_DEVFN(3, 0));
	port_set(0xcf8, 4, 0x80000000 | A >> 4); /* early_quirks() */
	CHECK(!root.cf8_probed);
	port_set(0xcfb, 1, 1); /* as Linux probes: pci_check_type1(), pci_check_type2() */
	port_set(0xcf8, 4, 0x80000000);
	CHECK_EQ(port(0xcf8, 4), UINT32_MAX);
	port_set(0xcf8, 1, 0);
	port_set(0xcfa, 1, 0);
	CHECK_EQ(port(0xcf8, 1), 0xff);
	port_set(0xcf8, 4, 0x80000000 | A >> 4);
	CHECK_EQ(port(0xcfc, 4), UINT32_MAX);
	CHECK_EQ(port(0xcfe, 2), 0xffff);
	port_set(0xcf8, 4, 0x80000000 | A >> 4 | PCI_INTERRUPT_LINE);
	port_set(0xcfc, 1, 11);
	CHECK_EQ(a.config[PCI_INTERRUPT_LINE], 0);
	CHECK(root.cf8_probed && !root.ecam_used);
	CHECK_EQ(ecam(A, 4), 0x56781234);
	CHECK(root.ecam_used);
	root.reset_control = &control;
	port_set(0xcf9, 1, 6);
	CHECK_EQ(controls, 1);
	pci_root_deinit(&root);
}

static uint32_t read_trapped(struct pci_function *fn, unsigned offset, unsigned len)
{
	return pci_config_read(fn, offset, len);
}

/* What the guest reads of a plain function without an exit is what a trapped read would give it. */
static void shown(void)
{
	static const struct pci_function_ops trapped = { .config_read = read_trapped };
	static const struct range regions[] = { { 0, MIB(1) } };
	static const unsigned places[] = { 0, PCI_DEVFN(3, 0), PCI_DEVFN(4, 0), PCI_DEVFN(5, 0) };
	struct pci_pages pages;
	struct memory memory;
	unsigned slots = 0;

	setup();
	pci_function_init(&b, "b", &trapped, 0x1234, 0x9abc, 0);
	pci_function_bar(&a, 0, PCI_BAR_MEM32, false, KIB(4));
	add(&a, PCI_DEVFN(3, 0));
	add(&b, PCI_DEVFN(4, 0));
	CHECK_EQ(memory_init(&memory, -1, regions, 1), 0);
	CHECK_EQ(pci_pages_init(&pages, &memory, ECAM, places, ARRAY_SIZE(places)), 0);
	pci_root_show(&root, &pages);
	if (sysconf(_SC_PAGESIZE) != PCI_CONFIG_SIZE) {
		CHECK(!a.page);
		goto out;
	}
	CHECK(root.host_bridge.page && a.page && !b.page);
	CHECK_EQ(load_le32(pages.pages + 3 * PCI_CONFIG_SIZE), UINT32_MAX); /* nobody there */
	CHECK(is_aligned((uintptr_t)a.page, PCI_CONFIG_SIZE));
	CHECK(!memcmp(a.page, a.config, PCI_CONFIG_SIZE));
	for (unsigned at = 0; at < PCI_CONFIG_SIZE; at += 4)
		ecam_set(A + at, 4, UINT32_MAX);
	ecam_set(A + PCI_COMMAND, 1, 2);
	CHECK_EQ(load_le32(a.page + BAR(0)), 0xfffff000);
	CHECK_EQ(a.page[PCI_COMMAND], 2);
	CHECK(!memcmp(a.page, a.config, PCI_CONFIG_SIZE));
	pci_function_hide(&a);
	pci_function_hide(&a);
	CHECK(!a.page);
	CHECK_EQ(ecam(A, 4), 0x56781234);
out:
	pci_root_deinit(&root);
	pci_pages_deinit(&pages);
	for (unsigned i = 0; i < ARRAY_SIZE(memory.slots); i++)
		slots += (unsigned)__builtin_popcountll(memory.slots[i]);
	CHECK_EQ(slots, sysconf(_SC_PAGESIZE) == PCI_CONFIG_SIZE ? 3 : 1); /* RAM, bridge, nobody */
	memory_deinit(&memory);
}

static void bar_sizing(void)
{
	setup();
	pci_function_bar(&a, 0, PCI_BAR_MEM32, true, KIB(64));
	pci_function_bar(&a, 1, PCI_BAR_MEM64, true, GIB(16)); /* at an odd index */
	pci_function_bar(&a, 3, PCI_BAR_IO, false, 32);
	pci_function_bar(&a, 4, PCI_BAR_MEM64, false, 16);
	pci_function_bar(&a, PCI_BAR_ROM, PCI_BAR_ROM_MEM, false, KIB(2));
	add(&a, PCI_DEVFN(3, 0));
	for (unsigned at = PCI_BASE_ADDRESS_0; at <= PCI_ROM_ADDRESS; at += 4)
		ecam_set(A + at, 4, 0xffffffff);
	CHECK_EQ(ecam(A + BAR(0), 4), 0xffff0008);
	CHECK_EQ(ecam(A + BAR(1), 8), 0xfffffffc0000000c);
	CHECK_EQ(ecam(A + BAR(3), 4), 0xffffffe1);
	CHECK_EQ(ecam(A + BAR(4), 8), 0xfffffffffffffff4);
	CHECK_EQ(ecam(A + PCI_CARDBUS_CIS, 4), 0);
	CHECK_EQ(ecam(A + PCI_ROM_ADDRESS, 4), 0xfffff801);
	CHECK_EQ(seen.maps, 0);
	pci_root_deinit(&root);
}

static void bar_decode(void)
{
	setup();
	pci_function_bar(&a, 0, PCI_BAR_MEM32, false, KIB(4));
	pci_function_bar(&a, 1, PCI_BAR_IO, false, 32);
	add(&a, PCI_DEVFN(3, 0));
	ecam_set(A + BAR(0), 4, MEM32 + 0x1000);
	ecam_set(A + BAR(1), 4, IO + 0x40);
	CHECK_EQ(seen.maps, 0);
	ecam_set(A + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	CHECK_EQ(seen.maps, 1);
	CHECK_EQ(seen.address, MEM32 + 0x1000);
	ecam_set(A + PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	CHECK_EQ(seen.maps, 2);
	CHECK_EQ(seen.address, IO + 0x40);
	CHECK_EQ(seen.index, 1);
	/* A register written while decode is on moves at once; the same value does nothing. */
	ecam_set(A + BAR(0), 4, MEM32 + 0x1000);
	CHECK_EQ(seen.unmaps, 0);
	ecam_set(A + BAR(0), 4, MEM32 + 0x5000);
	CHECK_EQ(seen.unmaps, 1);
	CHECK_EQ(seen.maps, 3);
	CHECK_EQ(seen.address, MEM32 + 0x5000);
	/* Sizing with decode on: out of the windows, gone, and back. */
	ecam_set(A + BAR(0), 4, 0xffffffff);
	CHECK_EQ(seen.unmaps, 2);
	CHECK_EQ(ecam(A + BAR(0), 4), 0xfffff000);
	ecam_set(A + BAR(0), 4, MEM32 + 0x5000);
	CHECK_EQ(seen.maps, 4);
	/* A toggle takes effect at once. */
	ecam_set(A + PCI_COMMAND, 2, 0);
	CHECK_EQ(seen.unmaps, 4);
	ecam_set(A + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	CHECK_EQ(seen.maps, 5);
	/* The callback comes after the BARs, with both values. */
	CHECK_EQ(seen.before, 0);
	CHECK_EQ(seen.now, PCI_COMMAND_MEMORY);
	pci_root_remove(&root, &a);
	CHECK_EQ(seen.unmaps, 5);
	CHECK(!a.root);
	pci_root_remove(&root, &a);
	pci_root_deinit(&root);
}

static void bar_obstacles(void)
{
	setup();
	pci_function_bar(&a, 0, PCI_BAR_MEM64, true, MIB(1));
	pci_function_bar(&b, 0, PCI_BAR_MEM64, true, MIB(1));
	add(&a, PCI_DEVFN(3, 0));
	add(&b, PCI_DEVFN(4, 0));
	ecam_set(A + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	ecam_set(B + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	/* Outside the windows: RAM, ECAM, the end of a window, the end of everything. */
	ecam_set(A + BAR(0), 8, MIB(16));
	ecam_set(A + BAR(0), 8, ECAM);
	ecam_set(A + BAR(0), 8, MEM64 + MEM64_SIZE);
	ecam_set(A + BAR(0), 8, UINT64_MAX);
	CHECK_EQ(seen.maps, 0);
	ecam_set(A + BAR(0), 4, (uint32_t)MEM32);
	CHECK_EQ(seen.maps, 0);
	ecam_set(A + BAR(0) + 4, 4, 0);
	CHECK_EQ(seen.maps, 1);
	/* Onto another: the second waits until the first goes. */
	ecam_set(B + BAR(0), 8, MEM32);
	CHECK_EQ(seen.maps, 1);
	ecam_set(A + BAR(0), 4, (uint32_t)MEM32 + (uint32_t)MIB(1));
	CHECK_EQ(seen.maps, 3);
	CHECK(a.bars[0].mapped && b.bars[0].mapped);
	CHECK_EQ(b.bars[0].address, MEM32);
	/* Refused by its owner: not mapped, tried again at the next change. */
	seen.refuse = 1;
	ecam_set(A + BAR(0), 4, (uint32_t)MEM32 + (uint32_t)MIB(2));
	CHECK(!a.bars[0].mapped);
	CHECK_EQ(*error_message(), 0);
	ecam_set(B + PCI_COMMAND, 2, 0);
	CHECK(a.bars[0].mapped);
	pci_root_deinit(&root);
}

static void toggles(void)
{
	setup();
	pci_function_bar(&a, 0, PCI_BAR_MEM32, false, MIB(1));
	pci_function_bar(&a, 1, PCI_BAR_MEM32, false, MIB(1));
	pci_function_bar(&b, 0, PCI_BAR_MEM32, false, MIB(1));
	add(&a, PCI_DEVFN(3, 0));
	add(&b, PCI_DEVFN(4, 0));
	ecam_set(A + BAR(0), 8, MEM32 | (MEM32 + MIB(1)) << 32);
	/* As Linux sizes before anybody has turned decode on (pci_read_bases()): it costs nothing. */
	for (unsigned i = 0; i < 6; i++) {
		uint32_t was = (uint32_t)ecam(A + BAR(i), 4);

		ecam_set(A + BAR(i), 4, was | 0xffffffff);
		CHECK_EQ(ecam(A + BAR(i), 4), i < 2 ? 0xfff00000 : 0);
		ecam_set(A + BAR(i), 4, was);
	}
	CHECK_EQ(seen.maps + seen.unmaps, 0);
	ecam_set(A + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	CHECK_EQ(seen.maps, 2);
	/* Off is off. */
	ecam_set(A + PCI_COMMAND, 2, 0);
	CHECK(!a.bars[0].mapped && !a.bars[1].mapped);
	CHECK_EQ(seen.unmaps, 2);
	ecam_set(A + BAR(1), 4, MEM32 + MIB(4));
	ecam_set(A + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	CHECK_EQ(a.bars[1].address, MEM32 + MIB(4));
	CHECK_EQ(seen.maps, 4);
	/* Somebody else's BAR in the place of one that is off: the other waits. */
	ecam_set(A + PCI_COMMAND, 2, 0);
	ecam_set(B + BAR(0), 4, MEM32);
	ecam_set(B + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	CHECK(b.bars[0].mapped);
	ecam_set(A + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	CHECK(a.bars[1].mapped && !a.bars[0].mapped);
	/* Asleep counts as decode off. */
	a.asleep = true;
	pci_function_refresh(&a);
	CHECK(!a.bars[1].mapped && b.bars[0].mapped);
	a.asleep = false;
	pci_function_refresh(&a);
	CHECK(a.bars[1].mapped && b.bars[0].mapped);
	pci_root_deinit(&root);
}

static void rom_bar(void)
{
	setup();
	pci_function_bar(&a, PCI_BAR_ROM, PCI_BAR_ROM_MEM, false, KIB(64));
	add(&a, PCI_DEVFN(3, 0));
	ecam_set(A + PCI_ROM_ADDRESS, 4, MEM32);
	ecam_set(A + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	CHECK_EQ(seen.maps, 0);
	ecam_set(A + PCI_ROM_ADDRESS, 4, MEM32 | 1);
	CHECK_EQ(seen.maps, 1);
	CHECK_EQ(seen.index, PCI_BAR_ROM);
	ecam_set(A + PCI_ROM_ADDRESS, 1, 0);
	CHECK_EQ(seen.unmaps, 1);
	pci_root_deinit(&root);
}

static void io_in_memory(void)
{
	struct pci_root_config config;

	setup();
	config = root.config;
	pci_root_deinit(&root);
	config.pio = NULL;
	config.io = (struct range){ 0, KIB(64) };
	config.io_mmio = 0x3eff0000;
	CHECK_EQ(pci_root_init(&root, &config), 0);
	pci_function_bar(&a, 2, PCI_BAR_IO, false, 64);
	add(&a, PCI_DEVFN(3, 0));
	CHECK_EQ(pci_root_assign(&root), 0);
	CHECK_EQ(ecam(A + BAR(2), 4), 64 | 1);
	ecam_set(A + PCI_COMMAND, 2, PCI_COMMAND_IO);
	CHECK_EQ(seen.address, 0x3eff0000 + 64);
	pci_root_deinit(&root);
}

static void assignment(void)
{
	uint8_t first[64];

	setup();
	pci_function_bar(&a, 0, PCI_BAR_MEM32, false, KIB(4));
	pci_function_bar(&a, 1, PCI_BAR_MEM64, true, GIB(16));
	pci_function_bar(&a, 3, PCI_BAR_IO, false, 32);
	pci_function_bar(&a, 4, PCI_BAR_MEM64, false, MIB(16));
	pci_function_bar(&b, 0, PCI_BAR_MEM32, false, MIB(1));
	pci_function_bar(&b, 1, PCI_BAR_IO, false, 256);
	pci_function_bar(&b, 2, PCI_BAR_MEM64, false, GIB(1)); /* larger than the low window */
	add(&b, PCI_DEVFN(4, 0));
	add(&a, PCI_DEVFN(3, 0));
	CHECK_EQ(pci_root_assign(&root), 0);
	CHECK_EQ(ecam(A + BAR(4), 8), MEM32 | 4);
	CHECK_EQ(ecam(B + BAR(0), 4), MEM32 + MIB(16));
	CHECK_EQ(ecam(A + BAR(0), 4), MEM32 + MIB(17));
	CHECK_EQ(ecam(A + BAR(1), 8), MEM64 | 0xc);
	CHECK_EQ(ecam(B + BAR(2), 8), (MEM64 + GIB(16)) | 4);
	CHECK_EQ(ecam(B + BAR(1), 4), IO | 1);
	CHECK_EQ(ecam(A + BAR(3), 4), (IO + 256) | 1);
	CHECK_EQ(seen.maps, 0);
	memcpy(first, a.config, sizeof(first));
	CHECK_EQ(pci_root_assign(&root), 0);
	CHECK(!memcmp(first, a.config, sizeof(first)));
	pci_root_remove(&root, &b);
	pci_function_bar(&b, 0, PCI_BAR_MEM32, false, MIB(512));
	add(&b, PCI_DEVFN(4, 0));
	CHECK_EQ(pci_root_assign(&root), -ENOSPC);
	CHECK_ERROR("b: BAR 0");
	pci_root_deinit(&root);
}

static void addresses_taken(void)
{
	setup();
	add(&a, PCI_DEVFN(3, 0));
	CHECK_EQ(pci_root_add(&root, &b, PCI_DEVFN(3, 0)), -EEXIST);
	CHECK_ERROR("03.0 is taken by a");
	CHECK_EQ(pci_root_add(&root, &b, PCI_DEVFN(0, 0)), -EEXIST);
	CHECK_ERROR("host bridge");
	CHECK_EQ(pci_root_add(&root, &b, 256), -EINVAL);
	CHECK_ERROR("b:");
	pci_root_deinit(&root);
}

static void intx_swizzle(void)
{
	setup();
	CHECK_EQ(pci_intx_gsi(&root.config, PCI_DEVFN(0, 0), 1), 16);
	CHECK_EQ(pci_intx_gsi(&root.config, PCI_DEVFN(3, 0), 1), 19);
	CHECK_EQ(pci_intx_gsi(&root.config, PCI_DEVFN(3, 1), 2), 16);
	CHECK_EQ(pci_intx_gsi(&root.config, PCI_DEVFN(31, 7), 4), 18);
	pci_root_deinit(&root);
}

/* Lines on stderr since the last call; -1: it is not being kept. */
static int lines(int keep)
{
	static int at;
	char text[4096];
	ssize_t n = pread(keep, text, sizeof(text), at);
	int count = 0;

	for (ssize_t i = 0; i < n; i++)
		count += text[i] == '\n';
	at += n > 0 ? (int)n : 0;
	return n < 0 ? -1 : count;
}

/* A BAR in a wrong place is told once, however often decode is worked out anew meanwhile. */
static void misplaced_is_told_once(void)
{
	int saved = dup(STDERR_FILENO), keep = memfd_create("stderr", 0), told[4];
	bool mapped;

	setup();
	pci_function_bar(&a, 0, PCI_BAR_MEM32, false, KIB(4));
	pci_function_bar(&b, 0, PCI_BAR_MEM32, false, KIB(4));
	add(&a, PCI_DEVFN(3, 0));
	add(&b, PCI_DEVFN(4, 0));
	dup2(keep, STDERR_FILENO);
	ecam_set(A + BAR(0), 4, 0x10000);
	for (unsigned i = 0; i < 4; i++) { /* as other functions' BARs are sized */
		ecam_set(A + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
		ecam_set(B + PCI_COMMAND, 2, i & 1 ? PCI_COMMAND_MEMORY : 0);
	}
	told[0] = lines(keep);
	ecam_set(A + BAR(0), 4, 0x20000); /* another place */
	told[1] = lines(keep);
	ecam_set(A + BAR(0), 4, MEM32);
	told[2] = lines(keep);
	mapped = a.bars[0].mapped;
	ecam_set(A + BAR(0), 4, 0x20000); /* there again, after it was well */
	told[3] = lines(keep);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(keep);
	CHECK(mapped);
	CHECK_EQ(told[0], 1);
	CHECK_EQ(told[1], 1);
	CHECK_EQ(told[2], 0);
	CHECK_EQ(told[3], 1);
}

/* Nothing that a guest can write reaches outside config[] or leaves two BARs in one place. */
static void random_guest(void)
{
	uint64_t x = 88172645463325252ull;

	setup();
	pci_function_bar(&a, 0, PCI_BAR_MEM64, true, MIB(64));
	pci_function_bar(&a, 2, PCI_BAR_MEM32, false, MIB(64));
	pci_function_bar(&a, 5, PCI_BAR_IO, false, KIB(2));
	pci_function_bar(&a, PCI_BAR_ROM, PCI_BAR_ROM_MEM, false, MIB(64));
	pci_function_bar(&b, 0, PCI_BAR_MEM32, false, MIB(128));
	pci_function_bar(&b, 1, PCI_BAR_IO, false, KIB(2));
	add(&a, PCI_DEVFN(3, 0));
	add(&b, PCI_DEVFN(4, 0));
	for (unsigned i = 0; i < 100000; i++) {
		static const unsigned lens[] = { 1, 2, 4, 8 };
		static const unsigned regs[] = { PCI_COMMAND, PCI_COMMAND, BAR(0),         BAR(1),
						 BAR(2),      BAR(5),      PCI_ROM_ADDRESS };
		unsigned len;
		uint64_t at, value;

		test_random(&x);
		len = lens[x & 3];
		at = (x & 4 ? A : B) + (x >> 8) % (x & 8 ? 64 : 4096);
		value = x >> 20;
		if (x & 16) { /* more like a guest: registers that matter, values that fit */
			at = (x & 4 ? A : B) + regs[(x >> 8) % ARRAY_SIZE(regs)];
			len = 4;
			value = MEM32 + (x >> 40 & 0xf) * MIB(16);
			if ((at & 0xff) == PCI_COMMAND)
				value = x >> 20 & 7;
			else if (x & 32)
				value = IO + (x >> 40 & 3) * KIB(1);
			else if ((at & 0xff) == BAR(1))
				value = 0;
		}
		if (x & 64)
			ecam_set(at, len, value);
		else
			ecam(at, len);
		port_set(0xcf8 + (x >> 16 & 7), len & 7, x >> 24);
		port(0xcf8 + (x >> 19 & 7), len & 7);
		for (unsigned k = 0; k <= PCI_BAR_ROM; k++)
			for (unsigned m = 0; m <= PCI_BAR_ROM; m++) {
				const struct pci_bar *p = &a.bars[k], *q = &b.bars[m];

				CHECK(!p->mapped || !q->mapped ||
				      (p->kind == PCI_BAR_IO) != (q->kind == PCI_BAR_IO) ||
				      !range_overlaps((struct range){ p->address, p->size },
						      (struct range){ q->address, q->size }));
			}
	}
	CHECK(seen.maps > 100);
	pci_root_deinit(&root);
	CHECK_EQ(seen.maps, seen.unmaps);
}

static const struct test tests[] = {
	TEST(misplaced_is_told_once), /* first: lines are rate-limited */
	TEST(ecam_sizes),
	TEST(writes_that_span_fields),
	TEST(w1c_bits),
	TEST(cf8_cfc),
	TEST(cf8_hidden),
	TEST(shown),
	TEST(bar_sizing),
	TEST(bar_decode),
	TEST(bar_obstacles),
	TEST(toggles),
	TEST(rom_bar),
	TEST(io_in_memory),
	TEST(assignment),
	TEST(addresses_taken),
	TEST(intx_swizzle),
	TEST(random_guest),
};
TEST_MAIN(tests)
