/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bzImage that thru unpacks: each compression, the ELF kernel moved and entered, what is no such kernel and boots as
 * it is, and the cache. Kernels are made here, with relocations and without; hostile ones are good ones with bytes
 * changed.
 */
#include "bzimage.h"
#include "rubbish.h"

#include "arch/common/kernel_cache.h"
#include "arch/common/unpack.h"
#include "arch/x86_64/boot.h"
#include "arch/x86_64/cmdline.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/relocs.h"
#include "arch/x86_64/vmlinux_file.h"

#include <base/bytes.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#if HAVE_GZIP
#include <zlib.h>
#endif
#if HAVE_ZSTD
#include <zstd.h>
#endif
#if HAVE_LZMA
#include <lzma.h>
#endif
#if HAVE_BZIP2
#include <bzlib.h>
#endif
#if HAVE_LZ4
#include <lz4.h>
#endif
#if HAVE_LZO
#include <lzo/lzo1x.h>
#endif

/* --- a kernel: ELF, relocations behind it, all compressed in a bzImage --- */

enum {
	TEXT_AT = 0x1000, /* in the ELF file, 16 MiB of the machine */
	TEXT_LEN = 0x1000,
	DATA_AT = 0x2000, /* 18 MiB */
	DATA_LEN = 0x800,
	HEADERS_AT = 0x2800, /* of sections */
	ELF_LEN = HEADERS_AT + 2 * 64,
	PLAIN_MAX = 0x4000,
	SETUP = BZIMAGE_SETUP,
	STUB = 0x800, /* of the bzImage's protected-mode part, before the payload */
	IMAGE_MAX = SETUP + STUB + 2 * PLAIN_MAX,
	LINK = 16 << 20,
	SPAN = 4 << 20, /* with its bss, in large pages */
	INIT_SIZE = 8 << 20,
};

#define MAP 0xffffffff80000000ull

static uint8_t plain[PLAIN_MAX], image[IMAGE_MAX];
static size_t plain_len, packed_len;

static void make_segment(uint8_t *ph, uint64_t offset, uint64_t paddr, uint64_t filesz,
			 uint64_t memsz)
{
	store_le32(ph, 1);
	store_le64(ph + 8, offset);
	store_le64(ph + 16, MAP + paddr);
	store_le64(ph + 24, paddr);
	store_le64(ph + 32, filesz);
	store_le64(ph + 40, memsz);
	store_le64(ph + 48, MIB(2));
}

static void add_reloc(uint64_t address)
{
	store_le32(plain + plain_len, (uint32_t)address);
	plain_len += 4;
}

/* Places: 64 bits at text + 8, 32 bits at text + 20 and data + 4, an inverse one at data + 0x7fc, its last. */
static void add_relocs(bool inverse)
{
	add_reloc(0);
	add_reloc(MAP + LINK + 8);
	add_reloc(0);
	if (inverse) {
		add_reloc(MAP + LINK + MIB(2) + 0x7fc);
		add_reloc(0);
	}
	add_reloc(MAP + LINK + 20);
	add_reloc(MAP + LINK + MIB(2) + 4);
}

static void make_plain(bool relocs, bool inverse)
{
	memset(plain, 0, sizeof(plain));
	memset(plain + TEXT_AT, 0xcc, TEXT_LEN);
	for (unsigned i = 0; i < DATA_LEN; i++)
		plain[DATA_AT + i] = (uint8_t)any(256);
	memcpy(plain, "\177ELF\2\1\1", 7);
	store_le16(plain + 16, 2);
	store_le16(plain + 18, 62);
	store_le64(plain + 24, LINK + 0x40); /* phys_startup_64 */
	store_le64(plain + 32, 64);
	store_le64(plain + 40, HEADERS_AT);
	store_le16(plain + 54, 56);
	store_le16(plain + 56, 2);
	store_le16(plain + 58, 64);
	store_le16(plain + 60, 2);
	make_segment(plain + 64, TEXT_AT, LINK, TEXT_LEN, TEXT_LEN);
	make_segment(plain + 64 + 56, DATA_AT, LINK + MIB(2), DATA_LEN, MIB(2) - 0x1000);
	store_le64(plain + TEXT_AT + 8, MAP + LINK + 0x123);
	store_le32(plain + TEXT_AT + 20, (uint32_t)(MAP + LINK + 0x456));
	store_le32(plain + DATA_AT + 4, (uint32_t)(MAP + LINK + 0x789));
	store_le32(plain + DATA_AT + 0x7fc, 0x1000);
	plain_len = ELF_LEN;
	if (relocs)
		add_relocs(inverse);
}

#if HAVE_GZIP
static size_t pack_gzip(uint8_t *to, size_t room)
{
	z_stream z = { .next_in = plain,
		       .avail_in = (unsigned)plain_len,
		       .next_out = to,
		       .avail_out = (unsigned)room };

	if (deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
	    deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	deflateEnd(&z);
	return z.total_out;
}
#endif

#if HAVE_ZSTD
static size_t pack_zstd(uint8_t *to, size_t room)
{
	ZSTD_CCtx *ctx = ZSTD_createCCtx(); /* with a checksum, as the program zstd makes them */
	size_t n;

	if (!ctx || ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 1)))
		abort();
	n = ZSTD_compress2(ctx, to, room, plain, plain_len);
	ZSTD_freeCCtx(ctx);
	return n;
}
#endif

#if HAVE_LZMA
static size_t pack_xz(uint8_t *to, size_t room)
{
	/* As scripts/xz_wrap.sh of Linux has it: x86's filter first. */
	lzma_options_lzma options;
	lzma_filter filters[] = { { LZMA_FILTER_X86, NULL },
				  { LZMA_FILTER_LZMA2, &options },
				  { LZMA_VLI_UNKNOWN, NULL } };
	size_t n = 0;

	if (lzma_lzma_preset(&options, 9) ||
	    lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, plain, plain_len, to, &n,
				      room))
		abort();
	return n;
}

static size_t pack_lzma(uint8_t *to, size_t room)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_options_lzma options;

	if (lzma_lzma_preset(&options, 6) || lzma_alone_encoder(&s, &options))
		abort();
	s.next_in = plain;
	s.avail_in = plain_len;
	s.next_out = to;
	s.avail_out = room;
	if (lzma_code(&s, LZMA_FINISH) != LZMA_STREAM_END)
		abort();
	lzma_end(&s);
	return room - s.avail_out;
}
#endif

#if HAVE_BZIP2
static size_t pack_bzip2(uint8_t *to, size_t room)
{
	unsigned n = (unsigned)room;

	if (BZ2_bzBuffToBuffCompress((char *)to, &n, (char *)plain, (unsigned)plain_len, 9, 0, 0))
		abort();
	return n;
}
#endif

#if HAVE_LZ4
/* Two blocks, where the program makes one of 8 MiB. */
static size_t pack_lz4(uint8_t *to, size_t room)
{
	size_t half = plain_len / 2, at = 4;

	memcpy(to, "\x02\x21\x4c\x18", 4);
	for (unsigned i = 0; i < 2; i++) {
		int n = LZ4_compress_default((char *)plain + i * half, (char *)to + at + 4,
					     (int)(i ? plain_len - half : half),
					     (int)(room - at - 4));

		store_le32(to + at, (uint32_t)n);
		at += 4 + (size_t)n;
	}
	return at;
}
#endif

#if HAVE_LZO
static void store_be32(uint8_t *to, uint32_t value)
{
	store_le32(to, __builtin_bswap32(value));
}

/* What lzop 1.04 writes with -9: a name, Adler-32 of what is unpacked; a block that is stored, and one that is not. */
static size_t pack_lzo(uint8_t *to, size_t room)
{
	static const uint8_t begin[] = "\x89LZO\0\r\n\x1a\n\x10\x40\x20\xa0\x09\x40\x03\x09"
				       "\x03\0\0\1\0\0\x81\xa4\0\0\0\0\0\0\0\0\5a.bin";
	static uint8_t work[LZO1X_1_MEM_COMPRESS];
	size_t at = sizeof(begin) - 1 + 4;
	lzo_uint n;

	(void)room;
	memcpy(to, begin, sizeof(begin) - 1);
	store_be32(to + at, 100);
	store_be32(to + at + 4, 100);
	store_be32(to + at + 8, lzo_adler32(1, plain, 100));
	memcpy(to + at + 12, plain, 100);
	at += 112;
	if (lzo1x_1_compress(plain + 100, plain_len - 100, to + at + 12, &n, work))
		abort();
	store_be32(to + at, (uint32_t)plain_len - 100);
	store_be32(to + at + 4, (uint32_t)n);
	store_be32(to + at + 8, lzo_adler32(1, plain + 100, plain_len - 100));
	at += 12 + n;
	store_be32(to + at, 0);
	return at + 4;
}
#endif

struct packer {
	const char *name;
	size_t (*pack)(uint8_t *to, size_t room);
	bool no_sum; /* damage is not always seen */
};

static const struct packer packers[] = {
#if HAVE_GZIP
	{ "gzip", pack_gzip },
#endif
#if HAVE_ZSTD
	{ "zstd", pack_zstd },
#endif
#if HAVE_LZMA
	{ "xz", pack_xz },         { "lzma", pack_lzma, true },
#endif
#if HAVE_BZIP2
	{ "bzip2", pack_bzip2 },
#endif
#if HAVE_LZ4
	{ "lz4", pack_lz4, true },
#endif
#if HAVE_LZO
	{ "lzo", pack_lzo },
#endif
};

/* What was packed last is in `image`; returns its length. */
static size_t make_image(void)
{
	size_t payload = packed_len;

	memset(image, 0, SETUP);
	memset(image + SETUP, 0x90, STUB);
	bzimage_header(image, STUB + payload, LINK);
	image[0x211] = 1;
	image[0x234] = 1;
	store_le32(image + 0x248, STUB);
	store_le32(image + 0x24c, (uint32_t)payload);
	store_le32(image + 0x260, INIT_SIZE);
	return SETUP + STUB + payload;
}

static size_t pack(const struct packer *p)
{
	uint8_t *to = image + SETUP + STUB;

	packed_len = p->pack(to, IMAGE_MAX - SETUP - STUB - 4);
	/* Linux puts the size behind all but gzip, which ends with it (size_append). */
	if (strcmp(p->name, "gzip")) {
		store_le32(to + packed_len, (uint32_t)plain_len);
		packed_len += 4;
	}
	return make_image();
}

/* --- a board --- */

static struct fixture {
	struct board_config config;
	struct board board;
} f;

static bool set_up(uint64_t mem)
{
	memset(&f, 0, sizeof(f));
	f.config = (struct board_config){
		.cpus = 1,
		.mem_size = mem,
		.kernel_path = "KERNEL",
		.initrd_path = "INITRD",
		.cmdline = "quiet",
		.kernel_fd = -1,
		.initrd_fd = -1,
		.kernel_unpack = true,
	};
	f.board.config = &f.config;
	return !arch_layout(&f.config, 0, NULL, &f.board.layout) &&
	       !memory_init(&f.board.memory, -1, f.board.layout.ram, f.board.layout.n_ram);
}

static void tear_down(void)
{
	memory_deinit(&f.board.memory);
	if (f.config.kernel_fd >= 0)
		close(f.config.kernel_fd);
	if (f.config.initrd_fd >= 0)
		close(f.config.initrd_fd);
}

static int file_of(const void *bytes, size_t len)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	if (fd < 0 || pwrite(fd, bytes, len, 0) != (ssize_t)len)
		abort();
	return fd;
}

/* Into RAM that is fresh, as that of a new guest is. */
static int load(size_t len)
{
	if (fallocate(f.board.memory.memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		      (off_t)f.board.memory.size))
		abort();
	if (f.config.kernel_fd >= 0)
		close(f.config.kernel_fd);
	f.config.kernel_fd = file_of(image, len);
	return arch_boot_load(&f.board);
}

static uint8_t *ram(gpa_t gpa)
{
	return memory_at(&f.board.memory, gpa, 1);
}

static uint8_t loadflags(void)
{
	return *ram(LAYOUT_BOOT_PARAMS + 0x211);
}

/* It boots as it always did: all of the protected-mode part where it asks for it. */
static bool unpacks_itself(void)
{
	return !f.board.boot.unpacked.size && f.board.boot.entry == LINK + 0x200 &&
	       !memcmp(ram(LINK), image + SETUP, STUB + packed_len) && loadflags() == 1;
}

/* By how much a kernel's addresses were moved, as its first relocation says. */
static uint64_t moved(void)
{
	return load_le64(ram(f.board.boot.unpacked.base + 8)) - (MAP + LINK + 0x123);
}

/* All of it stands in one place, with each relocation applied and nothing else changed. */
static bool is_placed(bool relocs, bool inverse)
{
	gpa_t base = f.board.boot.unpacked.base;
	uint64_t delta = moved();

	if (f.board.boot.unpacked.size != SPAN || f.board.boot.entry != base + 0x40 ||
	    (delta && !relocs))
		return false;
	store_le64(plain + TEXT_AT + 8, MAP + LINK + 0x123 + delta);
	store_le32(plain + TEXT_AT + 20, (uint32_t)(MAP + LINK + 0x456 + delta));
	store_le32(plain + DATA_AT + 4, (uint32_t)(MAP + LINK + 0x789 + delta));
	store_le32(plain + DATA_AT + 0x7fc, inverse ? (uint32_t)(0x1000 - delta) : 0x1000);
	return !memcmp(ram(base), plain + TEXT_AT, TEXT_LEN) &&
	       !memcmp(ram(base + MIB(2)), plain + DATA_AT, DATA_LEN) &&
	       !*ram(base + MIB(2) + DATA_LEN);
}

/* --- compressions --- */

static void compressions(void)
{
	CHECK(set_up(MIB(64)));
	for (unsigned i = 0; i < ARRAY_SIZE(packers); i++) {
		printf("# %s\n", packers[i].name);
		make_plain(true, false);
		CHECK_EQ(load(pack(&packers[i])), 0);
		CHECK(is_placed(true, false));
		CHECK_EQ(loadflags(), 3);
		f.config.kernel_unpack = false;
		CHECK_EQ(load(pack(&packers[i])), 0);
		CHECK(unpacks_itself());
		f.config.kernel_unpack = true;
	}
	tear_down();
	if (ARRAY_SIZE(packers) < 7)
		SKIP("some libraries were not there when this was built");
}

/* A stream is cut, or a byte of it is another: it boots as it is, or that did no harm. */
static void streams_damaged(void)
{
	CHECK(set_up(MIB(64)));
	f.config.cmdline = "nokaslr";
	for (unsigned i = 0; i < ARRAY_SIZE(packers); i++) {
		size_t len;

		make_plain(true, true);
		len = pack(&packers[i]);
		for (unsigned k = 0; k < 60 * times; k++) {
			uint8_t *at = image + SETUP + STUB + any((unsigned)packed_len), was = *at;
			size_t all = packed_len;

			if (k % 2)
				*at = (uint8_t)(was + 1 + any(255));
			else
				store_le32(image + 0x24c, any((unsigned)all));
			CHECK_EQ(load(len), 0);
			CHECK(packers[i].no_sum || unpacks_itself() || is_placed(true, true));
			*at = was;
			store_le32(image + 0x24c, (uint32_t)all);
		}
	}
	tear_down();
}

/* The size that is announced is what there is: neither less nor more than the kernel may need. */
static void sizes_that_lie(void)
{
	static const uint32_t sizes[] = { 0, 1, 63, INIT_SIZE + 1, UINT32_MAX, INT32_MAX };

	CHECK(set_up(MIB(64)));
	for (unsigned i = 0; i < ARRAY_SIZE(packers); i++)
		for (unsigned k = 0; k < ARRAY_SIZE(sizes) + 2; k++) {
			size_t len;

			make_plain(true, false);
			len = pack(&packers[i]);
			store_le32(image + len - 4, k < ARRAY_SIZE(sizes) ? sizes[k]
						    : k == ARRAY_SIZE(sizes)
							    ? (uint32_t)plain_len + 4
							    : (uint32_t)plain_len - 4);
			CHECK_EQ(load(len), 0);
			CHECK(unpacks_itself());
		}
	/* More than the kernel says that it needs, where all else is true. */
	if (ARRAY_SIZE(packers)) {
		size_t len;

		make_plain(true, false);
		len = pack(&packers[0]);
		store_le32(image + 0x260, (uint32_t)plain_len - 1);
		CHECK_EQ(load(len), 0);
		CHECK(!f.board.boot.unpacked.size);
	}
	tear_down();
}

/* --- its place --- */

static bool load_packed(bool relocs, bool inverse)
{
	make_plain(relocs, inverse);
	return ARRAY_SIZE(packers) && !load(pack(&packers[0])) && is_placed(relocs, inverse);
}

static void places_differ(void)
{
	gpa_t low = UINT64_MAX, high = 0;
	uint64_t least = UINT64_MAX, most = 0;

	for (unsigned i = 0; i < 64; i++) {
		struct range kernel, initrd;

		CHECK(set_up(MIB(256)));
		f.config.initrd_fd = file_of("initrd", 6);
		CHECK(load_packed(true, i % 2));
		kernel = f.board.boot.unpacked;
		initrd = f.board.boot.initrd;
		CHECK(!range_overlaps(kernel, initrd));
		CHECK(kernel.base >= LINK && kernel.base + SPAN <= MIB(256));
		CHECK(is_aligned(kernel.base, MIB(2)));
		CHECK(moved() + LINK + SPAN <= GIB(1) && is_aligned(moved(), MIB(2)));
		CHECK_EQ(loadflags(), 3);
		low = MIN(low, kernel.base);
		high = MAX(high, kernel.base);
		least = MIN(least, moved());
		most = MAX(most, moved());
		tear_down();
	}
	/* Of 118 and 503 places: all at one end has a chance of less than one in 2^60. */
	CHECK(low < MIB(136) && high >= MIB(136));
	CHECK(least < MIB(500) && most > MIB(500));
}

/* It goes above 4 GiB too, as the kernel's own unpacker does, and is mapped there. */
static void above_4_gib(void)
{
	static const unsigned rounds = 64;
	unsigned above = 0;

	for (unsigned i = 0; i < rounds; i++) {
		gpa_t table, base;

		CHECK(set_up(GIB(16)));
		CHECK(load_packed(true, false));
		base = f.board.boot.unpacked.base;
		CHECK(base + SPAN <= GIB(3) || base >= GIB(4));
		above += base >= GIB(4);
		for (gpa_t at = base; at < base + SPAN; at += MIB(2)) {
			table = LAYOUT_PAGE_TABLES;
			for (unsigned shift = 39; shift > 21; shift -= 9) {
				table = load_le64(ram(table + 8 * (at >> shift & 511)));
				CHECK_EQ(table & 0xfff, 3);
				table &= ~0xfffull;
				CHECK(range_holds((struct range){ LAYOUT_PAGE_TABLES, 10 * KIB(4) },
						  table, KIB(4)));
			}
			CHECK_EQ(load_le64(ram(table + 8 * (at >> 21 & 511))), at | 0x83);
		}
		tear_down();
	}
	CHECK(above > rounds / 2);
}

/* Where the kernel's own unpacker would leave it: told so, or without relocations. */
static void linked_place(void)
{
	static const char *const words[] = { "nokaslr", "quiet nokaslr", "a=\"b nokaslr c\"",
					     "x -- nokaslr" };

	for (unsigned i = 0; i < ARRAY_SIZE(words) + 1; i++) {
		CHECK(set_up(MIB(64)));
		if (i < ARRAY_SIZE(words))
			f.config.cmdline = words[i];
		CHECK(load_packed(i < ARRAY_SIZE(words), false));
		CHECK_EQ(f.board.boot.unpacked.base, LINK);
		CHECK_EQ(moved(), 0);
		CHECK_EQ(loadflags(), 1);
		tear_down();
	}
}

/* Words that only the kernel's own unpacker understands are left to it. */
static void words_of_its_own(void)
{
	static const struct {
		const char *text;
		bool nokaslr, own;
	} cases[] = {
		{ "", false, false },
		{ "quiet memx=1 xmem=1 nokaslrs kaslr nokaslr=1 mem-map", false, false },
		{ "mem=1G", false, true },
		{ "quiet\tmemmap=1M!2M", false, true },
		{ "hugepagesz=1G hugepages=1", false, true },
		{ "movable_node", false, true },
		{ "acpi_rsdp=0x1000 nokaslr", true, true },
		{ "mem_encrypt=on", false, true },
		{ "nokaslr", true, false },
		{ " nokaslr ", true, false },
	};
	struct cmdline_unpacker words;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t len;

		cmdline_read_unpacker(cases[i].text, &words);
		CHECK_EQ(words.nokaslr, cases[i].nokaslr);
		CHECK_EQ(words.own, cases[i].own);
		CHECK(set_up(MIB(64)));
		f.config.cmdline = cases[i].text;
		make_plain(true, false);
		CHECK(ARRAY_SIZE(packers));
		len = pack(&packers[0]);
		CHECK_EQ(load(len), 0);
		CHECK(cases[i].own ? unpacks_itself() : is_placed(true, false));
		tear_down();
	}
}

/* One number in the ELF file or the bzImage's header is another: it boots as it is. */
static void kernels_not_understood(void)
{
	static const struct {
		unsigned offset, len;
		uint64_t value;
	} elf[] = {
		{ 0, 1, 0 },
		{ 4, 1, 1 },
		{ 18, 2, 183 },
		{ 24, 8, 0xffffffff81000040 },
		{ 24, 8, LINK - 1 },
		{ 24, 8, LINK + SPAN },
		{ 32, 8, UINT64_MAX - 8 },
		{ 40, 8, 0 },
		{ 40, 8, HEADERS_AT - 8 },
		{ 40, 8, UINT64_MAX - 64 },
		{ 40, 8, PLAIN_MAX },
		{ 56, 2, 0 },
		{ 56, 2, 65 },
		{ 60, 2, 0 },
		{ 60, 2, 0xffff },
		{ 64, 4, 2 }, /* the first segment is no longer one to load */
		{ 64 + 8, 8, PLAIN_MAX },
		{ 64 + 24, 8, LINK + 4096 },
		{ 64 + 24, 8, 0 },
		{ 64 + 24, 8, UINT64_MAX - 0x1000 },
		{ 64 + 32, 8, MIB(1) },
		{ 64 + 56 + 24, 8, LINK + INIT_SIZE },
		{ 64 + 56 + 40, 8, INIT_SIZE },
		{ 64 + 56 + 40, 8, UINT64_MAX / 2 },
	};
	static const struct {
		unsigned offset, len;
		uint64_t value;
	} header[] = {
		{ 0x248, 4, 0 },          { 0x248, 4, UINT32_MAX }, { 0x24c, 4, 0 },
		{ 0x24c, 4, UINT32_MAX }, { 0x24c, 4, 19 },         { 0x230, 4, 0 },
		{ 0x230, 4, MIB(1) },     { 0x230, 4, MIB(3) },     { 0x230, 4, MIB(32) },
		{ 0x300, 1, '5' },        { 0x300, 1, 'v' },        { 0x20e, 2, 0 },
	};
	size_t len;

	CHECK(ARRAY_SIZE(packers));
	CHECK(set_up(MIB(64)));
	for (unsigned i = 0; i < ARRAY_SIZE(elf); i++) {
		make_plain(true, false);
		store_le(plain + elf[i].offset, elf[i].len, elf[i].value);
		len = pack(&packers[0]);
		if (load(len) || !unpacks_itself())
			printf("# ELF, case %u\n", i);
		CHECK(unpacks_itself());
	}
	for (unsigned i = 0; i < ARRAY_SIZE(header); i++) {
		make_plain(true, false);
		len = pack(&packers[0]);
		store_le(image + header[i].offset, header[i].len, header[i].value);
		if (load(len) || !unpacks_itself())
			printf("# header, case %u\n", i);
		CHECK(unpacks_itself());
	}
	/* No room for it where it is linked: refused as before. */
	make_plain(true, false);
	len = pack(&packers[0]);
	store_le32(image + 0x260, MIB(60));
	CHECK(load(len) < 0);
	CHECK_ERROR("needs RAM up to 76 MiB");
	tear_down();
}

/* --- relocations --- */

static void tables(void)
{
	static const struct {
		uint32_t numbers[8];
		unsigned n;
		int r;
	} cases[] = {
		{ { 0, 0 }, 2, 0 },
		{ { 0, 0, 0 }, 3, 0 },
		{ { 0, 1, 2, 0, 3 }, 5, 0 },
		{ { 0, 1, 0, 2, 0, 3 }, 6, 0 },
		{ { 0 }, 1, -EBADMSG },
		{ { 0, 1, 2 }, 3, -EBADMSG },
		{ { 1, 0, 2, 0 }, 4, -EBADMSG },
		{ { 0, 0, 0, 0 }, 4, -EBADMSG },
		{ { 1 }, 0, -EBADMSG },
	};
	struct relocs relocs;
	uint8_t table[40];

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		for (unsigned k = 0; k < cases[i].n; k++)
			store_le32(table + 4 * k, cases[i].numbers[k]);
		CHECK_EQ(relocs_read(table, 4 * cases[i].n, &relocs), cases[i].r);
	}
	CHECK_EQ(relocs_read(table, 7, &relocs), -EBADMSG);
}

/* A place outside, also by its last byte only, in each list. */
static void places_outside(void)
{
	static const struct {
		unsigned list;
		uint64_t address;
		int r;
	} cases[] = {
		{ 0, MAP + LINK, 0 },
		{ 0, MAP + LINK + 56, 0 },
		{ 0, MAP + LINK + 57, -EBADMSG },
		{ 1, MAP + LINK + 60, 0 },
		{ 1, MAP + LINK + 61, -EBADMSG },
		{ 2, MAP + LINK + 60, 0 },
		{ 2, MAP + LINK + 61, -EBADMSG },
		{ 2, MAP + LINK - 1, -EBADMSG },
		{ 2, MAP + LINK + 64, -EBADMSG },
		{ 0, MAP, -EBADMSG },
		{ 1, UINT32_MAX, -EBADMSG },
		{ 2, 0x7fffffff, -EBADMSG },
		{ 2, 1, -EBADMSG },
		{ 0, LINK, -EBADMSG }, /* not sign-extended to what it stands for */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t *bytes = calloc(1, 64), table[16];
		struct relocs relocs;
		unsigned n = 0;
		int r;

		for (unsigned k = 0; k < 3; k++) {
			store_le32(table + 4 * n++, 0);
			if (k == cases[i].list)
				store_le32(table + 4 * n++, (uint32_t)cases[i].address);
		}
		CHECK(bytes);
		CHECK_EQ(relocs_read(table, 4 * n, &relocs), 0);
		r = relocs_apply(&relocs, bytes, 64, LINK, MIB(2));
		if (!r)
			CHECK(load_le32(bytes + (cases[i].address - MAP - LINK)) ==
			      (cases[i].list == 1 ? (uint32_t)-MIB(2) : MIB(2)));
		free(bytes);
		CHECK_EQ(r, cases[i].r);
	}
}

/* A kernel with such a table boots as it is; with nokaslr nothing is applied, and it does no harm. */
static void relocations_not_understood(void)
{
	CHECK(ARRAY_SIZE(packers));
	CHECK(set_up(MIB(64)));
	for (unsigned i = 0; i < 6; i++) {
		size_t len;

		make_plain(true, true);
		if (i == 0)
			store_le32(plain + ELF_LEN, 1);
		else if (i == 1)
			store_le32(plain + ELF_LEN + 4, 0);
		else if (i == 2)
			plain_len -= 2;
		else if (i == 3)
			plain_len = ELF_LEN + 4;
		else
			store_le32(plain + plain_len - 4, (uint32_t)(MAP + LINK + SPAN - 3));
		f.config.cmdline = i == 5 ? "nokaslr" : "";
		len = pack(&packers[0]);
		CHECK_EQ(load(len), 0);
		CHECK(i == 5 ? f.board.boot.unpacked.base == LINK : unpacks_itself());
	}
	tear_down();
}

/* What nobody would make: headers and files by chance. Whatever comes, it loads or is refused in one line. */
static void rubbish(void)
{
	CHECK(ARRAY_SIZE(packers));
	CHECK(set_up(MIB(64)));
	for (unsigned i = 0; i < 400 * times; i++) {
		size_t len;

		make_plain(any(4), any(2));
		for (unsigned k = any(4); k; k--)
			plain[any(2) ? any(64 + 2 * 56) : any((unsigned)plain_len)] =
				(uint8_t)(any(3) ? any(256) : any(2) * 255);
		if (!any(8))
			plain_len -= any(200);
		len = pack(&packers[any(ARRAY_SIZE(packers))]);
		for (unsigned k = any(3); k; k--)
			image[0x1f1 + any(0x264 - 0x1f1)] = (uint8_t)any(256);
		if (load(any(6) ? len : any((unsigned)len) + 1))
			CHECK(*error_message() && !strchr(error_message(), '\n'));
		error_clear();
	}
	tear_down();
}

/* --- the cache --- */

static char folder[] = "/tmp/thru-kernels-XXXXXX";
static int folder_fd = -1, source_fd = -1;

static void forget(void)
{
	DIR *dir = fdopendir(dup(folder_fd));
	struct dirent *d;

	rewinddir(dir);
	while ((d = readdir(dir)))
		if (*d->d_name != '.')
			unlinkat(folder_fd, d->d_name, 0);
	closedir(dir);
}

static unsigned entries(char name[NAME_MAX + 1])
{
	DIR *dir = fdopendir(dup(folder_fd));
	struct dirent *d;
	unsigned n = 0;

	rewinddir(dir);
	while ((d = readdir(dir)))
		if (*d->d_name != '.') {
			strcpy(name, d->d_name);
			n++;
		}
	closedir(dir);
	return n;
}

static bool cache_init(void)
{
	static const struct timespec tick = { 0,
					      30000000 }; /* the file has to be older than a tick */

	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	if (!mkdtemp(folder))
		return false;
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	source_fd = file_of("a kernel", 8);
	nanosleep(&tick, NULL);
	return folder_fd >= 0;
}

static void cache_deinit(void)
{
	forget();
	rmdir(folder);
	close(folder_fd);
	close(source_fd);
}

static int find(uint64_t *ret_size)
{
	struct stat st;

	fstat(source_fd, &st);
	return kernel_cache_find(folder_fd, &st, ret_size);
}

static void store(const uint8_t *bytes, uint64_t size)
{
	struct stat st;

	fstat(source_fd, &st);
	kernel_cache_store(folder_fd, &st, source_fd, bytes, size);
}

/* The entry is there and holds these bytes. */
static bool holds(const uint8_t *bytes, uint64_t size)
{
	uint8_t *read = malloc(size);
	uint64_t n = 0;
	int fd = find(&n);
	bool ok = fd >= 0 && n == size && read && pread(fd, read, size, 0) == (ssize_t)size &&
		  !memcmp(read, bytes, size);

	free(read);
	if (fd >= 0)
		close(fd);
	return ok;
}

static void cache_keeps(void)
{
	static uint8_t bytes[100001];
	char name[NAME_MAX + 1];
	struct stat st;
	uint64_t n;

	CHECK(cache_init());
	CHECK_EQ(find(&n), -1);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)any(256);
	store(bytes, sizeof(bytes));
	CHECK_EQ(entries(name), 1);
	CHECK(!fstatat(folder_fd, name, &st, 0));
	CHECK_EQ(st.st_mode & 07777, 0600);
	CHECK(holds(bytes, sizeof(bytes)));
	/* Again, over it. */
	store(bytes, sizeof(bytes));
	CHECK_EQ(entries(name), 1);
	CHECK(holds(bytes, sizeof(bytes)));
	/* The file changed: another kernel, another entry. */
	CHECK_EQ(pwrite(source_fd, "b", 1, 0), 1);
	CHECK_EQ(find(&n), -1);
	/* ... and so soon after that, it is not kept: nobody could see another change. */
	store(bytes, sizeof(bytes));
	CHECK_EQ(entries(name), 1);
	cache_deinit();
}

/* An entry that is not as it was written is not used, and is gone. */
static void cache_damaged(void)
{
	static uint8_t bytes[50000];
	char name[NAME_MAX + 1], path[PATH_MAX + 64];
	uint64_t n;

	CHECK(cache_init());
	for (unsigned i = 0; i < 8; i++) {
		int fd;

		store(bytes, sizeof(bytes));
		CHECK_EQ(entries(name), 1);
		CHECK(holds(bytes, sizeof(bytes)));
		snprintf(path, sizeof(path), "%s/%s", folder, name);
		fd = open(path, O_RDWR);
		CHECK(fd >= 0);
		switch (i) {
		case 0: /* a byte of it */
			CHECK_EQ(pwrite(fd, "x", 1, 1234), 1);
			break;
		case 1:
			CHECK_EQ(ftruncate(fd, 49999), 0);
			break;
		case 2:
			CHECK_EQ(ftruncate(fd, 0), 0);
			break;
		case 3: /* longer */
			CHECK_EQ(ftruncate(fd, 60000), 0);
			break;
		case 4: /* others may write to it, or could have */
			CHECK_EQ(fchmod(fd, 0620), 0);
			break;
		case 5: /* it has another name, which somebody may have given it */
			CHECK_EQ(linkat(folder_fd, name, folder_fd, "other", 0), 0);
			break;
		case 6: /* it is a link to somewhere */
			CHECK_EQ(renameat(folder_fd, name, folder_fd, "other"), 0);
			CHECK_EQ(symlinkat("other", folder_fd, name), 0);
			break;
		default: /* no file at all */
			CHECK_EQ(unlinkat(folder_fd, name, 0), 0);
			CHECK_EQ(mkfifo(path, 0600), 0);
		}
		close(fd);
		CHECK_EQ(find(&n), -1);
		unlinkat(folder_fd, "other", 0);
		CHECK_EQ(entries(name), 0);
	}
	cache_deinit();
}

/* Of another host's boot, or written to without a change: its sum tells, and the next time is quick again. */
static void cache_of_another_boot(void)
{
	static uint8_t bytes[50000];
	const struct timespec now[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_NOW } };
	char name[NAME_MAX + 1];
	struct stat st, source;

	CHECK(cache_init());
	store(bytes, sizeof(bytes));
	CHECK_EQ(entries(name), 1);
	CHECK(!utimensat(folder_fd, name, now, 0));
	CHECK(holds(bytes, sizeof(bytes)));
	CHECK(!fstatat(folder_fd, name, &st, 0) && !fstat(source_fd, &source));
	CHECK_EQ(st.st_mtim.tv_sec, source.st_mtim.tv_sec);
	CHECK_EQ(st.st_mtim.tv_nsec, source.st_mtim.tv_nsec);
	CHECK(holds(bytes, sizeof(bytes)));
	cache_deinit();
}

static void cache_of_others(void)
{
	static uint8_t bytes[5000];
	char name[NAME_MAX + 1];
	uint64_t n;

	if (geteuid())
		SKIP("only root can give a file to somebody else");
	CHECK(cache_init());
	store(bytes, sizeof(bytes));
	CHECK_EQ(entries(name), 1);
	CHECK_EQ(fchownat(folder_fd, name, 1, 1, 0), 0);
	CHECK_EQ(find(&n), -1);
	CHECK_EQ(entries(name), 0);
	cache_deinit();
}

/* The oldest go when there are too many, what was left half done with them. */
static void cache_bounded(void)
{
	static uint8_t bytes[5000];
	static const struct timespec pause = { 0, 30000000 }; /* ctime has ticks */
	char name[NAME_MAX + 1];

	CHECK(cache_init());
	for (unsigned i = 0; i < 3; i++) {
		int fd;

		snprintf(name, sizeof(name), i ? "kernel-%u" : "new-kernel-%u", i);
		fd = openat(folder_fd, name, O_RDWR | O_CREAT, 0600);
		CHECK(fd >= 0 && !ftruncate(fd, (off_t)KERNEL_CACHE_MAX / 3));
		close(fd);
		nanosleep(&pause, NULL);
	}
	/* Not ours: it is left alone. */
	close(openat(folder_fd, "else", O_RDWR | O_CREAT, 0600));
	store(bytes, sizeof(bytes));
	CHECK(holds(bytes, sizeof(bytes)));
	CHECK(faccessat(folder_fd, "new-kernel-0", F_OK, 0));
	CHECK(!faccessat(folder_fd, "kernel-1", F_OK, 0));
	CHECK(!faccessat(folder_fd, "kernel-2", F_OK, 0));
	CHECK(!faccessat(folder_fd, "else", F_OK, 0));
	/* More than all of it is not kept, and others make room for nothing. */
	store(NULL, KERNEL_CACHE_MAX + 1);
	CHECK(!holds(bytes, sizeof(bytes)));
	CHECK(!faccessat(folder_fd, "else", F_OK, 0));
	cache_deinit();
}

/* A disk that is full: a write fails. Nothing is left of it. */
static void cache_on_a_full_disk(void)
{
	static uint8_t bytes[50000];
	struct rlimit limit, low = { 20000, 0 };
	char name[NAME_MAX + 1];

	CHECK(cache_init());
	CHECK(!getrlimit(RLIMIT_FSIZE, &limit));
	low.rlim_max = limit.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	CHECK(!setrlimit(RLIMIT_FSIZE, &low));
	store(bytes, sizeof(bytes));
	CHECK(!setrlimit(RLIMIT_FSIZE, &limit));
	CHECK_EQ(entries(name), 0);
	cache_deinit();
}

static int open_folder(void)
{
	return dup(folder_fd);
}

/* The guest's RAM is fresh at each boot. */
static int load_again(void)
{
	int r;

	memset(f.board.memory.hva, 0, f.board.memory.size);
	arch_boot_find(&f.board);
	r = arch_boot_load(&f.board);
	arch_boot_keep(&f.board);
	return r;
}

/* The whole way: unpacked and kept, then taken from there; a damaged entry is made again. */
static void second_boot(void)
{
	struct range part = { SETUP + STUB, 0 };
	struct stat kept, used;
	char name[NAME_MAX + 1];
	struct image file, kernel;
	size_t len;
	int fd;

	CHECK(ARRAY_SIZE(packers));
	CHECK(cache_init());
	CHECK(set_up(MIB(64)));
	f.config.kernel_cache = open_folder;
	make_plain(true, true);
	len = pack(&packers[0]);
	part.size = packed_len;
	close(source_fd);
	f.config.kernel_fd = file_of(image, len);
	source_fd = dup(f.config.kernel_fd);
	nanosleep(&(struct timespec){ 0, 30000000 }, NULL);
	CHECK_EQ(load_again(), 0);
	CHECK(is_placed(true, true));
	CHECK_EQ(entries(name), 1);
	CHECK(!fstatat(folder_fd, name, &kept, 0));
	for (unsigned i = 0; i < 2; i++) {
		CHECK_EQ(image_init(&kernel, "KERNEL", f.config.kernel_fd), 0);
		arch_boot_find(&f.board);
		CHECK_EQ(vmlinux_file(&f.board.kept, &kernel, part, INIT_SIZE, &file), 0);
		CHECK(!fstat(file.fd, &used));
		/* The entry itself the first time; damaged, what was unpacked again. */
		CHECK_EQ(used.st_ino == kept.st_ino && used.st_dev == kept.st_dev, i == 0);
		CHECK_EQ(file.size, plain_len);
		close(file.fd);
		arch_boot_keep(&f.board);
		fd = openat(folder_fd, name, O_WRONLY);
		CHECK(fd >= 0 && pwrite(fd, "x", 1, TEXT_AT) == 1);
		close(fd);
	}
	CHECK_EQ(load_again(), 0);
	CHECK(is_placed(true, true));
	/* The folder is gone: it boots all the same. */
	forget();
	rmdir(folder);
	CHECK_EQ(load_again(), 0);
	CHECK(is_placed(true, true));
	tear_down();
	cache_deinit();
}

static const struct test tests[] = {
	TEST(compressions),
	TEST(streams_damaged),
	TEST(sizes_that_lie),
	TEST(places_differ),
	TEST(above_4_gib),
	TEST(linked_place),
	TEST(words_of_its_own),
	TEST(kernels_not_understood),
	TEST(tables),
	TEST(places_outside),
	TEST(relocations_not_understood),
	TEST(rubbish),
	TEST(cache_keeps),
	TEST(cache_damaged),
	TEST(cache_of_another_boot),
	TEST(cache_of_others),
	TEST(cache_bounded),
	TEST(cache_on_a_full_disk),
	TEST(second_boot),
};

int main(void)
{
	rubbish_init();
	return test_main(tests, ARRAY_SIZE(tests));
}
