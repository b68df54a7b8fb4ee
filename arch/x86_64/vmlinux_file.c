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

#include "../common/kernel_cache.h"
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

static int contents_init(struct contents *c, uint64_t size)
{
	*c = (struct contents){ .fd = memfd_create("vmlinux", MFD_CLOEXEC), .size = size };
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

int vmlinux_file(const struct board_config *config, const struct image *kernel, struct range part,
		 uint64_t max, struct image *ret)
{
	_cleanup_(contents_deinit) struct contents c = { .fd = -1 };
	const struct unpack_codec *codec;
	uint8_t begin[16], end[SIZE_APPENDED];
	_cleanup_fd_ int folder = -1;
	struct stat st;
	int r;

	*ret = (struct image){ .path = kernel->path, .fd = -1 };
	if (part.size < sizeof(begin) + sizeof(end) || fstat(kernel->fd, &st))
		return -ENOEXEC;
	if (config->kernel_cache && S_ISREG(st.st_mode))
		folder = config->kernel_cache();
	if (folder >= 0)
		ret->fd = kernel_cache_find(folder, &st, &ret->size);
	if (ret->fd >= 0)
		return 0;
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
	r = contents_init(&c, ret->size);
	if (!r)
		r = unpack(kernel, part, codec, &c);
	if (r)
		return r;
	if (folder >= 0)
		kernel_cache_store(folder, &st, kernel->fd, c.bytes, c.size);
	ret->fd = c.fd;
	c.fd = -1;
	return 0;
}
