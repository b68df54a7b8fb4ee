/* SPDX-License-Identifier: BSD-2-Clause */
/* xz, and lzma as it was before that, by liblzma. */
#include "unpack_codec.h"

#include <errno.h>
#include <lzma.h>

/* Linux's dictionaries have up to 32 MiB (scripts/xz_wrap.sh) and, by lzma -9, 64. */
#define MEMORY_MAX MIB(128)

static bool xz_init(void *state)
{
	return lzma_stream_decoder(state, MEMORY_MAX, 0) == LZMA_OK;
}

static bool lzma_init(void *state)
{
	return lzma_alone_decoder(state, MEMORY_MAX) == LZMA_OK;
}

static void lzma_deinit(void *state)
{
	lzma_end(state);
}

static int lzma_step(void *state, struct unpack_input *input, uint8_t *to, size_t room,
		     size_t *ret_n)
{
	lzma_stream *s = state;
	lzma_ret r;

	s->next_in = input->in;
	s->avail_in = input->in_n;
	s->next_out = to;
	s->avail_out = room;
	r = lzma_code(s, LZMA_RUN);
	input->in = s->next_in;
	input->in_n = s->avail_in;
	*ret_n = room - s->avail_out;
	input->done = r == LZMA_STREAM_END;
	return r == LZMA_OK || r == LZMA_STREAM_END || r == LZMA_BUF_ERROR ? 0 : -EBADMSG;
}

const struct unpack_codec unpack_xz = {
	.name = "xz",
	.magic = "\375"
		 "7zXZ",
	.magic_len = 6,
	.state_size = sizeof(lzma_stream),
	.init = xz_init,
	.deinit = lzma_deinit,
	.step = lzma_step,
};

const struct unpack_codec unpack_lzma = {
	.name = "lzma",
	.magic = "\x5d\0\0",
	.magic_len = 3,
	.state_size = sizeof(lzma_stream),
	.init = lzma_init,
	.deinit = lzma_deinit,
	.step = lzma_step,
};
