/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The contents of a gzip stream (RFC 1952) inside a file, read piece by piece straight to where they
 * belong: an arm64 kernel has no decompressor of its own (booting.rst, "Decompress the kernel").
 */
#pragma once

#include "../common/image.h"

struct gunzip;

/* The stream is `part` of the file. */
int gunzip_open(const struct image *image, struct range part, struct gunzip **ret) _must_check_;

/* Up to `len` bytes; fewer only at the stream's end, whose checksum has then been verified. */
int gunzip_read(struct gunzip *gz, void *buf, size_t len, size_t *ret_n) _must_check_;

void gunzip_close(struct gunzip **gz); /* NULL is harmless */
