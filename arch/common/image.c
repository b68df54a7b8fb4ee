/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files into guest RAM, and what a file is that cannot be booted. Formats are told by their magic
 * numbers: Documentation/arch/arm64/booting.rst (Image), the ELF specification's header, and the
 * compressed formats that distributions ship kernels in. Nothing is unpacked here: a compressed
 * kernel that is not its own unpacker is named and refused.
 *
 * Runs on the main thread, before the guest.
 */
#include "image.h"

#include <base/bytes.h>
#include <base/fd.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int image_init(struct image *image, const char *path, int fd)
{
	struct stat st;
	off_t end;

	if (fd < 0)
		return fail(STATUS_IMAGE, ENOENT, "%s: cannot be read; check the path", path);
	if (fstat(fd, &st) < 0)
		return fail(STATUS_IMAGE, errno, "%s: cannot be read: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return fail(STATUS_IMAGE, EISDIR, "%s: is a directory; give a file", path);
	end = lseek(fd, 0, SEEK_END); /* also the size of a block device */
	if (end < 0)
		return fail(STATUS_IMAGE, errno,
			    "%s: is not a regular file; copy it into one first", path);
	if (end == 0)
		return fail(STATUS_IMAGE, ENODATA, "%s: is empty; build or fetch it again", path);
	*image = (struct image){ .path = path, .fd = fd, .size = (uint64_t)end };
	return 0;
}

int image_read(const struct image *image, uint64_t offset, void *buf, uint64_t len)
{
	struct range file = { 0, image->size };
	int r = range_holds(file, offset, len) ? fd_read_at(image->fd, buf, len, offset) : -ENODATA;

	if (r == -ENODATA)
		return fail(STATUS_IMAGE, ENODATA,
			    "%s: is truncated: %" PRIu64 " bytes are wanted at offset %" PRIu64
			    ", the file has %" PRIu64 "; build or fetch it again",
			    image->path, len, offset, image->size);
	if (r < 0)
		return fail(STATUS_IMAGE, -r, "%s: reading failed: %s", image->path, strerror(-r));
	return 0;
}

int image_load(const struct image *image, uint64_t offset, uint64_t len, const struct memory *mem,
	       gpa_t gpa)
{
	struct range file = { 0, image->size };
	uint8_t *hva = memory_at(mem, gpa, len);
	uint64_t done = 0;

	if (!hva)
		return fail(STATUS_IMAGE, ENOMEM,
			    "%s: %#" PRIx64 " bytes at %#" PRIx64 " lie outside guest RAM; give "
			    "more of it with --mem",
			    image->path, len, gpa);
	if (range_holds(file, offset, len))
		done = memory_copy_file(mem, hva, image->fd, offset, len);
	return image_read(image, offset + done, hva + done, len - done);
}

/* ELF e_machine (gABI chapter 4) of what people have at hand. */
static const struct {
	uint16_t machine;
	const char *name;
} machines[] = {
	{ 3, "32-bit x86" }, { 8, "MIPS" },        { 21, "64-bit PowerPC" },
	{ 22, "s390" },      { 40, "32-bit Arm" }, { 62, "x86_64" },
	{ 183, "aarch64" },  { 243, "RISC-V" },    { 258, "LoongArch" },
};

static const struct {
	unsigned offset, len;
	const char *magic;
	const char *what;
} formats[] = {
	{ 4, 4, "zimg", "an EFI zboot image; unpack the kernel inside it" },
	{ 56, 4, "ARM\x64", "an aarch64 kernel" },
	{ 56, 4, "RSC\x05", "a RISC-V kernel" },
	{ 514, 4, "HdrS", "an x86 kernel (bzImage)" },
	{ 36, 4, "\x18\x28\x6f\x01", "a 32-bit Arm kernel (zImage)" },
	{ 0, 2, "\x1f\x8b", "compressed by gzip; unpack it with gunzip" },
	{ 0, 6, "\3757zXZ\0", "compressed by xz; unpack it with unxz" },
	{ 0, 4, "\x28\xb5\x2f\xfd", "compressed by zstd; unpack it with unzstd" },
	{ 0, 4, "\x02\x21\x4c\x18", "compressed by lz4; unpack it with unlz4" },
	{ 0, 4, "\x04\x22\x4d\x18", "compressed by lz4; unpack it with unlz4" },
	{ 0, 3, "BZh", "compressed by bzip2; unpack it with bunzip2" },
	{ 0, 5, "\x5d\0\0\x80\0", "compressed by lzma; unpack it with unlzma" },
	{ 0, 4, "\xd0\x0d\xfe\xed", "a device tree or FIT image" },
	{ 0, 4, "\x27\x05\x19\x56", "a U-Boot uImage" },
	{ 0, 6, "070701", "a cpio archive, perhaps the initrd" },
	{ 0, 7, "!<arch>", "an ar archive or Debian package" },
	{ 0, 2, "MZ", "an EFI program" },
	{ 0, 2, "#!", "a script" },
};

static int refuse_elf(const struct image *image, const uint8_t *head, const char *wanted)
{
	uint16_t machine = head[5] == 2 ? (uint16_t)(head[18] << 8 | head[19])
					: load_le16(head + 18);

	for (unsigned i = 0; i < ARRAY_SIZE(machines); i++)
		if (machines[i].machine == machine)
			return fail(STATUS_IMAGE, ENOEXEC, "%s: is a %s-bit ELF file for %s; %s",
				    image->path, head[4] == 1 ? "32" : "64", machines[i].name,
				    wanted);
	return fail(STATUS_IMAGE, ENOEXEC, "%s: is an ELF file for machine %u; %s", image->path,
		    machine, wanted);
}

int image_refuse(const struct image *image, const char *wanted)
{
	uint8_t head[1024] = { 0 };
	int r = image_read(image, 0, head, MIN(image->size, sizeof(head)));

	if (r < 0)
		return r;
	if (!memcmp(head, "\177ELF", 4))
		return refuse_elf(image, head, wanted);
	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++)
		if (!memcmp(head + formats[i].offset, formats[i].magic, formats[i].len))
			return fail(STATUS_IMAGE, ENOEXEC,
				    "%s: is not a kernel for this machine but %s; %s", image->path,
				    formats[i].what, wanted);
	return fail(STATUS_IMAGE, ENOEXEC, "%s: is not a kernel; %s", image->path, wanted);
}
