/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gzip streams by zlib. What follows the stream in the file (EFI zboot appends the unpacked size)
 * is not looked at.
 */
#include "gunzip.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

struct gunzip {
	const struct image *image;
	uint64_t next, end; /* of the file */
	bool done;
	z_stream z;
	uint8_t in[KIB(64)];
};

int gunzip_open(const struct image *image, struct range part, struct gunzip **ret)
{
	struct gunzip *gz = calloc(1, sizeof(*gz));

	if (!gz || inflateInit2(&gz->z, MAX_WBITS + 16) != Z_OK) { /* +16: expect a gzip header */
		free(gz);
		return fail(STATUS_FAILURE, ENOMEM, "%s: no memory to unpack it", image->path);
	}
	gz->image = image;
	gz->next = part.base;
	gz->end = part.base + part.size;
	*ret = gz;
	return 0;
}

void gunzip_close(struct gunzip **gz)
{
	if (!*gz)
		return;
	inflateEnd(&(*gz)->z);
	free(*gz);
	*gz = NULL;
}

static int refill(struct gunzip *gz)
{
	uint64_t len = MIN(gz->end - gz->next, (uint64_t)sizeof(gz->in));
	int r;

	if (!len)
		return fail(STATUS_IMAGE, ENODATA,
			    "%s: is truncated: its gzip stream ends early; build or fetch it again",
			    gz->image->path);
	r = image_read(gz->image, gz->next, gz->in, len);
	if (r)
		return r;
	gz->next += len;
	gz->z.next_in = gz->in;
	gz->z.avail_in = (unsigned)len;
	return 0;
}

static int damaged(const struct gunzip *gz)
{
	return fail(STATUS_IMAGE, EBADMSG,
		    "%s: is damaged: its gzip stream does not unpack (%s); build or fetch it again",
		    gz->image->path, gz->z.msg ? gz->z.msg : "bad data");
}

int gunzip_read(struct gunzip *gz, void *buf, size_t len, size_t *ret_n)
{
	size_t n = 0;
	int r;

	while (n < len && !gz->done) {
		/* zlib counts in 32 bits */
		unsigned step = (unsigned)MIN(len - n, (size_t)MIB(64));

		if (!gz->z.avail_in) {
			r = refill(gz);
			if (r)
				return r;
		}
		gz->z.next_out = (uint8_t *)buf + n;
		gz->z.avail_out = step;
		r = inflate(&gz->z, Z_NO_FLUSH);
		n += step - gz->z.avail_out;
		gz->done = r == Z_STREAM_END;
		if (r != Z_OK && r != Z_STREAM_END)
			return damaged(gz);
	}
	*ret_n = n;
	return 0;
}
