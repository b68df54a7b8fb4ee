/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See unpack.h. What follows the stream in the file is not looked at. Output goes where the caller has room and
 * no further, so a small file cannot unpack to more than that; libzstd and liblzma keep at most 128 MiB to
 * themselves.
 *
 * Main thread, before the guest; whoever is told to stop (fd_read_until()) does so within 64 KiB of input.
 */
#include "unpack_codec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* UNPACK_CODECS is meson's: X(gzip) X(zstd) ..., those whose libraries are there. */
#define X(name) extern const struct unpack_codec unpack_##name;
UNPACK_CODECS
#undef X
#define X(name) &unpack_##name,
static const struct unpack_codec *const codecs[] = { UNPACK_CODECS NULL };
#undef X

struct unpack {
	const struct image *image;
	const struct unpack_codec *codec;
	void *state;
	uint64_t next, end; /* of the file */
	struct unpack_input input;
	uint8_t buffer[KIB(64)];
};

const struct unpack_codec *unpack_codec_of(const uint8_t *magic, size_t len)
{
	for (unsigned i = 0; codecs[i]; i++)
		if (codecs[i]->magic_len <= len &&
		    !memcmp(magic, codecs[i]->magic, codecs[i]->magic_len))
			return codecs[i];
	return NULL;
}

const struct unpack_codec *unpack_codec_named(const char *name)
{
	for (unsigned i = 0; codecs[i]; i++)
		if (!strcmp(codecs[i]->name, name))
			return codecs[i];
	return NULL;
}

int unpack_open(const struct image *image, struct range part, const struct unpack_codec *codec,
		struct unpack **ret)
{
	struct unpack *u = calloc(1, sizeof(*u));

	if (u) {
		u->image = image;
		u->codec = codec;
		u->input.in = u->buffer;
		u->next = part.base;
		u->end = part.base + part.size;
		u->state = calloc(1, codec->state_size);
	}
	if (!u || !u->state || !codec->init(u->state)) {
		unpack_close(&u);
		return fail(STATUS_FAILURE, ENOMEM, "%s: no memory to unpack it", image->path);
	}
	*ret = u;
	return 0;
}

void unpack_close(struct unpack **u)
{
	if (!*u)
		return;
	if ((*u)->state)
		(*u)->codec->deinit((*u)->state);
	free((*u)->state);
	free(*u);
	*u = NULL;
}

static int refill(struct unpack *u)
{
	uint64_t len = MIN(u->end - u->next, (uint64_t)sizeof(u->buffer));
	int r;

	if (!len && u->input.may_end) {
		u->input.done = true;
		return 0;
	}
	if (!len)
		return fail(STATUS_IMAGE, ENODATA,
			    "%s: is truncated: its %s stream ends early; build or fetch it again",
			    u->image->path, u->codec->name);
	r = image_read(u->image, u->next, u->buffer, len);
	if (r)
		return r;
	u->next += len;
	u->input.in = u->buffer;
	u->input.in_n = len;
	return 0;
}

int unpack_read(struct unpack *u, void *buf, size_t len, size_t *ret_n)
{
	struct unpack_input *input = &u->input;
	size_t n = 0, step, before;
	int r = 0;

	while (n < len && !input->done) {
		before = input->in_n;
		step = 0;
		r = u->codec->step(u->state, input, (uint8_t *)buf + n, len - n, &step);
		/* A codec that neither takes nor gives would do so for ever. */
		if (r || (!step && !input->done && input->in_n && input->in_n == before))
			return fail(STATUS_IMAGE, EBADMSG,
				    "%s: is damaged: its %s stream does not unpack (%s); build or "
				    "fetch it again",
				    u->image->path, u->codec->name,
				    r && input->why ? input->why : "bad data");
		n += step;
		/* The libraries hold output back too, so more input only when there is no more. */
		if (!step && !input->done && !input->in_n)
			r = refill(u);
		if (r)
			return r;
	}
	*ret_n = n;
	return 0;
}
