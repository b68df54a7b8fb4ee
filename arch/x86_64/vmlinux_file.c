/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is compressed in a bzImage: a stream (common/unpack.h), and behind it 4 bytes that say how much it unpacks to
 * (size_append in scripts/Makefile.lib of Linux). gzip's own end is just that. The file is hostile: the number is
 * checked against what the kernel may need, and the stream has to have exactly as much.
 *
 * It goes to a memfd, from which it is loaded as a vmlinux is from its file, and to the cache for the next time.
 *
 * Main thread, before the guest.
 */
#include "vmlinux_file.h"

#include "../common/unpack.h"

#include <base/bytes.h>
#include <base/fd.h>
#include <elf.h>
#include <errno.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE_APPENDED 4

struct contents {
	int fd;
	uint8_t *bytes;
	uint64_t size;
};

/* `memory`: a file for it that is somebody else's; -1: one of our own. */
static int contents_init(struct contents *c, int memory, uint64_t size)
{
	*c = (struct contents){ .size = size };
	c->fd = memory < 0 ? memfd_create("vmlinux", MFD_CLOEXEC) : dup(memory);
	if (c->fd < 0 || ftruncate(c->fd, (off_t)size))
		return -errno;
	c->bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (c->bytes == MAP_FAILED)
		c->bytes = NULL;
	return c->bytes ? 0 : -errno;
}

static void contents_deinit(struct contents *c)
{
	if (c->bytes)
		munmap(c->bytes, c->size);
	fd_close(&c->fd);
}

static int unpack(const struct image *kernel, struct range part, const struct unpack_codec *codec,
		  const struct contents *c)
{
	_cleanup_(unpack_close) struct unpack *u = NULL;
	uint8_t more;
	size_t n;
	int r;

	r = unpack_open(kernel, part, codec, &u);
	if (!r)
		r = unpack_read(u, c->bytes, c->size, &n);
	if (!r && n != c->size)
		return -EBADMSG;
	/* The end, where its checksum is; a byte more than announced is none. */
	if (!r)
		r = unpack_read(u, &more, 1, &n);
	return r ? r : n ? -EBADMSG : 0;
}

int vmlinux_file(struct kernel_kept *kept, const struct image *kernel, struct range part,
		 uint64_t max, struct image *ret)
{
	_cleanup_(contents_deinit) struct contents c = { .fd = -1 };
	const struct unpack_codec *codec;
	uint8_t begin[16], end[SIZE_APPENDED];
	int r;

	*ret = (struct image){ .path = kernel->path, .fd = -1 };
	if (part.size < sizeof(begin) + sizeof(end))
		return -ENOEXEC;
	if (kept->looked && kept->fd >= 0) {
		ret->fd = dup(kept->fd);
		ret->size = kept->size;
		return ret->fd < 0 ? -errno : 0;
	}
	r = image_read(kernel, part.base, begin, sizeof(begin));
	if (!r)
		r = image_read(kernel, part.base + part.size - sizeof(end), end, sizeof(end));
	if (r)
		return r;
	codec = unpack_codec_of(begin, sizeof(begin));
	ret->size = load_le32(end);
	if (!codec || ret->size < sizeof(Elf64_Ehdr) || ret->size > max)
		return -ENOEXEC;
	if (codec != unpack_codec_named("gzip"))
		part.size -= SIZE_APPENDED;
	r = contents_init(&c, kept->looked ? kept->memory : -1, ret->size);
	if (!r)
		r = unpack(kernel, part, codec, &c);
	if (r)
		return r;
	kept->unpacked = kept->looked && kept->memory >= 0;
	kept->size = c.size;
	ret->fd = c.fd;
	c.fd = -1;
	return 0;
}
