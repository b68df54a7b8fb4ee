/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The legacy frame of lz4 (doc/lz4_Frame_format.md there, "Legacy frame"), which Linux keeps to: a magic number, then
 * blocks of a length in 4 bytes and that many of data, up to 8 MiB each once unpacked. It ends where the file
 * does. Linux takes a magic number between two blocks for the beginning of another frame, as the format has it.
 */
#include "unpack_codec.h"

#include <base/bytes.h>
#include <errno.h>
#include <lz4.h>
#include <stdlib.h>

#define MAGIC     0x184c2102u
#define BLOCK_MAX MIB(8)

struct lz4 {
	uint8_t *block; /* its length, and as much of it as was read so far */
	size_t have;
	bool begun; /* past the magic number */
};

static bool lz4_init(void *state)
{
	struct lz4 *s = state;

	s->block = malloc(4 + LZ4_COMPRESSBOUND(BLOCK_MAX));
	return s->block;
}

static void lz4_deinit(void *state)
{
	free(((struct lz4 *)state)->block);
}

static int lz4_step(void *state, struct unpack_input *input, uint8_t *to, size_t room,
		    size_t *ret_n)
{
	struct lz4 *s = state;
	uint32_t len;
	int n;

	input->may_end = s->begun && !s->have && !input->in_n;
	if (!unpack_gather(input, s->block, &s->have, 4))
		return 0;
	len = load_le32(s->block);
	if (len == MAGIC) {
		s->begun = true;
		s->have = 0;
		return 0;
	}
	if (!s->begun || !len || len > LZ4_COMPRESSBOUND(BLOCK_MAX))
		return -EBADMSG;
	if (!unpack_gather(input, s->block, &s->have, 4 + (size_t)len))
		return 0;
	n = LZ4_decompress_safe((const char *)s->block + 4, (char *)to, (int)len,
				(int)MIN(room, BLOCK_MAX));
	s->have = 0;
	*ret_n = n < 0 ? 0 : (size_t)n;
	return n < 0 ? -EBADMSG : 0;
}

const struct unpack_codec unpack_lz4 = {
	.name = "lz4",
	.magic = "\x02\x21\x4c\x18",
	.magic_len = 4,
	.state_size = sizeof(struct lz4),
	.init = lz4_init,
	.deinit = lz4_deinit,
	.step = lz4_step,
};
