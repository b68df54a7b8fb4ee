/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's side of a virtio disk: a regular file or a block device, by offset. Any thread, several at a
 * time. Errors are -errno and nothing is recorded, except by block_file_open().
 */
#pragma once

#include <base/types.h>
#include <devices/virtio_block.h>
#include <sys/uio.h>

#define SECTOR 512u /* §5.2.2: whatever the block size */

struct block_file {
	int fd;
	bool read_only;
	uint64_t size;  /* bytes, as the guest sees it: a multiple of SECTOR */
	uint32_t block; /* of the device below; SECTOR for a file */
};

int block_file_open(struct block_file *file, const struct virtio_block_config *config) _must_check_;
void block_file_close(struct block_file *file);

/*
 * The whole of the n vectors, which are used up; the caller has seen to it that this is inside `size`.
 * `durable`: it is on the disk when this returns.
 */
int block_file_read(const struct block_file *file, struct iovec *iov, unsigned n,
		    uint64_t offset) _must_check_;
int block_file_write(const struct block_file *file, struct iovec *iov, unsigned n, uint64_t offset,
		     bool durable) _must_check_;

int block_file_flush(const struct block_file *file) _must_check_;

/* The content is not needed any more. -EOPNOTSUPP where the file system has no holes. */
int block_file_discard(const struct block_file *file, uint64_t offset, uint64_t size) _must_check_;

/* It reads as zeroes afterwards. `unmap`: its space may be given back. */
int block_file_zero(const struct block_file *file, uint64_t offset, uint64_t size,
		    bool unmap) _must_check_;
