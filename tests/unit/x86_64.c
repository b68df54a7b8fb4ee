/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pure part of arch/x86_64: addresses, loaders and ACPI tables, on RAM without KVM. Images are
 * made here byte by byte; hostile ones are good ones with bytes changed.
 */
#include "bzimage.h"
#include "test.h"

#include "arch/x86_64/boot.h"
#include "arch/x86_64/cmdline.h"
#include "arch/x86_64/layout.h"

#include <arch/arch.h>
#include <base/bytes.h>
#include <devices/power.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT(s) (s), sizeof(s) - 1

/* A board as arch_boot_load() finds it, with as much RAM as asked for. */
struct fixture {
	struct board_config config;
	struct board board;
	struct bus mmio, pio;
};

static bool set_up_within(struct fixture *f, uint64_t mem_mib, const struct reach *reach)
{
	struct pci_root_config pci;

	memset(f, 0, sizeof(*f));
	f->config = (struct board_config){
		.cpus = 3,
		.mem_size = MIB(mem_mib),
		.kernel_path = "KERNEL",
		.initrd_path = "INITRD",
		.cmdline = "console=ttyS0",
		.kernel_fd = -1,
		.initrd_fd = -1,
	};
	f->board.config = &f->config;
	if (arch_layout(&f->config, 0, reach, &f->board.layout) ||
	    memory_init(&f->board.memory, -1, f->board.layout.ram, f->board.layout.n_ram))
		return false;
	pci = f->board.layout.pci;
	pci.mmio = &f->mmio;
	pci.pio = &f->pio;
	return !pci_root_init(&f->board.pci, &pci);
}

static bool set_up(struct fixture *f, uint64_t mem_mib)
{
	return set_up_within(f, mem_mib, NULL);
}

static void tear_down(struct fixture *f)
{
	pci_root_deinit(&f->board.pci);
	memory_deinit(&f->board.memory);
	if (f->config.kernel_fd >= 0)
		close(f->config.kernel_fd);
	if (f->config.initrd_fd >= 0)
		close(f->config.initrd_fd);
}

static int make_file(const void *bytes, size_t len)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	if (fd < 0 || pwrite(fd, bytes, len, 0) != (ssize_t)len)
		abort();
	return fd;
}

/* Load these bytes as the kernel; the result of arch_boot_load(). */
static int load(struct fixture *f, const void *bytes, size_t len)
{
	if (f->config.kernel_fd >= 0)
		close(f->config.kernel_fd);
	f->config.kernel_fd = make_file(bytes, len);
	return arch_boot_load(&f->board);
}

static const uint8_t *ram(const struct fixture *f, gpa_t gpa)
{
	return memory_at(&f->board.memory, gpa, 1);
}

/* --- addresses --- */

static void layout_sizes(void)
{
	static const struct {
		uint64_t mib;
		unsigned bits, n_ram;
		uint64_t last_base, last_end, mem64_base, mem64_end;
	} cases[] = {
		{ 1, 46, 1, 0, MIB(1), TIB(1), TIB(64) },
		{ 512, 40, 1, 0, MIB(512), GIB(4), 0xfd00000000 },
		{ 3071, 40, 1, 0, MIB(3071), GIB(4), 0xfd00000000 },
		{ 3072, 40, 1, 0, GIB(3), GIB(4), 0xfd00000000 },
		{ 3073, 40, 2, GIB(4), GIB(4) + MIB(1), GIB(5), 0xfd00000000 },
		{ 4096, 36, 2, GIB(4), GIB(5), GIB(5), GIB(64) },
		{ 4096, 39, 2, GIB(4), GIB(5), GIB(5), GIB(512) },
		{ 65536, 48, 2, GIB(4), GIB(65), TIB(1), TIB(64) },
		{ 1 << 20, 48, 3, TIB(1), TIB(1) + GIB(13), TIB(1) + GIB(13), TIB(64) },
		{ 1 << 20, 0, 3, TIB(1), TIB(1) + GIB(13), TIB(1) + GIB(13), TIB(64) },
		{ 3072, 32, 1, 0, GIB(3), 0, 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct board_config config = { .mem_size = MIB(cases[i].mib) };
		struct layout l;
		struct range last;

		CHECK_EQ(arch_layout(&config, cases[i].bits, NULL, &l), 0);
		CHECK_EQ(l.n_ram, cases[i].n_ram);
		last = l.ram[l.n_ram - 1];
		CHECK_EQ(last.base, cases[i].last_base);
		CHECK_EQ(last.base + last.size, cases[i].last_end);
		CHECK_EQ(l.pci.mem64.base, cases[i].mem64_base);
		CHECK_EQ(l.pci.mem64.base + l.pci.mem64.size, cases[i].mem64_end);
		CHECK_EQ(l.irq_pins, 24);
	}
}

/* Whatever the sizes: all RAM is there, nothing overlaps, nothing lies where it must not. */
static void layout_disjoint(void)
{
	static const struct range kept_free[] = {
		{ 0xfec00000, 0x1000 },   /* IOAPIC */
		{ 0xfee00000, 0x100000 }, /* interrupts of the IOMMU */
		{ LAYOUT_KVM_IDENTITY, 0x4000 },
		{ 0xfd00000000, 0x300000000 }, /* HyperTransport */
	};

	for (unsigned bits = 32; bits <= 52; bits++)
		for (uint64_t mib = 1; mib <= 4u << 20; mib = mib * 3 + 1) {
			struct board_config config = { .mem_size = MIB(mib) };
			struct range all[16];
			struct layout l;
			uint64_t sum = 0;
			unsigned n = 0;

			if (arch_layout(&config, bits, NULL, &l)) {
				error_clear();
				continue;
			}
			for (unsigned i = 0; i < l.n_ram; i++) {
				all[n++] = l.ram[i];
				sum += l.ram[i].size;
			}
			CHECK_EQ(sum, MIB(mib));
			all[n++] = l.pci.mem32;
			all[n++] = l.pci.mem64;
			all[n++] = l.pci.ecam;
			for (unsigned i = 0; i < ARRAY_SIZE(kept_free); i++)
				all[n++] = kept_free[i];
			for (unsigned i = 0; i < n; i++)
				for (unsigned j = 0; j < i; j++)
					CHECK(!range_overlaps(all[i], all[j]));
			for (unsigned i = 0; i < n - ARRAY_SIZE(kept_free); i++)
				CHECK(all[i].base + all[i].size <= BIT64(bits));
			CHECK(l.pci.mem32.base + l.pci.mem32.size <= GIB(4));
		}
}

static void layout_refusals(void)
{
	struct board_config config = { .mem_size = GIB(64) };
	struct layout l;

	CHECK_EQ(arch_layout(&config, 36, NULL, &l), -ERANGE);
	CHECK_EQ(error_status(), STATUS_HOST);
	CHECK(strstr(error_message(), "36 bits"));
	CHECK_ERROR("at most 64512M"); /* 64 GiB less the hole of one */
	config.mem_size = MIB(64512);
	CHECK_EQ(arch_layout(&config, 36, NULL, &l), 0);
	config.mem_size = GIB(4);
	CHECK_EQ(arch_layout(&config, 32, NULL, &l), -ERANGE);
	CHECK_ERROR("at most 3072M");
	config.mem_size = TIB(65);
	CHECK_EQ(arch_layout(&config, 52, NULL, &l), -ERANGE);
	CHECK_ERROR("46 bits");
	config.mem_size = 0;
	CHECK_EQ(arch_layout(&config, 46, NULL, &l), -EINVAL);
	CHECK_ERROR("--mem 0");
}

/* What an IOMMU of `bits` leaves beside interrupts' window and two more, the first below that one. */
static struct reach reach_around(unsigned bits, struct range low, struct range high)
{
	const struct range windows[] = { low, { 0xfee00000, MIB(1) }, high, { BIT64(bits), 0 } };
	struct reach reach = { .n = 0 };
	uint64_t at = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(windows); i++) {
		if (windows[i].base > at)
			reach.spans[reach.n++] = (struct range){ at, windows[i].base - at };
		at = MAX(at, windows[i].base + windows[i].size);
	}
	return reach;
}

static const struct range no_window;

static void layout_within_reach(void)
{
	struct range rmrr = { 0x7b800000, 0x4800000 };
	struct range ht = { 0xfd00000000, 0x300000000 };
	const struct {
		uint64_t mem, hugepage;
		struct reach reach;
		unsigned n_ram;
		struct range last;
		uint64_t mem64_base, mem64_end;
	} cases[] = {
		/* all that 39 bits reach: 3 GiB below 4, 508 above; no BAR is reachable then */
		{ GIB(511),
		  0,
		  reach_around(39, no_window, no_window),
		  2,
		  { GIB(4), GIB(508) },
		  TIB(1),
		  TIB(64) },
		{ GIB(8),
		  0,
		  reach_around(39, no_window, no_window),
		  2,
		  { GIB(4), GIB(5) },
		  GIB(9),
		  GIB(512) },
		{ GIB(2),
		  0,
		  reach_around(46, rmrr, no_window),
		  2,
		  { GIB(2), MIB(72) },
		  TIB(1),
		  TIB(64) },
		{ GIB(4),
		  0,
		  reach_around(46, rmrr, no_window),
		  3,
		  { GIB(4), GIB(1) + MIB(72) },
		  TIB(1),
		  TIB(64) },
		{ GIB(4),
		  GIB(1),
		  reach_around(46, rmrr, no_window),
		  3,
		  { GIB(4), GIB(2) },
		  TIB(1),
		  TIB(64) },
		/* what AMD reserves is kept free in any case */
		{ TIB(1),
		  0,
		  reach_around(46, no_window, ht),
		  3,
		  { TIB(1), GIB(13) },
		  TIB(1) + GIB(13),
		  TIB(64) },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct board_config config = { .mem_size = cases[i].mem,
					       .hugepage = cases[i].hugepage };
		struct layout l;

		CHECK_EQ(arch_layout(&config, 46, &cases[i].reach, &l), 0);
		CHECK_EQ(l.ram[0].base, 0);
		CHECK_EQ(l.n_ram, cases[i].n_ram);
		CHECK_EQ(l.ram[l.n_ram - 1].base, cases[i].last.base);
		CHECK_EQ(l.ram[l.n_ram - 1].size, cases[i].last.size);
		CHECK_EQ(l.pci.mem64.base, cases[i].mem64_base);
		CHECK_EQ(l.pci.mem64.base + l.pci.mem64.size, cases[i].mem64_end);
	}
}

/* For peer-to-peer the window of the BARs is reachable, however little that leaves. */
static void layout_p2p(void)
{
	struct board_config config = { .mem_size = GIB(500) };
	struct reach reach = reach_around(39, no_window, no_window);
	struct layout l;

	CHECK_EQ(arch_layout(&config, 46, &reach, &l), 0);
	CHECK(l.pci.mem64.base >= TIB(1));
	reach.windows = true;
	CHECK_EQ(arch_layout(&config, 46, &reach, &l), 0);
	CHECK_EQ(l.pci.mem64.base, GIB(501));
	CHECK_EQ(l.pci.mem64.size, GIB(11));
	/* An IOMMU of 32 bits: there is no such place, and no reason to have none. */
	reach = reach_around(32, no_window, no_window);
	reach.windows = true;
	config.mem_size = GIB(1);
	CHECK_EQ(arch_layout(&config, 46, &reach, &l), 0);
	CHECK_EQ(l.pci.mem64.base, TIB(1));
}

static void layout_out_of_reach(void)
{
	struct board_config config = { .mem_size = GIB(512) };
	struct reach reach = reach_around(39, no_window, no_window), none = { .n = 0 };
	struct range first = { 0x1000, 0x1000 }, low = { MIB(256), MIB(4) };
	struct layout l;

	CHECK_EQ(arch_layout(&config, 46, &reach, &l), -ERANGE);
	CHECK_EQ(error_status(), STATUS_HOST);
	CHECK_ERROR("reaches addresses below 0x8000000000 only; give at most 523264M");
	CHECK_EQ(arch_layout(&config, 39, &reach, &l), -ERANGE);
	CHECK_ERROR("39 bits of physical addresses; give at most 523264M");
	config.mem_size = GIB(2);
	reach = reach_around(46, first, no_window);
	CHECK_EQ(arch_layout(&config, 46, &reach, &l), -ERANGE);
	CHECK_ERROR("it reserves 0x1000-0x1fff, and the guest's RAM must begin at 0; see");
	reach = reach_around(46, low, no_window);
	CHECK_EQ(arch_layout(&config, 46, &reach, &l), 0);
	config.hugepage = GIB(1);
	CHECK_EQ(arch_layout(&config, 46, &reach, &l), -ERANGE);
	CHECK_ERROR("it reserves 0x10000000-0x103fffff, and the guest's RAM must begin at 0 with a "
		    "whole huge page (hugepages=2M)");
	CHECK_EQ(arch_layout(&config, 46, &none, &l), -ERANGE);
	CHECK_ERROR("the guest's RAM must begin at 0");
}

/* --- bzImage --- */

enum { SETUP = BZIMAGE_SETUP, PAYLOAD = 4096, BZIMAGE = SETUP + PAYLOAD };

static void make_bzimage(uint8_t image[BZIMAGE])
{
	memset(image, 0, SETUP);
	memset(image + SETUP, 0xcc, PAYLOAD);
	memset(image, 0x5a, 0x1f1); /* the boot sector: nothing of it may reach the guest */
	memset(image + 0x26c, 0x5a, SETUP - 0x26c);
	bzimage_header(image, PAYLOAD, MIB(16));
	image[0x200] = 0xeb;
	image[0x234] = 1;
}

static void bzimage_loads(void)
{
	static const struct boot_map_entry map[] = {
		{ 0, 0xa0000, 1 },
		{ 0xe0000, 0x20000, 3 },
		{ MIB(1), MIB(63), 1 },
		{ 0xfeb00000, MIB(1), 2 },
	};
	uint8_t image[BZIMAGE];
	const uint8_t *params;
	struct fixture f;

	CHECK(set_up(&f, 64));
	make_bzimage(image);
	CHECK_EQ(load(&f, image, sizeof(image)), 0);
	CHECK_EQ(f.board.boot.entry, MIB(16) + 0x200);
	CHECK(!f.board.boot.pvh);
	CHECK(!memcmp(ram(&f, MIB(16)), image + SETUP, PAYLOAD));
	CHECK_EQ(*ram(&f, MIB(16) + PAYLOAD), 0);

	params = ram(&f, f.board.boot.argument);
	for (unsigned i = 0; i < 0x1e8; i++)
		CHECK(params[i] != 0x5a);
	CHECK_EQ(params[0x1ef], 0); /* the sentinel */
	CHECK_EQ(params[0x210], 0xff);
	CHECK_EQ(load_le32(params + 0x202), 0x53726448);
	CHECK_EQ(params[0x26c], 0);
	CHECK_EQ(load_le64(params + 0x70), 0xe0000);
	CHECK_EQ(load_le32(params + 0x21c), 0);
	CHECK(!strcmp((const char *)ram(&f, load_le32(params + 0x228)), "console=ttyS0"));
	CHECK_EQ(params[0x1e8], ARRAY_SIZE(map));
	for (unsigned i = 0; i < ARRAY_SIZE(map); i++) {
		CHECK_EQ(load_le64(params + 0x2d0 + 20 * i), map[i].base);
		CHECK_EQ(load_le64(params + 0x2d0 + 20 * i + 8), map[i].size);
		CHECK_EQ(load_le32(params + 0x2d0 + 20 * i + 16), map[i].type);
	}
	tear_down(&f);
}

/* Of a Linux this text begins with its number; others speak the protocol too. CF8 is for those. */
static void bzimage_whose(void)
{
	static const struct {
		const char *version, *cmdline;
		enum pci_cf8 asked;
		bool is_linux, no_cf8;
	} cases[] = {
		{ "6.12.95-amd64 (a@b) #1 SMP", "quiet", PCI_CF8_AUTO, true, true },
		{ "7.3.0 (a@b) #1", "", PCI_CF8_AUTO, true, true },
		{ "10.1", "", PCI_CF8_AUTO, true, true },
		{ "7.3.0", "", PCI_CF8_ON, true, false },
		{ "7.3.0", "acpi=off", PCI_CF8_AUTO, true, false },
		{ "7.3.0", "pci=nommconf", PCI_CF8_AUTO, true, false },
		{ "7.3.0", "pci=nommconf", PCI_CF8_OFF, true, true },
		{ "Memtest86+ v6.10", "", PCI_CF8_AUTO, false, false },
		{ "v7.3", "", PCI_CF8_AUTO, false, false },
		{ "", "", PCI_CF8_AUTO, false, false },
		{ "", "", PCI_CF8_OFF, false, true },
		{ NULL, "", PCI_CF8_AUTO, false, false },
	};
	uint8_t image[BZIMAGE];
	struct fixture f;

	CHECK(set_up(&f, 64));
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		make_bzimage(image);
		if (cases[i].version)
			strcpy((char *)image + 0x300, cases[i].version);
		else
			store_le16(image + 0x20e, 0);
		f.config.cmdline = cases[i].cmdline;
		f.config.pci_cf8 = cases[i].asked;
		CHECK_EQ(load(&f, image, sizeof(image)), 0);
		CHECK_EQ(f.board.boot.linux_cmdline, cases[i].is_linux ? 2047 : 0);
		CHECK_EQ(f.board.layout.pci.no_cf8, cases[i].no_cf8);
	}
	/* The text past the file's end. */
	make_bzimage(image);
	store_le16(image + 0x20e, 0xffff);
	f.config.pci_cf8 = PCI_CF8_AUTO;
	CHECK_EQ(load(&f, image, sizeof(image)), 0);
	CHECK_EQ(f.board.boot.linux_cmdline, 0);
	tear_down(&f);
}

/* syssize counts paragraphs, rounded up: the file may end inside the last one, and no earlier. */
static void bzimage_last_paragraph(void)
{
	uint8_t image[BZIMAGE];
	struct fixture f;

	make_bzimage(image);
	for (unsigned missing = 0; missing <= 17; missing++) {
		CHECK(set_up(&f, 64));
		if (missing < 16) {
			CHECK_EQ(load(&f, image, BZIMAGE - missing), 0);
			CHECK_EQ(*ram(&f, MIB(16) + PAYLOAD - missing - 1), 0xcc);
			CHECK_EQ(*ram(&f, MIB(16) + PAYLOAD - missing), 0);
		} else {
			CHECK_EQ(load(&f, image, BZIMAGE - missing), -ENODATA);
			CHECK_ERROR("is truncated");
		}
		tear_down(&f);
	}
}

/* setup_sects 0 means 4; 1 and 255 mean themselves. And no more of the header than there is of boot_params. */
static void bzimage_setup_sects(void)
{
	static const struct {
		uint8_t field;
		unsigned sectors;
	} cases[] = { { 0, 5 }, { 1, 2 }, { 4, 5 }, { 255, 256 } };
	static uint8_t image[256 * 512 + PAYLOAD];
	struct fixture f;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned setup = cases[i].sectors * 512;

		CHECK(set_up(&f, 64));
		make_bzimage(image);
		memset(image + SETUP, 0x5a, sizeof(image) - SETUP);
		memset(image + setup, 0xcc, PAYLOAD);
		image[0x1f1] = cases[i].field;
		image[0x201] = 0xff; /* a header of some later protocol */
		CHECK_EQ(load(&f, image, setup + PAYLOAD - 1), 0);
		CHECK_EQ(*ram(&f, MIB(16)), 0xcc);
		CHECK_EQ(*ram(&f, MIB(16) + PAYLOAD - 2), 0xcc);
		CHECK_EQ(*ram(&f, MIB(16) + PAYLOAD - 1), 0);
		CHECK_EQ(*ram(&f, f.board.boot.argument + 0x28f), 0x5a);
		CHECK_EQ(*ram(&f, f.board.boot.argument + 0x290), 0);
		tear_down(&f);
	}
}

/* Walk the page tables as the processor will. */
static void bzimage_page_tables(void)
{
	static const uint64_t addresses[] = { 0, 0x7000, MIB(16), GIB(1) - 1, GIB(3), GIB(4) - 1 };
	uint8_t image[BZIMAGE];
	struct fixture f;

	CHECK(set_up(&f, 64));
	make_bzimage(image);
	CHECK_EQ(load(&f, image, sizeof(image)), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
		uint64_t a = addresses[i], e = LAYOUT_PAGE_TABLES | 3;

		for (unsigned shift = 39; shift >= 21; shift -= 9) {
			CHECK_EQ(e & 0x83, 3);
			e = load_le64(ram(&f, (e & ~0xfffull) + (a >> shift & 511) * 8));
		}
		CHECK_EQ(e & 0x83, 0x83);
		CHECK_EQ((e & ~0x1fffffull) | (a & 0x1fffff), a);
	}
	CHECK_EQ(load_le64(ram(&f, LAYOUT_GDT + 0x10)), 0x00af9b000000ffff);
	CHECK_EQ(load_le64(ram(&f, LAYOUT_GDT + 0x18)), 0x00cf93000000ffff);
	tear_down(&f);
}

/* One number changed in a good image, and what is to be said of it. */
struct damage {
	unsigned offset, len;
	uint64_t value;
	const char *says;
};

static void bzimage_refusals(void)
{
	static const struct damage damages[] = {
		{ 0x1fe, 2, 0, "not a kernel" },
		{ 0x202, 1, 0, "not a kernel" },
		{ 0x206, 2, 0x20b, "boot protocol 2.11" },
		{ 0x201, 1, 0x61, "is damaged" }, /* its init_size is no field of it */
		{ 0x201, 1, 0, "is damaged" },
		{ 0x1f4, 4, 0, "is damaged" },
		{ 0x1f4, 4, 0x20, "is damaged" }, /* all of it before the entry */
		{ 0x236, 2, 2, "32-bit x86 kernel" },
		{ 0x238, 4, 5, "--cmdline: has 13 bytes, this kernel takes 5" },
		{ 0x1f4, 4, 0xffffffff, "asks for memory" },
		{ 0x1f4, 4, PAYLOAD / 16 + 1, "truncated" },
		{ 0x1f4, 4, PAYLOAD / 16 + 2, "truncated" },
		{ 0x1f1, 1, 200, "truncated" },
		{ 0x260, 4, MIB(49), "needs RAM up to 65 MiB, the guest has 64" },
		{ 0x260, 4, 0xffffffff, "asks for memory" },
		{ 0x258, 8, MIB(63), "needs RAM up to 71 MiB" },
		{ 0x258, 8, 0x1000, "asks for memory" },
		{ 0x258, 8, UINT64_MAX - 4095, "asks for memory" },
		{ 0x258, 8, GIB(4), "asks for memory" },
	};
	struct fixture f;

	CHECK(set_up(&f, 64));
	for (unsigned i = 0; i < ARRAY_SIZE(damages); i++) {
		uint8_t image[BZIMAGE];

		make_bzimage(image);
		store_le(image + damages[i].offset, damages[i].len, damages[i].value);
		CHECK(load(&f, image, sizeof(image)) < 0);
		CHECK_EQ(error_status(), STATUS_IMAGE);
		CHECK(damages[i].offset == 0x238 || !strncmp(error_message(), "KERNEL: ", 8));
		CHECK_ERROR(damages[i].says);
	}
	tear_down(&f);
}

/* --- ELF by PVH --- */

enum { ELF_TEXT = 0x200, ELF_NOTE = 0x400, ELF_SIZE = 0x480 };

static void make_segment(uint8_t *ph, uint32_t type, uint64_t offset, uint64_t paddr, uint64_t size)
{
	store_le32(ph, type);
	store_le64(ph + 8, offset);
	store_le64(ph + 16, paddr + 0xffffffff80000000);
	store_le64(ph + 24, paddr);
	store_le64(ph + 32, size);
	store_le64(ph + 40, size * 2); /* as much again of zeroes */
}

static void make_elf(uint8_t image[ELF_SIZE])
{
	memset(image, 0, ELF_SIZE);
	memset(image + ELF_TEXT, 0xcc, 0x200);
	memcpy(image, "\177ELF\2\1\1", 7);
	store_le16(image + 16, 2);
	store_le16(image + 18, 62);
	store_le64(image + 24, 0xffffffff81000000); /* the 64-bit entry: not ours */
	store_le64(image + 32, 64);
	store_le16(image + 54, 56);
	store_le16(image + 56, 2);
	make_segment(image + 64, 1, ELF_TEXT, MIB(16), 0x200);
	make_segment(image + 64 + 56, 4, ELF_NOTE, MIB(16) + 0x1000, 60);
	/* a note of another kind first, with lengths that need padding */
	store_le32(image + ELF_NOTE, 6);
	store_le32(image + ELF_NOTE + 4, 1);
	store_le32(image + ELF_NOTE + 8, 18);
	memcpy(image + ELF_NOTE + 12, "Linux", 6);
	store_le32(image + ELF_NOTE + 24, 4);
	store_le32(image + ELF_NOTE + 28, 8);
	store_le32(image + ELF_NOTE + 32, 18);
	memcpy(image + ELF_NOTE + 36, "Xen", 4);
	store_le64(image + ELF_NOTE + 40, MIB(16) + 0x10);
}

static void pvh_loads(void)
{
	uint8_t image[ELF_SIZE];
	const uint8_t *info, *map;
	struct fixture f;

	CHECK(set_up(&f, 4096));
	make_elf(image);
	f.config.initrd_fd = make_file(TEXT("an initrd"));
	CHECK_EQ(load(&f, image, sizeof(image)), 0);
	CHECK(f.board.boot.pvh);
	CHECK_EQ(f.board.boot.entry, MIB(16) + 0x10);
	CHECK(!memcmp(ram(&f, MIB(16)), image + ELF_TEXT, 0x200));
	CHECK_EQ(*ram(&f, MIB(16) + 0x200), 0);

	info = ram(&f, f.board.boot.argument);
	CHECK_EQ(load_le32(info), 0x336ec578);
	CHECK_EQ(load_le32(info + 4), 1);
	CHECK_EQ(load_le32(info + 12), 1);
	CHECK_EQ(load_le64(ram(&f, load_le64(info + 16))), f.board.boot.initrd.base);
	CHECK_EQ(load_le64(ram(&f, load_le64(info + 16)) + 8), 9);
	CHECK(!strcmp((const char *)ram(&f, load_le64(info + 24)), "console=ttyS0"));
	CHECK_EQ(load_le64(info + 32), 0xe0000);
	CHECK_EQ(load_le32(info + 48), 5);
	map = ram(&f, load_le64(info + 40));
	CHECK_EQ(load_le64(map + 2 * 24), MIB(1));
	CHECK_EQ(load_le64(map + 2 * 24 + 8), GIB(3) - MIB(1));
	CHECK_EQ(load_le64(map + 4 * 24), GIB(4));
	CHECK_EQ(load_le64(map + 4 * 24 + 8), GIB(1));
	CHECK_EQ(load_le32(map + 4 * 24 + 16), 1);
	tear_down(&f);
}

/* Padding: to 8 bytes in a segment that is aligned to 8; that of the last note may be missing. */
static void pvh_notes_padded(void)
{
	uint8_t image[ELF_SIZE];
	struct fixture f;

	CHECK(set_up(&f, 64));
	make_elf(image);
	memset(image + ELF_NOTE, 0, 0x80);
	store_le64(image + 64 + 56 + 48, 8); /* p_align */
	store_le32(image + ELF_NOTE, 4);
	store_le32(image + ELF_NOTE + 4, 12);
	memcpy(image + ELF_NOTE + 12, "GNU", 4);
	store_le32(image + ELF_NOTE + 32, 4); /* 28, rounded to 8 */
	store_le32(image + ELF_NOTE + 36, 4);
	store_le32(image + ELF_NOTE + 40, 18);
	memcpy(image + ELF_NOTE + 44, "Xen", 4);
	store_le32(image + ELF_NOTE + 48, MIB(16) + 0x20);
	store_le64(image + 64 + 56 + 32, 52); /* p_filesz: without the last one's padding */
	CHECK_EQ(load(&f, image, sizeof(image)), 0);
	CHECK_EQ(f.board.boot.entry, MIB(16) + 0x20);
	tear_down(&f);
}

static void pvh_refusals(void)
{
	static const struct damage damages[] = {
		{ 4, 1, 1, "64-bit ELF file for x86_64" }, /* 32-bit class, 64-bit machine */
		{ 5, 1, 2, "ELF file for" },
		{ 18, 2, 183, "64-bit ELF file for aarch64" },
		{ 18, 2, 243, "64-bit ELF file for RISC-V" },
		{ 18, 2, 9999, "ELF file for machine 9999" },
		{ 56, 2, 0, "0 program headers" },
		{ 56, 2, 65, "65 program headers" },
		{ 56, 2, 1, "without a PVH entry" },
		{ 54, 2, 32, "no kernel" },
		{ 32, 8, ELF_SIZE - 60, "truncated" },
		{ 32, 8, UINT64_MAX - 8, "truncated" },
		{ 64 + 8, 8, ELF_SIZE, "truncated" },
		{ 64 + 8, 8, UINT64_MAX - 0x100, "truncated" },
		{ 64 + 24, 8, 0x1000, "asks for memory" },
		{ 64 + 24, 8, MIB(64), "needs RAM up to 65 MiB" },
		{ 64 + 24, 8, UINT64_MAX - 0x200, "ends beyond" },
		{ 64 + 32, 8, 0x401, "is damaged" },
		{ 64 + 40, 8, GIB(1), "needs RAM up to 1040 MiB" },
		{ 64 + 56 + 8, 8, ELF_SIZE - 8, "truncated" },
		{ ELF_NOTE + 24, 4, 0xffffffff, "without a PVH entry" },
		{ ELF_NOTE + 28, 4, 0xffffffff, "without a PVH entry" },
		{ ELF_NOTE + 28, 4, 2, "without a PVH entry" },
		{ ELF_NOTE + 36, 1, 'x', "without a PVH entry" },
		{ ELF_NOTE + 40, 8, 0x1000, "PVH entry 0x1000" },
		{ ELF_NOTE + 40, 8, MIB(17), "lies in no segment" },
	};
	struct fixture f;

	CHECK(set_up(&f, 64));
	for (unsigned i = 0; i < ARRAY_SIZE(damages); i++) {
		uint8_t image[ELF_SIZE];

		make_elf(image);
		store_le(image + damages[i].offset, damages[i].len, damages[i].value);
		if (i == 0) { /* a real 32-bit kernel has its own machine */
			store_le16(image + 18, 3);
			CHECK(load(&f, image, sizeof(image)) < 0);
			CHECK_ERROR("32-bit ELF file for 32-bit x86");
			continue;
		}
		CHECK(load(&f, image, sizeof(image)) < 0);
		CHECK_EQ(error_status(), STATUS_IMAGE);
		CHECK(!strncmp(error_message(), "KERNEL: ", 8));
		CHECK_ERROR(damages[i].says);
	}
	tear_down(&f);
}

/* --- words of the command line --- */

static void cmdline_words(void)
{
	static const struct {
		const char *text, *word;
		bool acpi_off;
	} cases[] = {
		{ "", "", false },
		{ "console=ttyS0", "", false },
		{ "noapic", "noapic", false },
		{ " \t noapic=1 quiet", "noapic", false },
		{ "quiet nolapic", "nolapic", false },
		{ "disableapic", "disableapic", false },
		{ "nolapic-timer", "nolapic_timer", false },
		{ "noapictimer", "noapictimer", false },
		{ "\"noapic\"", "noapic", false },
		{ "noapi noapics xnoapic NOAPIC no_apic", "", false },
		{ "init=noapic thru.cmd=\"a noapic b\" x", "", false },
		{ "\"a=b noapic\"", "", false },
		{ "quiet -- noapic acpi=off", "", false },
		{ "--=1 noapic", "noapic", false },
		{ "acpi=off", "", true },
		{ "acpi=\"off\"", "", true },
		{ "\"acpi=off\"", "", true },
		{ "acpi=off acpi=force", "", false },
		{ "acpi=force acpi=off", "", true },
		{ "acpi=offline acpi =off xacpi=off", "", false },
		{ "nolapic acpi=off", "nolapic", true },
		{ "pci=off acpi=strict", "", false },
		{ "nosmp", "nosmp", false },
		{ "maxcpus=0", "maxcpus=0", false },
		{ "maxcpus=1 maxcpus", "", false },
		{ "acpi=noirq", "acpi=noirq", false },
		{ "acpi=noirqx acpi=strict", "", false },
		{ "pci=noacpi", "pci=noacpi", false },
		{ "pci=nomsi,noacpi", "pci=noacpi", false },
		{ "pci=noacpi,nomsi", "pci=noacpi", false },
		{ "pci=noacpix,xnoacpi,, pci=", "", false },
		{ "pci", "", false },
		{ "=off \"", "", false },
	};
	static const struct {
		const char *text;
		bool none;
	} ecam[] = { { "pci=nommconf", true },
		     { "quiet pci=noaer,conf1", true },
		     { "pci=conf2,noaer", true },
		     { "\"pci=nommconf\"", true },
		     { "pci=noaer,", false },
		     { "pci", false },
		     { "pci=", false },
		     { "pci=nommconf2,xconf1,conf", false },
		     { "xpci=nommconf", false },
		     { "quiet -- pci=nommconf", false },
		     { "pci=nommconf pci=a", true } };
	struct cmdline_words words;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *word;

		cmdline_read(cases[i].text, &words);
		word = words.no_interrupts ? words.no_interrupts : "";
		if (strcmp(word, cases[i].word) || words.acpi_off != cases[i].acpi_off)
			printf("# \"%s\": \"%s\", %d\n", cases[i].text, word, words.acpi_off);
		CHECK(!strcmp(word, cases[i].word));
		CHECK_EQ(words.acpi_off, cases[i].acpi_off);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(ecam); i++) {
		cmdline_read(ecam[i].text, &words);
		if (words.no_ecam != ecam[i].none)
			printf("# \"%s\": %d\n", ecam[i].text, words.no_ecam);
		CHECK_EQ(words.no_ecam, ecam[i].none);
	}
	CHECK_EQ(cmdline_check("quiet noapic"), -EINVAL);
	CHECK_EQ(error_status(), STATUS_USAGE);
	CHECK_ERROR("--cmdline: noapic: this machine is described by ACPI");
	CHECK_EQ(cmdline_check("quiet"), 0);
}

/* --- files that are no kernels, initrds, command lines --- */

static void files_refused(void)
{
	uint8_t arm64[128] = "MZ", zimage[128] = { 0 };
	const struct {
		const void *bytes;
		size_t len;
		const char *says;
	} files[] = {
		{ "", 0, "is empty" },
		{ TEXT("\n"), "is not a kernel" },
		{ TEXT("hello, world\n"), "is not a kernel" },
		{ TEXT("\177ELF"), "truncated" },
		{ TEXT("\x1f\x8b\x08 and more"), "gunzip" },
		{ TEXT("\xfd\x37zXZ\0 and more"), "unxz" },
		{ TEXT("\x28\xb5\x2f\xfd and more"), "unzstd" },
		{ TEXT("#!/bin/sh\n"), "a script" },
		{ TEXT("070701 and more"), "cpio archive" },
		{ arm64, sizeof(arm64), "aarch64 kernel" },
		{ zimage, sizeof(zimage), "32-bit Arm" },
	};
	struct fixture f;

	memcpy(arm64 + 56, "ARM\x64", 4);
	store_le32(zimage + 36, 0x016f2818);
	CHECK(set_up(&f, 64));
	CHECK(arch_boot_load(&f.board) < 0);
	CHECK_ERROR("KERNEL: cannot be read");
	for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
		CHECK(load(&f, files[i].bytes, files[i].len) < 0);
		CHECK_EQ(error_status(), STATUS_IMAGE);
		CHECK(!strncmp(error_message(), "KERNEL: ", 8));
		CHECK(!strchr(error_message(), '\n'));
		CHECK_ERROR(files[i].says);
	}
	close(f.config.kernel_fd);
	f.config.kernel_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(arch_boot_load(&f.board) < 0);
	CHECK_ERROR("is a directory");
	tear_down(&f);
}

/* Every prefix of a good file is refused as one line, never read past its end. */
static void files_cut_short(void)
{
	uint8_t image[BZIMAGE];
	struct fixture f;

	CHECK(set_up(&f, 64));
	make_elf(image);
	for (size_t len = 0; len < ELF_NOTE + 60; len += 13) {
		CHECK(load(&f, image, len) < 0);
		CHECK_EQ(error_status(), STATUS_IMAGE);
		error_clear();
	}
	make_bzimage(image);
	for (size_t len = 0; len <= BZIMAGE - 16; len += 13) {
		CHECK(load(&f, image, len) < 0);
		CHECK_EQ(error_status(), STATUS_IMAGE);
		error_clear();
	}
	tear_down(&f);
}

/* Bytes changed at random, always in the same way: any answer will do but a crash. */
static void files_hostile(void)
{
	uint64_t state = 88172645463325252;
	uint8_t image[BZIMAGE];
	struct fixture f;

	CHECK(set_up(&f, 64));
	for (unsigned i = 0; i < 6000; i++) {
		size_t len = i % 2 ? ELF_SIZE : BZIMAGE;
		size_t from = i % 2 ? 0 : 0x1f1, span = i % 2 ? 0x440 : 0x80;

		if (i % 2)
			make_elf(image);
		else
			make_bzimage(image);
		for (unsigned j = 0; j < 1 + i % 4; j++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			image[from + (state >> 8) % span] = (uint8_t)state;
		}
		if (load(&f, image, len))
			CHECK_EQ(error_status(), STATUS_IMAGE);
		error_clear();
	}
	tear_down(&f);
}

static void initrd_placed(void)
{
	static const struct {
		uint64_t mib;
		uint16_t xloadflags;
		uint32_t max; /* initrd_addr_max */
		uint64_t end;
	} cases[] = {
		{ 64, 3, 0x7fffffff, MIB(64) },
		{ 3072, 3, 0x7fffffff, GIB(3) },
		{ 3072, 1, 0x7fffffff, GIB(2) }, /* of an older kernel */
		{ 3072, 1, 0x37ffffff, 0x38000000 },
		{ 3072, 1, 0x37fff387, 0x38000000 }, /* the last byte that it may have */
		{ 3072, 1, 0x37fff386, 0x37fff000 },
		{ 3072, 1, 0xffffffff, GIB(3) },
		{ 64, 3, 0, MIB(64) },
		{ 4096, 3, 0x7fffffff, GIB(3) },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t image[BZIMAGE];
		const uint8_t *params;
		struct fixture f;

		CHECK(set_up(&f, cases[i].mib));
		make_bzimage(image);
		store_le16(image + 0x236, cases[i].xloadflags);
		store_le32(image + 0x22c, cases[i].max);
		f.config.initrd_fd = make_file(image, 5000);
		CHECK_EQ(load(&f, image, sizeof(image)), 0);
		CHECK_EQ(f.board.boot.initrd.base, cases[i].end - 8192);
		CHECK_EQ(f.board.boot.initrd.size, 5000);
		CHECK(!memcmp(ram(&f, cases[i].end - 8192), image, 5000));
		params = ram(&f, f.board.boot.argument);
		CHECK_EQ(load_le32(params + 0x218), cases[i].end - 8192);
		CHECK_EQ(load_le32(params + 0x21c), 5000);
		CHECK_EQ(load_le64(params + 0xc0), 0);
		tear_down(&f);
	}
}

/* A window at 256 MiB: the map tells it, and the initrd keeps out of it. */
static void bzimage_around_window(void)
{
	static const struct boot_map_entry map[] = {
		{ 0, 0xa0000, 1 },        { 0xe0000, 0x20000, 3 },   { MIB(1), MIB(255), 1 },
		{ MIB(260), MIB(44), 1 }, { 0xfeb00000, MIB(1), 2 },
	};
	struct reach reach = reach_around(46, (struct range){ MIB(256) + 4096, MIB(3) }, no_window);
	uint8_t image[BZIMAGE];
	const uint8_t *params;
	struct fixture f;

	CHECK(set_up_within(&f, 300, &reach));
	CHECK(!memory_at(&f.board.memory, MIB(256), 1));
	make_bzimage(image);
	f.config.initrd_fd = make_file(image, 5000);
	CHECK_EQ(load(&f, image, sizeof(image)), 0);
	CHECK_EQ(f.board.boot.initrd.base, MIB(304) - 8192);
	params = ram(&f, f.board.boot.argument);
	CHECK_EQ(params[0x1e8], ARRAY_SIZE(map));
	for (unsigned i = 0; i < ARRAY_SIZE(map); i++) {
		CHECK_EQ(load_le64(params + 0x2d0 + 20 * i), map[i].base);
		CHECK_EQ(load_le64(params + 0x2d0 + 20 * i + 8), map[i].size);
		CHECK_EQ(load_le32(params + 0x2d0 + 20 * i + 16), map[i].type);
	}
	/* Too large for the upper part, not for the lower one, and then for neither. */
	CHECK_EQ(ftruncate(f.config.initrd_fd, MIB(200)), 0);
	CHECK_EQ(load(&f, image, sizeof(image)), 0);
	CHECK_EQ(f.board.boot.initrd.base, MIB(56));
	CHECK_EQ(ftruncate(f.config.initrd_fd, MIB(240)), 0);
	CHECK(load(&f, image, sizeof(image)) < 0);
	CHECK_EQ(error_status(), STATUS_IMAGE);
	CHECK_ERROR(
		"the largest room between what the IOMMU of the devices reserves has 243269632");
	tear_down(&f);
}

static void kernel_in_window(void)
{
	struct reach reach = reach_around(46, (struct range){ MIB(18), MIB(2) }, no_window);
	uint8_t image[BZIMAGE];
	struct fixture f;

	CHECK(set_up_within(&f, 300, &reach));
	make_bzimage(image);
	CHECK(load(&f, image, sizeof(image)) < 0);
	CHECK_EQ(error_status(), STATUS_IMAGE);
	CHECK_ERROR(
		"needs RAM from 0x1000000 to 0x1800000, and the IOMMU of the devices reserves a "
		"part of it");
	tear_down(&f);
}

static void initrd_refused(void)
{
	uint8_t image[BZIMAGE];
	struct fixture f;

	CHECK(set_up(&f, 32));
	make_bzimage(image);
	f.config.initrd_fd = make_file(NULL, 0);
	CHECK(load(&f, image, sizeof(image)) < 0);
	CHECK_ERROR("INITRD: is empty");
	CHECK_EQ(ftruncate(f.config.initrd_fd, MIB(8) + 1), 0);
	CHECK(load(&f, image, sizeof(image)) < 0);
	CHECK_EQ(error_status(), STATUS_IMAGE);
	CHECK(strstr(error_message(), "at least 33M with --mem"));
	CHECK_ERROR("INITRD: the initrd has 8388609 bytes, beside the kernel there is room for "
		    "8388608");
	CHECK_EQ(ftruncate(f.config.initrd_fd, (off_t)GIB(3)), 0);
	CHECK(load(&f, image, sizeof(image)) < 0);
	CHECK_ERROR("whatever the RAM");
	CHECK_EQ(ftruncate(f.config.initrd_fd, MIB(8)), 0);
	CHECK_EQ(load(&f, image, sizeof(image)), 0);
	/* A kernel that wants it below itself, or nowhere. */
	store_le16(image + 0x236, 1);
	for (unsigned i = 0; i < 2; i++) {
		store_le32(image + 0x22c, i ? (uint32_t)MIB(5) : 0);
		CHECK(load(&f, image, sizeof(image)) < 0);
		CHECK_ERROR("has 8388608 bytes, this kernel takes at most 0 whatever the RAM");
	}
	tear_down(&f);
}

static void cmdline_limits(void)
{
	static char text[5000];
	uint8_t image[BZIMAGE];
	struct fixture f;

	CHECK(set_up(&f, 64));
	memset(text, 'x', sizeof(text) - 1);
	text[2047] = '\0';
	f.config.cmdline = text;
	make_bzimage(image);
	CHECK_EQ(load(&f, image, sizeof(image)), 0);
	text[2047] = 'x';
	CHECK(load(&f, image, sizeof(image)) < 0);
	CHECK_EQ(error_status(), STATUS_IMAGE);
	CHECK_ERROR("this kernel takes 2047");
	store_le32(image + 0x238, 0xffffffff);
	CHECK(load(&f, image, sizeof(image)) < 0);
	CHECK_ERROR("this kernel takes 4095");
	make_elf(image);
	CHECK(load(&f, image, ELF_SIZE) < 0);
	CHECK_ERROR("this kernel takes 2047");
	tear_down(&f);
}

/* A Linux kernel is told its TSC's frequency, and nobody else anything; the operator's words stay whole. */
static void cmdline_frequency(void)
{
	static char text[2048];
	uint8_t image[BZIMAGE];
	struct fixture f;
	const char *line;

	CHECK(set_up(&f, 64));
	line = (const char *)ram(&f, 0x20000);
	make_bzimage(image);
	CHECK_EQ(load(&f, image, sizeof(image)), 0);
	CHECK(!strcmp(line, "console=ttyS0"));
	boot_tell_tsc(&f.board, 0);
	CHECK(!strcmp(line, "console=ttyS0"));
	boot_tell_tsc(&f.board, 2499998);
	CHECK(!strcmp(line, "tsc_early_khz=2499998 console=ttyS0"));

	memset(text, 'x', 2047 - 22); /* the longest that leaves room for it */
	f.config.cmdline = text;
	CHECK_EQ(load(&f, image, sizeof(image)), 0);
	boot_tell_tsc(&f.board, 2499998);
	CHECK_EQ(strlen(line), 2047);
	text[2047 - 22] = 'x';
	CHECK_EQ(load(&f, image, sizeof(image)), 0);
	boot_tell_tsc(&f.board, 2499998);
	CHECK(!strcmp(line, text));

	f.config.cmdline = "args";
	make_elf(image);
	CHECK_EQ(load(&f, image, ELF_SIZE), 0);
	boot_tell_tsc(&f.board, 1000);
	CHECK(!strcmp(line, "tsc_early_khz=1000 args"));
	memcpy(image + ELF_NOTE + 12, "Other", 6);
	CHECK_EQ(load(&f, image, ELF_SIZE), 0);
	boot_tell_tsc(&f.board, 1000);
	CHECK(!strcmp(line, "args"));
	tear_down(&f);
}

/* The smallest guest there is has RAM, and room for no kernel. */
static void one_mib(void)
{
	uint8_t image[BZIMAGE];
	struct fixture f;

	CHECK(set_up(&f, 1));
	make_bzimage(image);
	CHECK(load(&f, image, sizeof(image)) < 0);
	CHECK_ERROR("needs RAM up to 24 MiB, the guest has 1");
	CHECK_EQ(arch_fw_write(&f.board), 0);
	tear_down(&f);
}

/* --- ACPI --- */

static bool sums_to_zero(const uint8_t *bytes, size_t len)
{
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *bytes++);
	return sum == 0;
}

/* The table at an address, checked: in RAM, its checksum right, its signature as asked for. */
static const uint8_t *table_at(const struct fixture *f, gpa_t gpa, const char *signature)
{
	const uint8_t *table = memory_at(&f->board.memory, gpa, 36);
	uint32_t len = table ? load_le32(table + 4) : 0;

	if (!table || gpa < LAYOUT_ACPI_BASE || gpa + len > MIB(1) || len < 36 ||
	    !sums_to_zero(table, len) || memcmp(table, signature, 4))
		return NULL;
	return table;
}

static const uint8_t *xsdt_entry(const struct fixture *f, unsigned i, const char *signature)
{
	const uint8_t *rsdp = ram(f, f->board.boot.rsdp);
	const uint8_t *xsdt = table_at(f, load_le64(rsdp + 24), "XSDT");

	if (!xsdt || load_le32(xsdt + 4) < 36 + 8 * (i + 1))
		return NULL;
	return table_at(f, load_le64(xsdt + 36 + 8 * i), signature);
}

static void acpi_pointers(void)
{
	const uint8_t *rsdp, *fadt;
	struct fixture f;

	CHECK(set_up(&f, 64));
	CHECK_EQ(arch_fw_write(&f.board), 0);
	CHECK_EQ(f.board.boot.rsdp, 0xe0000);
	rsdp = ram(&f, f.board.boot.rsdp);
	CHECK(!memcmp(rsdp, "RSD PTR ", 8));
	CHECK(sums_to_zero(rsdp, 20));
	CHECK(sums_to_zero(rsdp, 36));
	fadt = xsdt_entry(&f, 0, "FACP");
	CHECK(fadt);
	CHECK(xsdt_entry(&f, 1, "APIC"));
	CHECK(xsdt_entry(&f, 2, "MCFG"));
	CHECK(!xsdt_entry(&f, 3, ""));
	CHECK(table_at(&f, load_le64(fadt + 140), "DSDT"));
	tear_down(&f);
}

static void acpi_contents(void)
{
	const uint8_t *fadt, *madt, *mcfg;
	struct fixture f;

	CHECK(set_up(&f, 64));
	f.config.cpus = 255;
	CHECK_EQ(arch_fw_write(&f.board), 0);
	fadt = xsdt_entry(&f, 0, "FACP");
	CHECK_EQ(load_le32(fadt + 4), 276);
	CHECK_EQ(load_le16(fadt + 109), 0x34); /* no VGA, ASPM, RTC, 8042 */
	CHECK_EQ(load_le32(fadt + 112) & (1 << 20 | 1 << 10), 1 << 20 | 1 << 10);
	CHECK_EQ(load_le64(fadt + 116 + 4), LAYOUT_POWER_PORT + POWER_RESET);
	CHECK_EQ(fadt[128], POWER_RESET_VALUE);
	CHECK_EQ(load_le64(fadt + 244 + 4), LAYOUT_POWER_PORT + POWER_SLEEP_CONTROL);
	CHECK_EQ(load_le64(fadt + 256 + 4), LAYOUT_POWER_PORT + POWER_SLEEP_STATUS);

	madt = xsdt_entry(&f, 1, "APIC");
	CHECK_EQ(load_le32(madt + 4), 44 + 255 * 8 + 12);
	CHECK_EQ(load_le32(madt + 36), 0xfee00000);
	CHECK_EQ(load_le32(madt + 40), 0);
	CHECK_EQ(madt[44 + 254 * 8 + 3], 254);

	mcfg = xsdt_entry(&f, 2, "MCFG");
	CHECK_EQ(load_le64(mcfg + 44), 0xfeb00000);
	CHECK_EQ(mcfg[44 + 11], 0); /* last bus */
	tear_down(&f);
}

static bool save(const char *dir, const char *name, const uint8_t *table)
{
	char path[200];
	FILE *file;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "we");
	if (!file)
		return false;
	ok = fwrite(table, load_le32(table + 4), 1, file) == 1;
	return !fclose(file) && ok;
}

/*
 * ACPICA's own opinion: every table is disassembled and compiled again, and the second pass must
 * neither warn nor remark. The files stay where they are when that is not so.
 */
static void acpi_by_iasl(void)
{
	static const char script[] =
		"cd %s || exit 1; for t in *.dat; do"
		" iasl -d $t >$t.d 2>&1 || exit 1;"
		" ! grep -Ei 'warning|error|invalid|unknown|bad|fail' $t.d || exit 1;"
		" iasl ${t%%.dat}.dsl >$t.c 2>&1 &&"
		" grep -q ' 0 Errors, 0 Warnings, 0 Remarks' $t.c || { cat $t.c; exit 1; };"
		" done; rm -r %s";
	char dir[] = "/tmp/unit-acpi-XXXXXX", command[1000];
	struct fixture f;
	const uint8_t *fadt;

	if (system("command -v iasl >/dev/null 2>&1"))
		SKIP("no iasl here; install acpica-tools");
	CHECK(mkdtemp(dir));
	CHECK(set_up(&f, 8192));
	CHECK_EQ(arch_fw_write(&f.board), 0);
	fadt = xsdt_entry(&f, 0, "FACP");
	CHECK(save(dir, "facp.dat", fadt));
	CHECK(save(dir, "apic.dat", xsdt_entry(&f, 1, "APIC")));
	CHECK(save(dir, "mcfg.dat", xsdt_entry(&f, 2, "MCFG")));
	CHECK(save(dir, "dsdt.dat", table_at(&f, load_le64(fadt + 140), "DSDT")));
	tear_down(&f);
	snprintf(command, sizeof(command), script, dir, dir);
	CHECK_EQ(system(command), 0);
}

static const struct test tests[] = {
	TEST(layout_sizes),        TEST(layout_disjoint),
	TEST(layout_refusals),     TEST(bzimage_loads),
	TEST(bzimage_whose),       TEST(bzimage_last_paragraph),
	TEST(bzimage_setup_sects), TEST(bzimage_page_tables),
	TEST(bzimage_refusals),    TEST(cmdline_words),
	TEST(pvh_loads),           TEST(pvh_notes_padded),
	TEST(pvh_refusals),        TEST(files_refused),
	TEST(files_cut_short),     TEST(files_hostile),
	TEST(initrd_placed),       TEST(bzimage_around_window),
	TEST(kernel_in_window),    TEST(layout_within_reach),
	TEST(layout_p2p),          TEST(layout_out_of_reach),
	TEST(initrd_refused),      TEST(cmdline_limits),
	TEST(cmdline_frequency),   TEST(one_mib),
	TEST(acpi_pointers),       TEST(acpi_contents),
	TEST(acpi_by_iasl),
};
TEST_MAIN(tests)
