/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk's file: found, locked, read and written. It goes through the host's page cache, which several
 * guests of one read-only image share.
 */
#include "block_file.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int no_open(const struct virtio_block_config *config, int errnum)
{
	const char *what;

	switch (errnum) {
	case ENOENT:
		what = "give a file or block device that is there (truncate -s 1G FILE makes one)";
		break;
	case EACCES:
	case EPERM:
	case EROFS:
		what = config->read_only ? "give the user who starts thru the right to read it"
					 : "give the user who starts thru the right to write it, "
					   "or add ,ro";
		break;
	case EBUSY:
		what = "unmount it first; the host and a guest cannot both have it";
		break;
	default:
		what = "give a regular file or a block device";
	}
	return fail(STATUS_HOST, errnum, "--disk %s: %s; %s", config->path, strerror(errnum), what);
}

/* Two guests that write one image destroy it: a writer is alone, as with other programs that ask. */
static int take_lock(const struct block_file *file, const struct virtio_block_config *config)
{
	struct flock lock = { .l_type = file->read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

	if (!fcntl(file->fd, F_OFD_SETLK, &lock))
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return 0; /* a file system without locks: nobody can ask */
	return fail(STATUS_HOST, EBUSY,
		    "--disk %s: another program has it%s; end that program, or give %s",
		    config->path, file->read_only ? " for writing" : "",
		    file->read_only ? "another file"
				    : "each guest a file of its own, or all of them ,ro");
}

static int measure(struct block_file *file, const struct virtio_block_config *config)
{
	struct stat st;
	uint64_t size;
	int block;

	file->block = SECTOR;
	if (fstat(file->fd, &st))
		return fail(STATUS_HOST, errno, "--disk %s: %s", config->path, strerror(errno));
	size = (uint64_t)st.st_size;
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(file->fd, BLKGETSIZE64, &size) || ioctl(file->fd, BLKSSZGET, &block))
			return fail(STATUS_HOST, errno,
				    "--disk %s: its size: %s; give another disk", config->path,
				    strerror(errno));
		file->block = (uint32_t)block;
	} else if (!S_ISREG(st.st_mode)) {
		return fail(STATUS_USAGE, EINVAL,
			    "--disk %s: is no disk; give a regular file or a block device",
			    config->path);
	}
	if (!size)
		return fail(STATUS_USAGE, EINVAL,
			    "--disk %s: is empty; give it a size, as in truncate -s 1G %s",
			    config->path, config->path);
	/* The last sector of a file for reading may be short: what is not there reads as zeroes. */
	file->size = align_up(size, SECTOR);
	if (file->size != size && !file->read_only)
		return fail(
			STATUS_USAGE, EINVAL,
			"--disk %s: its size, %llu bytes, is no multiple of %u; add ,ro or run: "
			"truncate -s %%%u %s",
			config->path, (unsigned long long)size, SECTOR, SECTOR, config->path);
	return 0;
}

int block_file_open(struct block_file *file, const struct virtio_block_config *config)
{
	int flags = config->read_only ? O_RDONLY : O_RDWR, r;
	struct stat st;

	*file = (struct block_file){ .fd = -1, .read_only = config->read_only };
	/* A FIFO would wait for its other end. O_EXCL: a block device that is mounted says EBUSY (open(2)). */
	if (!stat(config->path, &st) && S_ISBLK(st.st_mode) && !config->read_only)
		flags |= O_EXCL;
	file->fd = open(config->path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (file->fd < 0)
		return no_open(config, errno);
	r = measure(file, config);
	return r ? r : take_lock(file, config);
}

void block_file_close(struct block_file *file)
{
	fd_close(&file->fd);
}

/* The first `done` bytes are over. Returns how many vectors were used up whole. */
static unsigned advance(struct iovec *iov, unsigned n, size_t done)
{
	unsigned i = 0;

	while (i < n && done >= iov[i].iov_len)
		done -= iov[i++].iov_len;
	if (i < n && done) {
		iov[i].iov_base = (uint8_t *)iov[i].iov_base + done;
		iov[i].iov_len -= done;
	}
	return i;
}

static void zero_fill(const struct iovec *iov, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		memset(iov[i].iov_base, 0, iov[i].iov_len);
}

int block_file_read(const struct block_file *file, struct iovec *iov, unsigned n, uint64_t offset)
{
	while (n) {
		ssize_t got = preadv(file->fd, iov, (int)n, (off_t)offset);
		unsigned used;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got) {
			/* Inside the last sector it is the end of an odd file, else somebody cut it. */
			if (offset + SECTOR <= file->size)
				return -ENODATA;
			zero_fill(iov, n);
			return 0;
		}
		used = advance(iov, n, (size_t)got);
		offset += (uint64_t)got;
		iov += used;
		n -= used;
	}
	return 0;
}

int block_file_write(const struct block_file *file, struct iovec *iov, unsigned n, uint64_t offset,
		     bool durable)
{
	while (n) {
		ssize_t put = pwritev2(file->fd, iov, (int)n, (off_t)offset,
				       durable ? RWF_DSYNC : 0);
		unsigned used;

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put ? -errno : -EIO;
		used = advance(iov, n, (size_t)put);
		offset += (uint64_t)put;
		iov += used;
		n -= used;
	}
	return 0;
}

int block_file_flush(const struct block_file *file)
{
	return fdatasync(file->fd) ? -errno : 0;
}

int block_file_discard(const struct block_file *file, uint64_t offset, uint64_t size)
{
	int r;

	do
		r = fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
			      (off_t)size);
	while (r && errno == EINTR);
	return r ? -errno : 0;
}

/* Where the file system has no call for it. */
static int write_zeroes(const struct block_file *file, uint64_t offset, uint64_t size)
{
	static const uint8_t zeroes[65536];

	while (size) {
		size_t n = MIN(size, sizeof(zeroes));
		struct iovec iov = { (void *)(uintptr_t)zeroes, n };
		int r = block_file_write(file, &iov, 1, offset, false);

		if (r)
			return r;
		offset += n;
		size -= n;
	}
	return 0;
}

int block_file_zero(const struct block_file *file, uint64_t offset, uint64_t size, bool unmap)
{
	if (unmap && !block_file_discard(file, offset, size))
		return 0;
	if (!fallocate(file->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		       (off_t)size))
		return 0;
	return errno == EOPNOTSUPP || errno == EINTR ? write_zeroes(file, offset, size) : -errno;
}
