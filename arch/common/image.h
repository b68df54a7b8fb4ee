/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that goes into guest RAM: kernel or initrd. Reads go straight to where the guest will find
 * the bytes. Every refusal is one line that begins with the file's path, with STATUS_IMAGE.
 */
#pragma once

#include <base/error.h>
#include <base/types.h>
#include <core/memory.h>

struct image {
	const char *path;
	int fd;
	uint64_t size;
};

/* Look at an open file: it has bytes, and they can be read at any offset. The fd stays the caller's. */
int image_init(struct image *image, const char *path, int fd) _must_check_;

/* Read [offset, offset + len) of the file; a file that ends before that is refused as truncated. */
int image_read(const struct image *image, uint64_t offset, void *buf, uint64_t len) _must_check_;

/* The same into guest RAM. The caller has checked that [gpa, gpa + len) is RAM and free. */
int image_load(const struct image *image, uint64_t offset, uint64_t len, const struct memory *mem,
	       gpa_t gpa) _must_check_;

/*
 * Refuse an image that is not a kernel for this machine, saying what it is instead (a kernel for
 * another architecture, a compressed file, ...) as far as its first bytes tell. `wanted` ends the
 * line: "give a bzImage or an ELF vmlinux". Always returns -ENOEXEC.
 */
int image_refuse(const struct image *image, const char *wanted);
