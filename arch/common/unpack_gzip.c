/* SPDX-License-Identifier: BSD-2-Clause */
/* gzip by zlib. */
#include "unpack_codec.h"

#include <errno.h>
#include <zlib.h>

static bool gzip_init(void *state)
{
	return inflateInit2((z_stream *)state, MAX_WBITS + 16) == Z_OK; /* +16: a gzip header */
}

static void gzip_deinit(void *state)
{
	inflateEnd(state);
}

static int gzip_step(void *state, struct unpack_input *input, uint8_t *to, size_t room,
		     size_t *ret_n)
{
	unsigned step = (unsigned)MIN(room, (size_t)MIB(64)); /* zlib counts in 32 bits */
	z_stream *z = state;
	int r;

	z->next_in = (uint8_t *)(uintptr_t)input->in;
	z->avail_in = (unsigned)input->in_n;
	z->next_out = to;
	z->avail_out = step;
	r = inflate(z, Z_NO_FLUSH);
	input->in = z->next_in;
	input->in_n = z->avail_in;
	*ret_n = step - z->avail_out;
	input->done = r == Z_STREAM_END;
	input->why = z->msg;
	return r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR ? 0 : -EBADMSG;
}

const struct unpack_codec unpack_gzip = {
	.name = "gzip",
	.magic = "\x1f\x8b",
	.magic_len = 2,
	.state_size = sizeof(z_stream),
	.init = gzip_init,
	.deinit = gzip_deinit,
	.step = gzip_step,
};
