/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One compression, as unpack.c sees it: a file each (unpack_gzip.c, ...), of which meson takes those whose
 * library is there.
 */
#pragma once

#include "unpack.h"

/* What a codec reads from, and leaves word in. */
struct unpack_input {
	const uint8_t *in; /* read from the file and not used yet */
	size_t in_n;
	bool done;       /* set at the stream's end */
	bool may_end;    /* set where the file's end is the stream's: that of lz4 has no other */
	const char *why; /* set: what is damaged */
};

struct unpack_codec {
	const char *name;
	const char *magic; /* how a stream begins */
	size_t magic_len;
	size_t state_size;         /* of what the others are handed, zeroed */
	bool (*init)(void *state); /* false: no memory */
	void (*deinit)(void *state);
	/*
	 * Some of what the stream holds, at most `room` bytes; -EBADMSG, unrecorded, when it holds nonsense. Output
	 * of 0 bytes is a wish for more input.
	 */
	int (*step)(void *state, struct unpack_input *input, uint8_t *to, size_t room,
		    size_t *ret_n);
};

/* Of the compressions that come in blocks: move input to `to` until there are `want` bytes of it. */
bool unpack_gather(struct unpack_input *input, uint8_t *to, size_t *have, size_t want);
