/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files out of a guest of `thru test` (--collect). Init sends records, each a letter and words up to a NUL:
 *	f PLACE MODE PATH    a file; then pieces, two bytes of length (big-endian) and as many of its bytes,
 *	                     up to a length of 0
 *	s PLACE PATH         something that is no regular file, or cannot be read: left out
 *	m PLACE ERRNO        there is nothing at that place's path
 *	e                    that was all
 * The guest can be hostile. A path is made of plain names, each folder on its way is opened without following
 * a link, and a file is made anew where one of its name was: nothing outside of the place's folder is touched.
 * What is written is bounded, and what is over it counted.
 */
#pragma once

#include <base/types.h>

#define COLLECT_PLACES    256
#define COLLECT_BYTES_MAX GIB(1)
#define COLLECT_FILES_MAX 100000
#define COLLECT_PATH_MAX  1024
#define COLLECT_DEPTH_MAX 64

struct collect {
	int folders[COLLECT_PLACES]; /* open; of `n` places */
	int missing[COLLECT_PLACES]; /* errno of what is not there in the guest, 0 */
	unsigned n;
	enum {
		COLLECT_HEAD,
		COLLECT_LENGTH,
		COLLECT_LENGTH_LOW,
		COLLECT_BODY,
		COLLECT_ENDED
	} state;
	char head[COLLECT_PATH_MAX + 64];
	unsigned head_n, left; /* left: of a piece */
	int fd;                /* of the file that comes; -1: it is not written */
	uint64_t files, bytes; /* written */
	uint64_t cut;          /* bytes that were over the bound */
	uint64_t left_out;     /* no regular files, or over the bound of their number */
	uint64_t lost;         /* files that are not whole, or not there, for `error` */
	int error;             /* errno, the first */
	const char *broken; /* what init would not have sent; the rest is not read. NULL: nothing */
};

/* Storage for no place yet. */
void collect_init(struct collect *collect);

/* One more place, a folder of the host's, which is made when it is not there (but not its parents). */
int collect_add(struct collect *collect, const char *folder) _must_check_;

void collect_feed(struct collect *collect, const uint8_t *bytes, size_t n);
void collect_deinit(struct collect *collect);
