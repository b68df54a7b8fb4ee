/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lzop writes, as lib/decompress_unlzo.c of Linux reads it, by liblzo2: a header of some optional fields, then
 * blocks, each with its length unpacked and packed and a checksum of either, all big-endian, and a length of 0 in
 * the end. A block that did not become smaller is stored as it is. Adler-32 sums are checked, CRCs are not.
 */
#include "unpack_codec.h"

#include <errno.h>
#include <lzo/lzo1x.h>
#include <stdlib.h>
#include <string.h>

enum {
	AT_VERSION = 9,         /* behind the magic number */
	AT_METHOD = 15,         /* the level, if any, and then the flags follow */
	VERSION_LEVELS = 0x940, /* has levels, and times of 64 bits */
	FLAG_ADLER_UNPACKED = BIT(0),
	FLAG_ADLER_PACKED = BIT(1),
	FLAG_CRC_UNPACKED = BIT(8),
	FLAG_CRC_PACKED = BIT(9),
	FLAG_FILTER = BIT(11),
	HEADER_MAX = 512,
	BLOCK_MAX = 256 << 10, /* LZO_BLOCK_SIZE of Linux, and of lzop */
	BLOCK_HEADER_MAX = 8 + 4 * 4,
};

struct lzo {
	bool begun; /* past the header */
	uint32_t flags;
	size_t have;
	uint8_t bytes[BLOCK_HEADER_MAX + BLOCK_MAX];
};

static uint32_t load_be32(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static bool lzo_begin(void *state)
{
	return lzo_init() == LZO_E_OK;
}

static void lzo_end(void *state)
{
}

/* How many bytes the header has, as far as is known with `have` of them. */
static size_t header_size(struct lzo *s)
{
	size_t at = AT_METHOD + 1, tail = 8;

	if (s->have < AT_METHOD)
		return AT_METHOD;
	if ((s->bytes[AT_VERSION] << 8 | s->bytes[AT_VERSION + 1]) >= VERSION_LEVELS) {
		at++;
		tail += 4;
	}
	if (s->have < at + 4)
		return at + 4;
	s->flags = load_be32(s->bytes + at);
	at += s->flags & FLAG_FILTER ? 8 : 4;
	at += tail; /* mode and time */
	if (s->have < at + 1)
		return at + 1;
	return at + 1 + s->bytes[at] + 4; /* a name, and a checksum of all this */
}

static bool pass_header(struct lzo *s, struct unpack_input *input)
{
	size_t want;

	do {
		want = header_size(s);
		if (!unpack_gather(input, s->bytes, &s->have, want))
			return false;
	} while (want != header_size(s));
	s->have = 0;
	return true;
}

static unsigned sums(uint32_t flags, uint32_t adler, uint32_t crc)
{
	return !!(flags & adler) + !!(flags & crc);
}

static int unpack_block(const struct lzo *s, size_t at, size_t from, uint8_t *to, size_t *ret_n)
{
	const uint8_t *data = s->bytes + at;
	lzo_uint n = *ret_n;

	if (from == n)
		memcpy(to, data, from);
	else if (lzo1x_decompress_safe(data, from, to, &n, NULL) != LZO_E_OK || n != *ret_n)
		return -EBADMSG;
	if (s->flags & FLAG_ADLER_UNPACKED && lzo_adler32(1, to, n) != load_be32(s->bytes + 8))
		return -EBADMSG;
	return 0;
}

static int lzo_step(void *state, struct unpack_input *input, uint8_t *to, size_t room,
		    size_t *ret_n)
{
	struct lzo *s = state;
	size_t n, from, at;
	int r;

	if (!s->begun && !pass_header(s, input))
		return 0;
	s->begun = true;
	if (!unpack_gather(input, s->bytes, &s->have, 4))
		return 0;
	n = load_be32(s->bytes);
	input->done = !n;
	if (!n || !unpack_gather(input, s->bytes, &s->have, 8))
		return 0;
	from = load_be32(s->bytes + 4);
	if (n > MIN(room, (size_t)BLOCK_MAX) || !from || from > n)
		return -EBADMSG;
	at = 8 + 4 * sums(s->flags, FLAG_ADLER_UNPACKED, FLAG_CRC_UNPACKED);
	if (from < n)
		at += 4 * sums(s->flags, FLAG_ADLER_PACKED, FLAG_CRC_PACKED);
	if (!unpack_gather(input, s->bytes, &s->have, at + from))
		return 0;
	s->have = 0;
	r = unpack_block(s, at, from, to, &n);
	*ret_n = r ? 0 : n;
	return r;
}

const struct unpack_codec unpack_lzo = {
	.name = "lzo",
	.magic = "\x89LZO\0\r\n\x1a\n",
	.magic_len = 9,
	.state_size = sizeof(struct lzo),
	.init = lzo_begin,
	.deinit = lzo_end,
	.step = lzo_step,
};
