/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gzip streams by zlib, zstd frames by libzstd: those two are what Linux packs kernels into for EFI
 * (drivers/firmware/efi/libstub/Makefile.zboot). libzstd may be missing when thru is built; such a
 * kernel is then refused. What follows the stream in the file is not looked at. Output goes where the
 * caller has room and no further, so a small file cannot unpack to more than guest RAM; libzstd keeps
 * at most 128 MiB to itself (ZSTD_WINDOWLOG_LIMIT_DEFAULT).
 */
#include "unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>
#if HAVE_ZSTD
#include <zstd.h>
#endif

struct unpack {
	const struct image *image;
	enum unpack_kind kind;
	uint64_t next, end; /* of the file */
	const uint8_t *in;  /* read and not used yet */
	size_t in_n;
	bool done;
	const char *why; /* of damage, from the library */
	z_stream z;
#if HAVE_ZSTD
	ZSTD_DStream *zstd;
#endif
	uint8_t buffer[KIB(64)];
};

static int no_memory(const struct image *image)
{
	return fail(STATUS_FAILURE, ENOMEM, "%s: no memory to unpack it", image->path);
}

#if HAVE_ZSTD
static int zstd_init(struct unpack *u)
{
	u->zstd = ZSTD_createDStream();
	return u->zstd && !ZSTD_isError(ZSTD_initDStream(u->zstd)) ? 0 : no_memory(u->image);
}

static void zstd_deinit(struct unpack *u)
{
	ZSTD_freeDStream(u->zstd);
}

static int zstd_step(struct unpack *u, uint8_t *to, size_t room, size_t *ret_n)
{
	ZSTD_inBuffer in = { u->in, u->in_n, 0 };
	ZSTD_outBuffer out = { to, room, 0 };
	size_t r = ZSTD_decompressStream(u->zstd, &out, &in);

	u->in += in.pos;
	u->in_n -= in.pos;
	*ret_n = out.pos;
	u->done = r == 0;
	if (!ZSTD_isError(r))
		return 0;
	u->why = ZSTD_getErrorName(r);
	return -EBADMSG;
}
#else
static int zstd_init(struct unpack *u)
{
	return fail(STATUS_IMAGE, ENOTSUP,
		    "%s: is compressed by zstd, and this thru was built without libzstd; unpack it "
		    "with unzstd, or build thru with libzstd",
		    u->image->path);
}

static void zstd_deinit(struct unpack *u)
{
}

static int zstd_step(struct unpack *u, uint8_t *to, size_t room, size_t *ret_n)
{
	return -EBADMSG;
}
#endif

static int gzip_step(struct unpack *u, uint8_t *to, size_t room, size_t *ret_n)
{
	unsigned step = (unsigned)MIN(room, (size_t)MIB(64)); /* zlib counts in 32 bits */
	int r;

	u->z.next_in = (uint8_t *)(uintptr_t)u->in;
	u->z.avail_in = (unsigned)u->in_n;
	u->z.next_out = to;
	u->z.avail_out = step;
	r = inflate(&u->z, Z_NO_FLUSH);
	u->in = u->z.next_in;
	u->in_n = u->z.avail_in;
	*ret_n = step - u->z.avail_out;
	u->done = r == Z_STREAM_END;
	u->why = u->z.msg ? u->z.msg : "bad data";
	return r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR ? 0 : -EBADMSG;
}

int unpack_open(const struct image *image, struct range part, enum unpack_kind kind,
		struct unpack **ret)
{
	struct unpack *u = calloc(1, sizeof(*u));
	int r = 0;

	if (!u)
		return no_memory(image);
	u->image = image;
	u->kind = kind;
	u->in = u->buffer;
	u->next = part.base;
	u->end = part.base + part.size;
	if (kind == UNPACK_ZSTD)
		r = zstd_init(u);
	else if (inflateInit2(&u->z, MAX_WBITS + 16) != Z_OK) /* +16: expect a gzip header */
		r = no_memory(image);
	if (r)
		unpack_close(&u);
	else
		*ret = u;
	return r;
}

void unpack_close(struct unpack **u)
{
	if (!*u)
		return;
	inflateEnd(&(*u)->z);
	zstd_deinit(*u);
	free(*u);
	*u = NULL;
}

static const char *name(const struct unpack *u)
{
	return u->kind == UNPACK_ZSTD ? "zstd" : "gzip";
}

static int refill(struct unpack *u)
{
	uint64_t len = MIN(u->end - u->next, (uint64_t)sizeof(u->buffer));
	int r;

	if (!len)
		return fail(STATUS_IMAGE, ENODATA,
			    "%s: is truncated: its %s stream ends early; build or fetch it again",
			    u->image->path, name(u));
	r = image_read(u->image, u->next, u->buffer, len);
	if (r)
		return r;
	u->next += len;
	u->in = u->buffer;
	u->in_n = len;
	return 0;
}

int unpack_read(struct unpack *u, void *buf, size_t len, size_t *ret_n)
{
	size_t n = 0, step;
	int r = 0;

	while (n < len && !u->done) {
		uint8_t *to = (uint8_t *)buf + n;

		r = u->kind == UNPACK_ZSTD ? zstd_step(u, to, len - n, &step)
					   : gzip_step(u, to, len - n, &step);
		if (r)
			return fail(STATUS_IMAGE, EBADMSG,
				    "%s: is damaged: its %s stream does not unpack (%s); build or "
				    "fetch it again",
				    u->image->path, name(u), u->why);
		n += step;
		/* The libraries hold output back too, so more input only when there is no more. */
		if (!step && !u->done && !u->in_n)
			r = refill(u);
		if (r)
			return r;
	}
	*ret_n = n;
	return 0;
}
