/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux bzImage by the 64-bit boot protocol (Documentation/arch/x86/boot.rst, zero-page.rst): the
 * protected-mode part goes to the address it prefers, its setup header into a boot_params page, and
 * the boot processor starts in 64-bit mode with the first 4 GiB identity-mapped. The real-mode part
 * is never run and never loaded. A Linux is unpacked by thru where that can be done (vmlinux.c), and then the
 * protected-mode part is not loaded either.
 *
 * Left out: protocols before 2.12 (2012), loading away from the preferred address, initrds above
 * 4 GiB, EFI handover.
 */
#include "boot.h"
#include "layout.h"

#include <base/bytes.h>
#include <base/error.h>
#include <errno.h>
#include <string.h>

/* struct boot_params; the setup header's fields have the same offsets in it and in the file. */
enum {
	BP_ACPI_RSDP_ADDR = 0x070,
	BP_EXT_RAMDISK_IMAGE = 0x0c0,
	BP_EXT_RAMDISK_SIZE = 0x0c4,
	BP_E820_ENTRIES = 0x1e8,
	HDR_START = 0x1f1,
	HDR_SETUP_SECTS = 0x1f1,
	HDR_SYSSIZE = 0x1f4,
	HDR_VID_MODE = 0x1fa,
	HDR_BOOT_FLAG = 0x1fe,
	HDR_JUMP_LENGTH = 0x201, /* the header ends at 0x202 + this */
	HDR_MAGIC = 0x202,
	HDR_VERSION = 0x206,
	HDR_KERNEL_VERSION = 0x20e,
	HDR_TYPE_OF_LOADER = 0x210,
	HDR_RAMDISK_IMAGE = 0x218,
	HDR_RAMDISK_SIZE = 0x21c,
	HDR_CMD_LINE_PTR = 0x228,
	HDR_INITRD_ADDR_MAX = 0x22c,
	HDR_XLOADFLAGS = 0x236,
	HDR_CMDLINE_SIZE = 0x238,
	HDR_PAYLOAD_OFFSET = 0x248,
	HDR_PAYLOAD_LENGTH = 0x24c,
	HDR_PREF_ADDRESS = 0x258,
	HDR_INIT_SIZE = 0x260,
	HDR_MIN_END = 0x264, /* through init_size */
	HDR_MAX_END = 0x290, /* what follows in boot_params is not the header's */
	BP_E820_TABLE = 0x2d0,
	BP_SIZE = 4096,

	VERSION_MIN = 0x20c,
	XLF_KERNEL_64 = BIT(0),
	XLF_CAN_BE_LOADED_ABOVE_4G = BIT(1),
	ENTRY_64 = 0x200, /* past the start of the protected-mode part */
	LOADER_UNDEFINED = 0xff,
	VID_MODE_NORMAL = 0xffff,
	SECTOR = 512,
	PARAGRAPH = 16,
	UNPACKED_MIN = 6, /* Linux before that was not tried: it unpacks itself */
};

/*
 * Others speak this protocol too (memtest86+). Of a Linux the text that the header points to, past its first
 * sector, begins with a number: "6.12.0 (user@host) #1 ...". Returns the 6; 0 is no Linux.
 */
static unsigned linux_version(const struct image *kernel, const uint8_t *header)
{
	unsigned at = load_le16(header + HDR_KERNEL_VERSION), version = 0, i;
	uint8_t text[3] = { 0 };

	if (!at || at + SECTOR + sizeof(text) > kernel->size ||
	    image_read(kernel, at + SECTOR, text, sizeof(text)))
		return 0;
	for (i = 0; i < sizeof(text) && text[i] >= '0' && text[i] <= '9'; i++)
		version = version * 10 + text[i] - '0';
	return i < sizeof(text) && text[i] == '.' ? version : 0;
}

/* Read the header and refuse what is no 64-bit kernel of a known protocol. */
static int read_header(const struct image *kernel, uint8_t header[HDR_MAX_END])
{
	unsigned version;
	int r;

	if (kernel->size < HDR_MIN_END)
		return image_refuse(kernel, BOOT_WANTED);
	r = image_read(kernel, 0, header, MIN(kernel->size, HDR_MAX_END));
	if (r)
		return r;
	if (load_le16(header + HDR_BOOT_FLAG) != 0xaa55 || memcmp(header + HDR_MAGIC, "HdrS", 4))
		return image_refuse(kernel, BOOT_WANTED);
	version = load_le16(header + HDR_VERSION);
	if (version < VERSION_MIN)
		return fail(STATUS_IMAGE, ENOEXEC,
			    "%s: speaks boot protocol %u.%02u, 2.12 is the oldest known here; give "
			    "Linux 3.8 or newer",
			    kernel->path, version >> 8, version & 0xff);
	/* Fields that 2.12 has, and something behind the 64-bit entry. */
	if (HDR_MAGIC + header[HDR_JUMP_LENGTH] < HDR_MIN_END ||
	    load_le32(header + HDR_SYSSIZE) <= ENTRY_64 / PARAGRAPH)
		return fail(STATUS_IMAGE, ENOEXEC,
			    "%s: is damaged: its header is too short, or there is no kernel behind "
			    "it; build or fetch it again",
			    kernel->path);
	if (!(load_le16(header + HDR_XLOADFLAGS) & XLF_KERNEL_64))
		return fail(STATUS_IMAGE, ENOEXEC,
			    "%s: is a 32-bit x86 kernel; give one built for x86_64", kernel->path);
	return 0;
}

/* The setup header and nothing else of the file goes into boot_params (boot.rst). */
static void write_params(struct board *board, const uint8_t *header)
{
	uint8_t *params = memory_at(&board->memory, LAYOUT_BOOT_PARAMS, BP_SIZE);
	unsigned end = MIN(HDR_MAGIC + header[HDR_JUMP_LENGTH], HDR_MAX_END);

	memcpy(params + HDR_START, header + HDR_START, end - HDR_START);
	params[HDR_TYPE_OF_LOADER] = LOADER_UNDEFINED;
	store_le16(params + HDR_VID_MODE, VID_MODE_NORMAL);
	store_le32(params + HDR_CMD_LINE_PTR, LAYOUT_CMDLINE);
}

/*
 * syssize counts paragraphs of 16 bytes, rounded up (boot.rst): the payload, and with it the file, may
 * end inside the last one.
 */
static uint64_t payload_size(const struct image *kernel, uint64_t setup, uint64_t syssize)
{
	uint64_t payload = syssize * PARAGRAPH, there = kernel->size - MIN(setup, kernel->size);

	return payload > there && payload - there < PARAGRAPH ? there : payload;
}

/* Where the protected-mode part begins. setup_sects does not count the boot sector; 0 means 4 (boot.rst). */
static uint64_t setup_size(const uint8_t *header)
{
	return (header[HDR_SETUP_SECTS] ? header[HDR_SETUP_SECTS] : 4) * SECTOR + SECTOR;
}

int bzimage_load(struct board *board, const struct image *kernel, struct boot_room *ret_room)
{
	uint8_t header[HDR_MAX_END] = { 0 };
	uint64_t payload, need;
	gpa_t base;
	int r;

	r = read_header(kernel, header);
	if (r)
		return r;
	r = boot_cmdline(board, load_le32(header + HDR_CMDLINE_SIZE));
	if (r)
		return r;

	payload = payload_size(kernel, setup_size(header), load_le32(header + HDR_SYSSIZE));
	base = load_le64(header + HDR_PREF_ADDRESS);
	/* init_size is what the kernel uses, from where it stands, before it reads the memory map. */
	need = MAX(load_le32(header + HDR_INIT_SIZE), payload);
	if (base < LAYOUT_KERNEL_MIN || base + need < base || base + need > LAYOUT_MEM32_BASE ||
	    !memory_at(&board->memory, base, need))
		return boot_no_room(board, kernel, base, need);

	write_params(board, header);
	if (linux_version(kernel, header))
		board->boot.linux_cmdline = load_le32(header + HDR_CMDLINE_SIZE);
	board->boot.argument = LAYOUT_BOOT_PARAMS;
	*ret_room = (struct boot_room){
		.floor = base + need,
		.ceiling = load_le16(header + HDR_XLOADFLAGS) & XLF_CAN_BE_LOADED_ABOVE_4G
				   ? GIB(4)
				   : load_le32(header + HDR_INITRD_ADDR_MAX) + 1ull,
	};
	return 0;
}

/* The compressed kernel in the file, which boot.rst says where to find; of size 0 where it is not to be unpacked. */
static struct range packed(const struct board *board, const struct image *kernel,
			   const uint8_t *params)
{
	struct range part = { setup_size(params) + load_le32(params + HDR_PAYLOAD_OFFSET),
			      load_le32(params + HDR_PAYLOAD_LENGTH) };

	if (!board->config->kernel_unpack || linux_version(kernel, params) < UNPACKED_MIN ||
	    !range_holds((struct range){ 0, kernel->size }, part.base, part.size))
		part.size = 0;
	return part;
}

int bzimage_place(struct board *board, const struct image *kernel)
{
	uint8_t *params = memory_at(&board->memory, LAYOUT_BOOT_PARAMS, BP_SIZE);
	uint64_t setup = setup_size(params), base = load_le64(params + HDR_PREF_ADDRESS);
	struct range part = packed(board, kernel, params);

	if (part.size &&
	    !vmlinux_place(board, kernel, part, load_le32(params + HDR_INIT_SIZE), params))
		return 0;
	error_clear();
	board->boot.entry = base + ENTRY_64;
	return image_load(kernel, setup,
			  payload_size(kernel, setup, load_le32(params + HDR_SYSSIZE)),
			  &board->memory, base);
}

/* The 2 MiB at an address, with what tables there are not yet from `next` up. */
static void map_large(struct board *board, gpa_t at, gpa_t *next)
{
	gpa_t table = LAYOUT_PAGE_TABLES;

	for (unsigned shift = 39; shift > 21; shift -= 9) {
		uint8_t *entry = memory_at(&board->memory, table + 8 * (at >> shift & 511), 8);

		if (!load_le64(entry)) {
			store_le64(entry, *next | 3);
			*next += KIB(4);
		}
		table = load_le64(entry) & ~0xfffull;
	}
	store_le64(memory_at(&board->memory, table + 8 * (at >> 21 & 511), 8), at | 0x83);
}

/* PML4 -> PDPT -> four page directories of 2 MiB pages: the first 4 GiB, present and writable. */
static void write_page_tables(struct board *board, struct range kernel)
{
	uint8_t *tables = memory_at(&board->memory, LAYOUT_PAGE_TABLES, 6 * KIB(4));
	gpa_t pdpt = LAYOUT_PAGE_TABLES + KIB(4), directory = pdpt + KIB(4), next;

	store_le64(tables, pdpt | 3);
	for (unsigned i = 0; i < 4; i++)
		store_le64(tables + KIB(4) + 8 * i, (directory + KIB(4) * i) | 3);
	for (uint64_t i = 0; i < 4 * 512; i++)
		store_le64(tables + KIB(8) + 8 * i, i << 21 | 0x83);
	/* A kernel that stands elsewhere, of at most 1 GiB, spans two directories and two tables above them. */
	next = LAYOUT_PAGE_TABLES + 6 * KIB(4);
	for (gpa_t at = MAX(kernel.base, GIB(4)); at < kernel.base + kernel.size; at += MIB(2))
		map_large(board, at, &next);
}

/* boot.rst: __BOOT_CS is selector 0x10, __BOOT_DS 0x18, both flat. */
static void write_gdt(struct board *board)
{
	static const uint64_t gdt[] = { 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff };
	uint8_t *at = memory_at(&board->memory, LAYOUT_GDT, sizeof(gdt));

	for (unsigned i = 0; i < ARRAY_SIZE(gdt); i++)
		store_le64(at + 8 * i, gdt[i]);
}

void bzimage_finish(struct board *board)
{
	uint8_t *params = memory_at(&board->memory, LAYOUT_BOOT_PARAMS, BP_SIZE);
	const struct boot_info *boot = &board->boot;
	struct boot_map_entry map[BOOT_MAP_MAX];
	unsigned n = boot_map(&board->layout, map);

	store_le64(params + BP_ACPI_RSDP_ADDR, boot->rsdp);
	store_le32(params + HDR_RAMDISK_IMAGE, (uint32_t)boot->initrd.base);
	store_le32(params + BP_EXT_RAMDISK_IMAGE, (uint32_t)(boot->initrd.base >> 32));
	store_le32(params + HDR_RAMDISK_SIZE, (uint32_t)boot->initrd.size);
	store_le32(params + BP_EXT_RAMDISK_SIZE, (uint32_t)(boot->initrd.size >> 32));
	params[BP_E820_ENTRIES] = (uint8_t)n;
	for (unsigned i = 0; i < n; i++) {
		uint8_t *entry = params + BP_E820_TABLE + 20 * i;

		store_le64(entry, map[i].base);
		store_le64(entry + 8, map[i].size);
		store_le32(entry + 16, map[i].type);
	}
	write_page_tables(board, boot->unpacked);
	write_gdt(board);
}
