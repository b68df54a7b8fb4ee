/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a compressed stream inside a file holds, read piece by piece straight to where it belongs. The
 * compressions are those that Linux packs kernels by (scripts/Makefile.lib): gzip (RFC 1952), zstd (RFC 8878),
 * xz, lzma, bzip2, lz4 (its legacy frame) and lzo (lzop's). Each is there when its library was, when thru was
 * built.
 */
#pragma once

#include "image.h"

struct unpack;
struct unpack_codec;

/* By how a stream begins, or by name; NULL: not known here. */
const struct unpack_codec *unpack_codec_of(const uint8_t *magic, size_t len);
const struct unpack_codec *unpack_codec_named(const char *name);

/* The stream is `part` of the file. */
int unpack_open(const struct image *image, struct range part, const struct unpack_codec *codec,
		struct unpack **ret) _must_check_;

/*
 * Up to `len` bytes; fewer only at the stream's end, whose checksum (if any) was then right. lz4 and lzo come in
 * blocks, of which the last has to fit.
 */
int unpack_read(struct unpack *u, void *buf, size_t len, size_t *ret_n) _must_check_;

void unpack_close(struct unpack **u); /* NULL is harmless */
