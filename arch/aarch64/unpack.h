/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The contents of a gzip (RFC 1952) or zstd (RFC 8878) stream inside a file, read piece by piece straight
 * to where they belong: an arm64 kernel has no decompressor of its own (booting.rst, "Decompress the
 * kernel").
 */
#pragma once

#include "../common/image.h"

enum unpack_kind { UNPACK_GZIP, UNPACK_ZSTD };

struct unpack;

/* The stream is `part` of the file. */
int unpack_open(const struct image *image, struct range part, enum unpack_kind kind,
		struct unpack **ret) _must_check_;

/* Up to `len` bytes; fewer only at the stream's end, whose checksum (zstd: if any) was then right. */
int unpack_read(struct unpack *u, void *buf, size_t len, size_t *ret_n) _must_check_;

void unpack_close(struct unpack **u); /* NULL is harmless */
