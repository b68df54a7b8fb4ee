/* SPDX-License-Identifier: BSD-2-Clause */
/* bzip2 by libbz2. */
#include "unpack_codec.h"

#include <bzlib.h>
#include <errno.h>

static bool bzip2_init(void *state)
{
	return BZ2_bzDecompressInit(state, 0, 0) == BZ_OK;
}

static void bzip2_deinit(void *state)
{
	BZ2_bzDecompressEnd(state);
}

static int bzip2_step(void *state, struct unpack_input *input, uint8_t *to, size_t room,
		      size_t *ret_n)
{
	unsigned step = (unsigned)MIN(room, (size_t)MIB(64)); /* it counts in 32 bits */
	bz_stream *s = state;
	int r;

	s->next_in = (char *)(uintptr_t)input->in;
	s->avail_in = (unsigned)input->in_n;
	s->next_out = (char *)to;
	s->avail_out = step;
	r = BZ2_bzDecompress(s);
	input->in = (const uint8_t *)s->next_in;
	input->in_n = s->avail_in;
	*ret_n = step - s->avail_out;
	input->done = r == BZ_STREAM_END;
	return r == BZ_OK || r == BZ_STREAM_END ? 0 : -EBADMSG;
}

const struct unpack_codec unpack_bzip2 = {
	.name = "bzip2",
	.magic = "BZh",
	.magic_len = 3,
	.state_size = sizeof(bz_stream),
	.init = bzip2_init,
	.deinit = bzip2_deinit,
	.step = bzip2_step,
};
