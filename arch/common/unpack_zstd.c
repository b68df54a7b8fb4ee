/* SPDX-License-Identifier: BSD-2-Clause */
/* zstd by libzstd, which refuses windows of more than 128 MiB (ZSTD_WINDOWLOG_LIMIT_DEFAULT). */
#include "unpack_codec.h"

#include <errno.h>
#include <zstd.h>

static bool zstd_init(void *state)
{
	ZSTD_DStream **stream = state;

	*stream = ZSTD_createDStream();
	return *stream && !ZSTD_isError(ZSTD_initDStream(*stream));
}

static void zstd_deinit(void *state)
{
	ZSTD_freeDStream(*(ZSTD_DStream **)state);
}

static int zstd_step(void *state, struct unpack_input *input, uint8_t *to, size_t room,
		     size_t *ret_n)
{
	ZSTD_inBuffer in = { input->in, input->in_n, 0 };
	ZSTD_outBuffer out = { to, room, 0 };
	size_t r = ZSTD_decompressStream(*(ZSTD_DStream **)state, &out, &in);

	input->in += in.pos;
	input->in_n -= in.pos;
	*ret_n = out.pos;
	input->done = r == 0;
	if (!ZSTD_isError(r))
		return 0;
	input->why = ZSTD_getErrorName(r);
	return -EBADMSG;
}

const struct unpack_codec unpack_zstd = {
	.name = "zstd",
	.magic = "\x28\xb5\x2f\xfd",
	.magic_len = 4,
	.state_size = sizeof(ZSTD_DStream *),
	.init = zstd_init,
	.deinit = zstd_deinit,
	.step = zstd_step,
};
