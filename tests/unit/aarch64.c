/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arch/aarch64 without KVM: layouts, device trees (judged by dtc, if it is installed), loaders fed
 * with made-up images. Runs on any host.
 */
#include "test.h"

#include <arch/arch.h>
#include <arch/aarch64/board.h>
#include <arch/aarch64/fw.h>
#include <arch/aarch64/layout.h>
#include <base/bytes.h>
#include <base/fd.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <libfdt.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#if HAVE_ZSTD
#include <zstd.h>
#endif

static const struct range doorbell = { LAYOUT_DOORBELL, LAYOUT_DOORBELL_SIZE };

/* A board with RAM and no KVM. */
struct fixture {
	struct board_config config;
	struct arch_board arch;
	struct board board;
};

static const struct reach *within; /* what devices reach; NULL: no device */

static int fixture_init(struct fixture *f, unsigned cpus, uint64_t mem)
{
	int r;

	*f = (struct fixture){
		.config = { .cpus = cpus,
			    .mem_size = mem,
			    .kernel_path = "kernel",
			    .initrd_path = "initrd",
			    .cmdline = "console=ttyS0 quiet",
			    .kernel_fd = -1,
			    .initrd_fd = -1 },
		.arch = { .gic_version = 3, .its = true, .pmu = true },
	};
	f->board = (struct board){ .config = &f->config, .vm_fd = -1, .arch = &f->arch };
	r = arch_layout(&f->config, 0, within, &f->board.layout);
	if (r)
		return r;
	return memory_init(&f->board.memory, -1, f->board.layout.ram, f->board.layout.n_ram);
}

static void fixture_deinit(struct fixture *f)
{
	memory_deinit(&f->board.memory);
	fd_close(&f->config.kernel_fd);
	fd_close(&f->config.initrd_fd);
}

/* --- layout --- */

static bool disjoint(const struct layout *l)
{
	const struct range all[] = {
		doorbell,
		l->ram[0],
		l->pci.ecam,
		l->pci.mem32,
		l->pci.mem64,
		{ l->pci.io_mmio, l->pci.io.size },
		{ LAYOUT_SERIAL, 0x10000 },
		{ LAYOUT_RTC, 0x10000 },
		{ LAYOUT_GICD, LAYOUT_GICD_SIZE },
		{ LAYOUT_GICV2_CPU, 0x10000 },
		{ LAYOUT_GICV2M, 0x10000 },
		{ LAYOUT_ITS, LAYOUT_ITS_SIZE },
		{ LAYOUT_GICR, ARCH_CPUS_MAX * LAYOUT_GICR_SIZE },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		for (unsigned j = 0; j < i; j++)
			if (range_overlaps(all[i], all[j]))
				return false;
	return true;
}

static void layouts_do_not_overlap(void)
{
	static const uint64_t sizes[] = { MIB(1),  MIB(128),          GIB(1),  GIB(3),
					  GIB(64), GIB(513) + MIB(1), TIB(200) };
	struct layout l;

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct board_config config = { .cpus = 1, .mem_size = sizes[i] };

		CHECK_EQ(arch_layout(&config, 0, NULL, &l), 0);
		CHECK(disjoint(&l));
		CHECK_EQ(l.ram[0].base, GIB(1));
		CHECK_EQ(l.ram[0].size, sizes[i]);
		CHECK(l.pci.mem64.base >= GIB(4));
		CHECK(is_power_of_two(l.pci.mem64.size));
		CHECK(is_aligned(l.pci.mem64.base, l.pci.mem64.size));
		CHECK(l.pci.mem64.base + l.pci.mem64.size <= BIT64(48));
		CHECK(l.pci.mem32.base + l.pci.mem32.size <= GIB(4));
	}
}

static void layout_keeps_within_address_bits(void)
{
	struct board_config config = { .cpus = 1, .mem_size = GIB(1) };
	struct layout l;

	CHECK_EQ(arch_layout(&config, 36, NULL, &l), 0);
	CHECK(l.pci.mem64.base + l.pci.mem64.size <= BIT64(36));
	CHECK_EQ(layout_address_bits(&l), 36);
	/* What is asked of KVM is what the layout needs, whatever more the host could. */
	CHECK_EQ(arch_layout(&config, 0, NULL, &l), 0);
	CHECK_EQ(layout_address_bits(&l), 41);
	CHECK(arch_layout(&config, 32, NULL, &l) < 0);
	CHECK_EQ(error_status(), STATUS_HOST);
	CHECK_ERROR("32 bits");
	config.mem_size = GIB(1020);
	CHECK(arch_layout(&config, 40, NULL, &l) < 0);
	CHECK_ERROR("40 bits");
	config.mem_size = UINT64_MAX - MIB(1) + 1;
	CHECK(arch_layout(&config, 0, NULL, &l) < 0);
	CHECK_ERROR("--mem");
}

/* 39 bits, less the doorbell's window, with a window at 1 GiB and one at its fourth quarter. */
static const struct reach narrow = {
	.spans = { { 0, 0x8000000 },
		   { 0x8100000, GIB(1) - 0x8100000 },
		   { GIB(1) + MIB(3), MIB(765) },
		   { GIB(1) + MIB(769), GIB(511) - MIB(769) } },
	.n = 4,
};

static void layout_within_reach(void)
{
	struct board_config config = { .cpus = 1, .mem_size = GIB(2) };
	struct reach p2p = narrow;
	struct layout l;

	CHECK_EQ(arch_layout(&config, 0, &narrow, &l), 0);
	CHECK_EQ(l.n_ram, 2);
	CHECK_EQ(l.ram[0].base, GIB(1) + MIB(4));
	CHECK_EQ(l.ram[0].size, MIB(764));
	CHECK_EQ(l.ram[1].base, GIB(1) + MIB(770));
	CHECK_EQ(l.ram[1].size, GIB(2) - MIB(764));
	CHECK_EQ(l.pci.mem64.base, GIB(256));
	CHECK_EQ(l.pci.mem64.size, GIB(256));
	/* As wide as the processors allow, but for peer-to-peer. */
	config.mem_size = GIB(300);
	CHECK_EQ(arch_layout(&config, 0, &narrow, &l), 0);
	CHECK_EQ(l.pci.mem64.base, TIB(1));
	p2p.windows = true;
	CHECK_EQ(arch_layout(&config, 0, &p2p, &l), 0);
	CHECK_EQ(l.pci.mem64.base, GIB(384));
	CHECK_EQ(l.pci.mem64.size, GIB(128));
	config.mem_size = GIB(511);
	CHECK_EQ(arch_layout(&config, 0, &narrow, &l), -ERANGE);
	CHECK_ERROR("reaches addresses below 0x8000000000 only; give at most 523258M");
	config.mem_size = GIB(1);
	config.hugepage = GIB(1);
	CHECK_EQ(arch_layout(&config, 0, &narrow, &l), 0);
	CHECK_EQ(l.ram[0].base, GIB(2));
}

static void layout_limits_cpus(void)
{
	struct board_config config = { .cpus = ARCH_CPUS_MAX + 1, .mem_size = GIB(1) };
	struct layout l;

	CHECK(arch_layout(&config, 0, NULL, &l) < 0);
	CHECK_EQ(error_status(), STATUS_USAGE);
	CHECK_ERROR("1024");
}

static void cpus_are_numbered_as_kvm_does(void)
{
	CHECK_EQ(cpu_mpidr(0), 0);
	CHECK_EQ(cpu_mpidr(15), 15);
	CHECK_EQ(cpu_mpidr(16), 0x100);
	CHECK_EQ(cpu_mpidr(511), 0x1f0f);
	CHECK_EQ(cpu_mpidr(4096), 0x10000);
}

/* --- device tree --- */

static uint8_t tree[MIB(1)] __attribute__((aligned(8)));

static uint32_t cell(const char *path, const char *name, unsigned i)
{
	int node = fdt_path_offset(tree, path), len = 0;
	const fdt32_t *p = node < 0 ? NULL : fdt_getprop(tree, node, name, &len);

	return p && (i + 1) * 4 <= (unsigned)len ? fdt32_to_cpu(p[i]) : 0xdeadbeef;
}

static const char *string(const char *path, const char *name)
{
	int node = fdt_path_offset(tree, path), len;
	const char *p = node < 0 ? NULL : fdt_getprop(tree, node, name, &len);

	return p ? p : "";
}

/* dtc's complaints about the tree; "" when it has none. */
static const char *dtc_says(void)
{
	static char said[400];
	char file[] = "/tmp/thru-tree-XXXXXX", command[300];
	int fd = mkstemp(file), r = fd_write_all(fd, tree, fdt_totalsize(tree));
	size_t n;
	FILE *pipe;

	close(fd);
	snprintf(
		command, sizeof(command),
		"dtc -I dtb -O dts -o /dev/null -Wnode_name_chars_strict -Wproperty_name_chars_strict "
		"-Wunique_unit_address_if_enabled -Wno-unique_unit_address %s 2>&1",
		file);
	pipe = r ? NULL : popen(command, "r");
	n = pipe ? fread(said, 1, sizeof(said) - 1, pipe) : 0;
	said[n] = 0;
	if (!pipe || (pclose(pipe) && !n))
		snprintf(said, sizeof(said), "dtc failed");
	unlink(file);
	return said;
}

#define CHECK_DTC()                                                                                \
	do {                                                                                       \
		const char *said = dtc_says();                                                     \
		if (*said) {                                                                       \
			test_failed = true;                                                        \
			snprintf(test_why, sizeof(test_why), "%s:%d: dtc: %s", __FILE__, __LINE__, \
				 said);                                                            \
			return;                                                                    \
		}                                                                                  \
	} while (0)

static void tree_of_a_plain_board(void)
{
	static struct fixture f;

	CHECK_EQ(fixture_init(&f, 2, MIB(512)), 0);
	f.board.boot.initrd = (struct range){ 0x44000000, 12345 };
	CHECK_EQ(fdt_build(&f.board, tree, sizeof(tree)), 0);
	fixture_deinit(&f);
	CHECK_EQ(fdt_check_header(tree), 0);
	CHECK_EQ(cell("/memory@40000000", "reg", 1), 0x40000000);
	CHECK_EQ(cell("/memory@40000000", "reg", 3), MIB(512));
	CHECK_EQ(cell("/cpus/cpu@1", "reg", 0), 1);
	CHECK(!strcmp(string("/cpus/cpu@1", "enable-method"), "psci"));
	CHECK(!strcmp(string("/psci", "method"), "hvc"));
	CHECK(!strcmp(string("/chosen", "bootargs"), "console=ttyS0 quiet"));
	CHECK(!strcmp(string("/chosen", "stdout-path"), "serial0:115200n8"));
	CHECK(!strcmp(string("/aliases", "serial0"), "/serial@1000000"));
	CHECK_EQ(cell("/chosen", "linux,initrd-start", 1), 0x44000000);
	CHECK_EQ(cell("/chosen", "linux,initrd-end", 1), 0x44000000 + 12345);
	CHECK(cell("/chosen", "rng-seed", 0) != cell("/chosen", "rng-seed", 1));
	CHECK_EQ(cell("/serial@1000000", "clock-frequency", 0), 1843200);
	CHECK(!strcmp(string("/serial@1000000", "compatible"), "ns16550a"));
	CHECK_EQ(cell("/gpio-keys/power-button", "linux,code", 0), 116);
	CHECK_EQ(cell("/gpio-keys/power-button", "interrupts", 1), LAYOUT_GSI_BUTTON);
	CHECK_EQ(cell("/gpio-keys/power-button", "interrupts", 2), 1);
	CHECK_EQ(cell("/pmu", "interrupts", 1), 7);
	CHECK_EQ(cell("/timer", "interrupts", 7), 11);
	CHECK_EQ(cell("/interrupt-controller@2000000", "reg", 7), 2 * LAYOUT_GICR_SIZE);
}

static void tree_of_pci(void)
{
	const char *pcie = "/pcie@4000000";
	static struct fixture f;
	const struct pci_root_config *pci = &f.board.layout.pci;
	uint32_t its;

	CHECK_EQ(fixture_init(&f, 1, MIB(512)), 0);
	CHECK_EQ(fdt_build(&f.board, tree, sizeof(tree)), 0);
	fixture_deinit(&f);
	its = cell("/interrupt-controller@2000000/msi-controller@2040000", "phandle", 0);
	CHECK_EQ(cell(pcie, "msi-map", 0), 0);
	CHECK_EQ(cell(pcie, "msi-map", 1), its);
	CHECK_EQ(cell(pcie, "msi-map", 3), 0x10000);
	CHECK(fdt_getprop(tree, fdt_path_offset(tree, pcie), "dma-coherent", NULL));
	CHECK_EQ(cell(pcie, "bus-range", 1), 0);
	CHECK_EQ(cell(pcie, "ranges", 0), 0x01000000);
	CHECK_EQ(cell(pcie, "ranges", 4), LAYOUT_PCI_IO);
	CHECK_EQ(cell(pcie, "ranges", 7), 0x02000000);
	CHECK_EQ(cell(pcie, "ranges", 9), LAYOUT_MEM32);
	CHECK_EQ(cell(pcie, "ranges", 14), 0x03000000);
	CHECK_EQ(cell(pcie, "ranges", 15), pci->mem64.base >> 32);
	CHECK_EQ(cell(pcie, "ranges", 17), pci->mem64.base >> 32);
	CHECK_EQ(cell(pcie, "ranges", 19), pci->mem64.size >> 32);
	CHECK_EQ(cell(pcie, "interrupt-map-mask", 0), 0xf800);
	for (unsigned i = 0; i < 128; i++) {
		unsigned devfn = PCI_DEVFN(i / 4, 0), pin = i % 4 + 1;

		CHECK_EQ(cell(pcie, "interrupt-map", i * 10), devfn << 8);
		CHECK_EQ(cell(pcie, "interrupt-map", i * 10 + 3), pin);
		CHECK_EQ(cell(pcie, "interrupt-map", i * 10 + 8), pci_intx_gsi(pci, devfn, pin));
		CHECK(pci_intx_gsi(pci, devfn, pin) < LAYOUT_GSI_PINS);
	}
	CHECK_EQ(cell(pcie, "interrupt-map", 1280), 0xdeadbeef);
}

static void tree_with_gicv2(void)
{
	static struct fixture f;

	CHECK_EQ(fixture_init(&f, 8, MIB(512)), 0);
	f.arch = (struct arch_board){ .gic_version = 2 };
	CHECK_EQ(fdt_build(&f.board, tree, sizeof(tree)), 0);
	fixture_deinit(&f);
	CHECK(!strcmp(string("/interrupt-controller@2000000", "compatible"), "arm,cortex-a15-gic"));
	CHECK_EQ(cell("/interrupt-controller@2000000", "reg", 5), LAYOUT_GICV2_CPU);
	CHECK_EQ(cell("/timer", "interrupts", 2), 0xff04);
	CHECK_EQ(cell("/pcie@4000000", "msi-map", 0), 0xdeadbeef);
	CHECK_EQ(cell("/pcie@4000000", "msi-parent", 0),
		 cell("/interrupt-controller@2000000/v2m@2020000", "phandle", 0));
	CHECK_EQ(cell("/interrupt-controller@2000000/v2m@2020000", "arm,msi-base-spi", 0), 96);
	CHECK_EQ(fdt_path_offset(tree, "/pmu"), (uint64_t)-FDT_ERR_NOTFOUND);
}

/* Boards of each shape: without and with a PMU, an initrd, and more processors than a GICv2 has. */
static const struct {
	unsigned cpus, gic;
	uint64_t mem, initrd;
	bool pmu;
} boards[] = { { 1, 3, MIB(64), 0, true },     { 1, 3, MIB(64), 12345, false },
	       { 64, 3, GIB(8), 12345, true }, { 1, 2, MIB(64), 0, false },
	       { 8, 2, GIB(2), 12345, true },  { ARCH_CPUS_MAX, 3, GIB(600), 0, true } };

static int tree_of(unsigned i)
{
	static struct fixture f;
	int r = fixture_init(&f, boards[i].cpus, boards[i].mem);

	f.arch = (struct arch_board){ .gic_version = boards[i].gic,
				      .its = boards[i].gic == 3,
				      .pmu = boards[i].pmu };
	f.board.boot.initrd = (struct range){ 0x44000000, boards[i].initrd };
	if (!r && fdt_size_max(&f.board) > sizeof(tree))
		r = -ENOSPC;
	if (!r)
		r = fdt_build(&f.board, tree, fdt_size_max(&f.board));
	fixture_deinit(&f);
	return r;
}

static void tree_passes_dtc(void)
{
	if (system("dtc --version >/dev/null 2>&1"))
		SKIP("no dtc; install device-tree-compiler");
	for (unsigned i = 0; i < ARRAY_SIZE(boards); i++) {
		CHECK_EQ(tree_of(i), 0);
		CHECK_DTC();
	}
}

/* For tests/lint/device-tree, which knows the kernel's bindings: THRU_TREES names a folder. */
static void tree_is_kept(void)
{
	const char *folder = getenv("THRU_TREES");
	char path[200];
	int fd;

	for (unsigned i = 0; folder && i < ARRAY_SIZE(boards); i++) {
		if (boards[i].cpus > 64)
			continue; /* nothing new, and slow to judge */
		CHECK_EQ(tree_of(i), 0);
		snprintf(path, sizeof(path), "%s/%u-cpus-gicv%u%s%s.dtb", folder, boards[i].cpus,
			 boards[i].gic, boards[i].pmu ? "-pmu" : "",
			 boards[i].initrd ? "-initrd" : "");
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		CHECK(fd >= 0);
		CHECK_EQ(fd_write_all(fd, tree, fdt_totalsize(tree)), 0);
		close(fd);
	}
}

static void tree_lands_in_ram(void)
{
	static struct fixture f;

	CHECK_EQ(fixture_init(&f, 1, MIB(64)), 0);
	f.board.boot.fdt = GIB(1) + MIB(4);
	CHECK_EQ(arch_fw_write(&f.board), 0);
	CHECK_EQ(fdt_check_header(memory_at(&f.board.memory, GIB(1) + MIB(4), 64)), 0);
	f.board.boot.fdt = GIB(1) + MIB(64) - 16;
	CHECK(arch_fw_write(&f.board) < 0);
	CHECK_ERROR("device tree: does not fit");
	fixture_deinit(&f);
}

/* --- loaders --- */

static int file_of(const void *bytes, size_t len)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	return fd >= 0 && !fd_write_all(fd, bytes, len) ? fd : -1;
}

/* An Image of 192 KiB whose bytes tell their offset; also an EFI program whose PE table says so. */
#define IMAGE_LEN KIB(192)
static uint8_t image[IMAGE_LEN];

static void make_image(void)
{
	for (size_t i = 64; i < IMAGE_LEN; i += 4)
		store_le32(image + i, (uint32_t)(i * 2654435761u));
	memset(image, 0, 64);
	memcpy(image, "MZ", 2);
	store_le64(image + 8, 0x10000);     /* text_offset */
	store_le64(image + 16, MIB(3) + 1); /* image_size */
	store_le64(image + 24, 0xa);        /* little-endian, 4 KiB pages, anywhere */
	memcpy(image + 56, "ARM\x64", 4);
	store_le32(image + 60, 64);
	memset(image + 64, 0, 256);
	memcpy(image + 64, "PE\0\0", 4);
	store_le16(image + 64 + 6, 1);                        /* sections */
	store_le16(image + 64 + 20, 16);                      /* optional header */
	store_le32(image + 64 + 40 + 16, IMAGE_LEN - 0x1000); /* SizeOfRawData */
	store_le32(image + 64 + 40 + 20, 0x1000);             /* PointerToRawData */
}

static uint8_t packed[IMAGE_LEN * 2];

static size_t gzip(const void *bytes, size_t len)
{
	z_stream z = { .next_in = (uint8_t *)(uintptr_t)bytes,
		       .avail_in = (unsigned)len,
		       .next_out = packed,
		       .avail_out = sizeof(packed) };

	if (deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
	    deflate(&z, Z_FINISH) != Z_STREAM_END)
		return 0;
	deflateEnd(&z);
	return z.total_out;
}

#if HAVE_ZSTD
static size_t zstd(const void *bytes, size_t len)
{
	ZSTD_CCtx *ctx = ZSTD_createCCtx(); /* with a checksum, as the program zstd makes them */
	size_t n;

	if (!ctx || ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 1)))
		return 0;
	n = ZSTD_compress2(ctx, packed, sizeof(packed), bytes, len);
	ZSTD_freeCCtx(ctx);
	return ZSTD_isError(n) ? 0 : n;
}
#endif

/* Load these bytes as kernel (and, if len > 0, that many zeroes as initrd) into `mem` of RAM. */
static struct fixture loaded;

static int load(uint64_t mem, const void *bytes, size_t len, size_t initrd)
{
	int r = fixture_init(&loaded, 1, mem);

	if (r)
		return r;
	loaded.config.kernel_fd = file_of(bytes, len);
	if (initrd) {
		loaded.config.initrd_fd = memfd_create("initrd", MFD_CLOEXEC);
		if (ftruncate(loaded.config.initrd_fd, (off_t)initrd) < 0)
			return -1;
	}
	return arch_boot_load(&loaded.board);
}

static bool image_is_at(gpa_t gpa)
{
	const void *at = memory_at(&loaded.board.memory, gpa, IMAGE_LEN);

	return at && !memcmp(at, image, IMAGE_LEN);
}

static void boots_image(void)
{
	const struct boot_info *boot = &loaded.board.boot;

	make_image();
	CHECK_EQ(load(MIB(64), image, IMAGE_LEN, 5000), 0);
	CHECK_EQ(boot->entry, GIB(1) + 0x10000);
	CHECK(image_is_at(boot->entry));
	/* image_size reaches a little into the third block of 2 MiB */
	CHECK_EQ(boot->fdt, GIB(1) + MIB(4));
	CHECK_EQ(boot->argument, boot->fdt);
	CHECK_EQ(boot->initrd.base, GIB(1) + MIB(6));
	CHECK_EQ(boot->initrd.size, 5000);
	fixture_deinit(&loaded);
}

/* The first piece of RAM is small: kernel, device tree and initrd go into the large one together. */
static void boots_above_window(void)
{
	struct reach reach = { .spans = { { GIB(1), MIB(2) }, { GIB(1) + MIB(32), GIB(1) } },
			       .n = 2 };
	const struct boot_info *boot = &loaded.board.boot;
	int r;

	make_image();
	within = &reach;
	r = load(MIB(64), image, IMAGE_LEN, 5000);
	within = NULL;
	CHECK_EQ(r, 0);
	CHECK_EQ(loaded.board.layout.n_ram, 2);
	CHECK_EQ(boot->entry, GIB(1) + MIB(32) + 0x10000);
	CHECK(image_is_at(boot->entry));
	CHECK_EQ(boot->fdt, GIB(1) + MIB(36));
	CHECK_EQ(boot->initrd.base, GIB(1) + MIB(38));
	fixture_deinit(&loaded);
}

static void boots_old_image(void)
{
	make_image();
	store_le64(image + 8, 0x123456789); /* of unknown endianness then: not looked at */
	store_le64(image + 16, 0);
	CHECK_EQ(load(MIB(64), image, IMAGE_LEN, 0), 0);
	CHECK_EQ(loaded.board.boot.entry, GIB(1) + 0x80000);
	CHECK_EQ(loaded.board.boot.fdt, GIB(1) + MIB(34));
	fixture_deinit(&loaded);
}

static void boots_gzip(void)
{
	size_t len;

	make_image();
	len = gzip(image, IMAGE_LEN);
	CHECK(len > 64);
	CHECK_EQ(load(MIB(64), packed, len, 0), 0);
	CHECK(image_is_at(GIB(1) + 0x10000));
	fixture_deinit(&loaded);
}

/* An EFI zboot image around what `packed` holds; its length. */
static uint8_t zboot[sizeof(packed) + 512];

static size_t make_zboot(size_t len, const char *compression)
{
	memcpy(zboot, "MZ\0\0zimg", 8);
	store_le32(zboot + 8, 512);
	store_le32(zboot + 12, (uint32_t)len);
	memset(zboot + 24, 0, 32);
	memcpy(zboot + 24, compression, strlen(compression));
	memcpy(zboot + 512, packed, len);
	return 512 + len;
}

static void boots_zboot(void)
{
	size_t len;

	make_image();
	len = gzip(image, IMAGE_LEN);
	make_zboot(len, "gzip");
	CHECK_EQ(load(MIB(64), zboot, 512 + len, 0), 0);
	CHECK(image_is_at(GIB(1) + 0x10000));
	fixture_deinit(&loaded);
	CHECK(load(MIB(64), zboot, 512 + len - 1, 0) < 0);
	CHECK_EQ(error_status(), STATUS_IMAGE);
	CHECK_ERROR("is truncated");
	fixture_deinit(&loaded);
	make_zboot(len, "xzkern");
	CHECK(load(MIB(64), zboot, 512 + len, 0) < 0);
	CHECK_ERROR("compressed by xzkern, and thru unpacks gzip and zstd only");
	fixture_deinit(&loaded);
	make_zboot(len, "\33[2Jabcdefghijklmnopqrst");
	CHECK(load(MIB(64), zboot, 512 + len, 0) < 0);
	CHECK_ERROR("compressed by ?[2Jabcdefghijkl, ");
	fixture_deinit(&loaded);
}

static void boots_zstd(void)
{
#if HAVE_ZSTD
	size_t len;

	make_image();
	len = zstd(image, IMAGE_LEN);
	CHECK(len > 64);
	CHECK_EQ(load(MIB(64), packed, len, 0), 0);
	CHECK(image_is_at(GIB(1) + 0x10000));
	fixture_deinit(&loaded);
	CHECK_EQ(load(MIB(64), zboot, make_zboot(len, "zstd"), 0), 0);
	CHECK(image_is_at(GIB(1) + 0x10000));
	fixture_deinit(&loaded);
#else
	memcpy(packed, "\x28\xb5\x2f\xfd", 4);
	CHECK(load(MIB(64), packed, 100, 0) < 0);
	CHECK_EQ(error_status(), STATUS_IMAGE);
	CHECK_ERROR("built without a library for it; unpack it with unzstd");
	fixture_deinit(&loaded);
	SKIP("no libzstd when this was built: not unpacked, and refused as it should be");
#endif
}

struct program {
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	uint32_t code[16];
};

static struct program make_elf(uint64_t address)
{
	return (struct program){
		.eh = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC,
			.e_machine = EM_AARCH64,
			.e_entry = address + 4,
			.e_phoff = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 1 },
		.ph = { .p_type = PT_LOAD,
			.p_offset = offsetof(struct program, code),
			.p_paddr = address,
			.p_filesz = sizeof(((struct program *)NULL)->code),
			.p_memsz = MIB(3) },
		.code = { 1, 2, 3, 4 },
	};
}

static void boots_elf(void)
{
	struct program p = make_elf(GIB(1) + 0x80000);

	CHECK_EQ(load(MIB(64), &p, sizeof(p), 0), 0);
	CHECK_EQ(loaded.board.boot.entry, GIB(1) + 0x80004);
	CHECK(!memcmp(memory_at(&loaded.board.memory, GIB(1) + 0x80000, 16), p.code, 16));
	CHECK_EQ(loaded.board.boot.fdt, GIB(1) + MIB(4));
	fixture_deinit(&loaded);

	/* Room is left for a stack behind the last segment. */
	p = make_elf(GIB(1));
	p.ph.p_memsz = MIB(4) - KIB(64);
	CHECK_EQ(load(MIB(64), &p, sizeof(p), 0), 0);
	CHECK_EQ(loaded.board.boot.fdt, GIB(1) + MIB(6));
	fixture_deinit(&loaded);

	/* One that runs anywhere. */
	p = make_elf(0);
	p.eh.e_type = ET_DYN;
	CHECK_EQ(load(MIB(64), &p, sizeof(p), 0), 0);
	CHECK_EQ(loaded.board.boot.entry, GIB(1) + 4);
	CHECK(!memcmp(memory_at(&loaded.board.memory, GIB(1), 16), p.code, 16));
	fixture_deinit(&loaded);

	/* Linux's vmlinux, known by the header of an Image. */
	p = make_elf(0xffff800080000000);
	p.eh.e_entry = 0xffff800080000000;
	memcpy(&p.code[14], "ARM\x64", 4);
	CHECK_EQ(load(MIB(64), &p, sizeof(p), 0), 0);
	CHECK_EQ(loaded.board.boot.entry, GIB(1));
	CHECK_EQ(loaded.board.boot.fdt, GIB(1) + MIB(4));
	fixture_deinit(&loaded);
}

/* Refused with STATUS_IMAGE and a line that begins with the path and has `text`. */
static bool refused(uint64_t mem, const void *bytes, size_t len, size_t initrd, const char *text)
{
	int r = load(mem, bytes, len, initrd);
	bool ok = r < 0 && error_status() == STATUS_IMAGE && strstr(error_message(), text) &&
		  !strncmp(error_message(), initrd ? "initrd: " : "kernel: ", 8);

	if (!ok)
		printf("# %d \"%s\", expected \"%s\"\n", r, error_message(), text);
	fixture_deinit(&loaded);
	error_clear();
	return ok;
}

static void refuses_elf(void)
{
	struct program p = make_elf(0xffff800080000000);

	CHECK(refused(MIB(64), &p, sizeof(p), 0, "not RAM; link it"));
	p.eh.e_type = ET_DYN;
	CHECK(refused(MIB(2), &p, sizeof(p), 0, "do not fit into guest RAM"));
	p.ph.p_type = PT_NOTE;
	CHECK(refused(MIB(64), &p, sizeof(p), 0, "nothing to load"));
	p.eh.e_phnum = 0;
	CHECK(refused(MIB(64), &p, sizeof(p), 0, "0 program headers"));
	p = make_elf(GIB(1));
	p.ph.p_memsz = UINT64_MAX - MIB(1);
	CHECK(refused(MIB(64), &p, sizeof(p), 0, "beyond what can be addressed"));
	p = make_elf(GIB(1));
	CHECK(refused(MIB(64), &p, sizeof(p) - 1, 0, "truncated"));
	CHECK(refused(MIB(64), &p, sizeof(p.eh) + 3, 0, "truncated"));
	CHECK(refused(MIB(64), &p, sizeof(p.eh) - 1, 0, "kernel: "));
	p.eh.e_entry = GIB(2);
	CHECK(refused(MIB(64), &p, sizeof(p), 0, "entry point"));
	p = make_elf(GIB(1));
	p.eh.e_machine = EM_X86_64;
	CHECK(refused(MIB(64), &p, sizeof(p), 0, "x86_64"));
	p = make_elf(GIB(1));
	p.ph.p_filesz = p.ph.p_memsz + 1;
	CHECK(refused(MIB(64), &p, sizeof(p), 0, "ELF segment"));
}

/* A section's size is rounded up to FileAlignment; the file may end in the last such unit. */
static void image_in_its_last_unit(void)
{
	make_image();
	memset(image + 64 + 20, 0, 236);
	store_le16(image + 64 + 20, 112);                      /* optional header */
	store_le32(image + 64 + 24 + 36, 512);                 /* FileAlignment */
	store_le32(image + 64 + 136 + 16, IMAGE_LEN - 0x1000); /* SizeOfRawData */
	store_le32(image + 64 + 136 + 20, 0x1000);             /* PointerToRawData */
	CHECK_EQ(load(MIB(64), image, IMAGE_LEN - 511, 0), 0);
	fixture_deinit(&loaded);
	CHECK(refused(MIB(64), image, IMAGE_LEN - 512, 0, "is truncated"));
	store_le32(image + 64 + 24 + 36, UINT32_MAX); /* more than the format allows */
	CHECK(refused(MIB(64), image, IMAGE_LEN - 0x10000, 0, "is truncated"));
}

static void refuses_images(void)
{
	static uint8_t other[1024];

	make_image();
	CHECK(refused(MIB(64), "", 0, 0, "is empty"));
	CHECK(refused(MIB(64), "hello, world\n", 13, 0, "is not a kernel"));
	CHECK(refused(MIB(64), image, IMAGE_LEN - 1, 0, "is truncated"));
	CHECK(refused(MIB(64), image, 60, 0, "kernel: "));
	CHECK(refused(MIB(2), image, IMAGE_LEN, 0, "--mem"));
	CHECK(refused(MIB(5), image, IMAGE_LEN, 0, "--mem"));
	image[24] = 1;
	CHECK(refused(MIB(64), image, IMAGE_LEN, 0, "big-endian"));
	memcpy(other + 514, "HdrS", 4);
	CHECK(refused(MIB(64), other, sizeof(other), 0, "x86"));
}

/* 8 MiB of zeroes make a small file: what does not fit into RAM is where unpacking ends. */
static uint8_t bomb[MIB(8)];

static void make_bomb(void)
{
	make_image();
	memcpy(bomb, image, IMAGE_LEN);
}

static void refuses_damaged_streams(void)
{
	size_t len;

	make_image();
	len = gzip(image, IMAGE_LEN);
	CHECK(refused(MIB(64), packed, len - 9, 0, "is truncated: its gzip stream"));
	packed[len / 2] ^= 0x55;
	CHECK(refused(MIB(64), packed, len, 0, "is damaged: its gzip stream"));
	len = gzip("hello", 5);
	CHECK(refused(MIB(64), packed, len, 0, "not an arm64 kernel"));
	make_bomb();
	len = gzip(bomb, sizeof(bomb));
	CHECK(refused(MIB(5), packed, len, 0, "do not fit into guest RAM"));
#if HAVE_ZSTD
	make_image();
	len = zstd(image, IMAGE_LEN);
	CHECK(refused(MIB(64), packed, len - 9, 0, "is truncated: its zstd stream"));
	CHECK(refused(MIB(64), packed, 4, 0, "is truncated: its zstd stream"));
	packed[len / 2] ^= 0x55;
	CHECK(refused(MIB(64), packed, len, 0, "is damaged: its zstd stream"));
	len = zstd("hello", 5);
	CHECK(refused(MIB(64), packed, len, 0, "not an arm64 kernel"));
	make_bomb();
	len = zstd(bomb, sizeof(bomb));
	CHECK(refused(MIB(5), packed, len, 0, "do not fit into guest RAM"));
#endif
}

static void refuses_large_initrd(void)
{
	make_image();
	CHECK(refused(MIB(64), image, IMAGE_LEN, MIB(58) + 1, "initrd is too large"));
	CHECK_EQ(load(MIB(64), image, IMAGE_LEN, MIB(58)), 0);
	fixture_deinit(&loaded);
}

/* --- PL031 --- */

static uint32_t rtc_read(struct pl031 *rtc, uint64_t offset)
{
	uint8_t data[4];

	pl031_access(rtc, offset, data, 4, false);
	return load_le32(data);
}

static void clock_keeps_time(void)
{
	struct pl031 rtc;
	uint8_t data[8];
	uint32_t now;

	pl031_init(&rtc);
	now = rtc_read(&rtc, 0);
	CHECK(now - (uint32_t)time(NULL) + 2 < 4);
	store_le32(data, 1000);
	pl031_access(&rtc, 8, data, 4, true);
	CHECK(rtc_read(&rtc, 0) - 1000 < 3);
	CHECK_EQ(rtc_read(&rtc, 8), 1000);
	CHECK_EQ(rtc_read(&rtc, 0xfe0), 0x31);
	CHECK_EQ(rtc_read(&rtc, 0xffc), 0xb1);
	for (uint64_t offset = 0; offset < PL031_SIZE; offset++)
		for (unsigned len = 1; len <= 8; len *= 2)
			pl031_access(&rtc, offset, data, len, offset & 1);
}

/* Registers are words: a wider access is two of them, a narrower one reads its bytes and writes nothing. */
static void clock_access_widths(void)
{
	struct pl031 rtc;
	uint8_t data[8];

	pl031_init(&rtc);
	store_le64(data, 2000ull << 32 | 77);
	pl031_access(&rtc, 4, data, 8, true); /* match and load */
	CHECK_EQ(rtc_read(&rtc, 4), 77);
	CHECK_EQ(rtc_read(&rtc, 8), 2000);
	pl031_access(&rtc, 0, data, 8, false); /* the time and match */
	CHECK(load_le32(data) - 2000 < 3);
	CHECK_EQ(load_le32(data + 4), 77);
	store_le32(data, 0x01020304);
	pl031_access(&rtc, 4, data, 4, true);
	for (unsigned byte = 0; byte < 4; byte++) {
		pl031_access(&rtc, 4 + byte, data, 1, false);
		CHECK_EQ(data[0], 4 - byte);
		pl031_access(&rtc, 4 + byte, data + 4, 1, true);
	}
	pl031_access(&rtc, 6, data, 2, false);
	CHECK_EQ(load_le16(data), 0x0102);
	pl031_access(&rtc, 6, data, 2, true);
	CHECK_EQ(rtc_read(&rtc, 4), 0x01020304);
	pl031_access(&rtc, 0xfe2, data, 8, false); /* across three registers */
	CHECK_EQ(load_le64(data), 0x0004000000100000);
}

static const struct test tests[] = {
	TEST(layouts_do_not_overlap),
	TEST(layout_keeps_within_address_bits),
	TEST(layout_limits_cpus),
	TEST(layout_within_reach),
	TEST(cpus_are_numbered_as_kvm_does),
	TEST(tree_of_a_plain_board),
	TEST(tree_of_pci),
	TEST(tree_with_gicv2),
	TEST(tree_passes_dtc),
	TEST(tree_is_kept),
	TEST(tree_lands_in_ram),
	TEST(boots_image),
	TEST(boots_above_window),
	TEST(boots_old_image),
	TEST(boots_gzip),
	TEST(boots_zboot),
	TEST(boots_zstd),
	TEST(refuses_damaged_streams),
	TEST(boots_elf),
	TEST(refuses_elf),
	TEST(image_in_its_last_unit),
	TEST(refuses_images),
	TEST(refuses_large_initrd),
	TEST(clock_keeps_time),
	TEST(clock_access_widths),
};
TEST_MAIN(tests)
