/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two files that exchange their names (renameat2(2), RENAME_EXCHANGE); where the file system cannot do
 * that, three renames, and for a moment there is no PATH. Under the device lock.
 */
#include <devices/rotate.h>

#include <base/error.h>
#include <base/fd.h>
#include <base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_one(const char *path, int *ret_fd)
{
	struct stat st;
	int r = fd_open_output(path, ret_fd);

	if (!r)
		r = fstat(*ret_fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
	return r ? fail(STATUS_OUTPUT, -r,
			"--serial file:%s: %s; with max= it takes a regular file in a folder that can be "
			"written",
			path, strerror(-r))
		 : 0;
}

/* By a link they may be one file, which each turn would empty. */
static int check_two(const struct rotate *rotate)
{
	struct stat file, spare;

	if (fstat(rotate->fd, &file) < 0 || fstat(rotate->spare, &spare) < 0)
		return fail(STATUS_OUTPUT, errno, "--serial file:%s: %s", rotate->path,
			    strerror(errno));
	if (file.st_dev != spare.st_dev || file.st_ino != spare.st_ino)
		return 0;
	return fail(STATUS_OUTPUT, EEXIST,
		    "--serial file:%s: %s is the same file; remove that, or give another path",
		    rotate->path, rotate->spare_path);
}

int rotate_open(struct rotate *rotate, const char *path, uint64_t max)
{
	int n, r;

	*rotate = (struct rotate){ .fd = -1, .spare = -1, .path = path, .max = max };
	n = snprintf(rotate->spare_path, sizeof(rotate->spare_path), "%s.1", path);
	if (n < 0 || (size_t)n >= sizeof(rotate->spare_path) - 4)
		return fail(STATUS_OUTPUT, ENAMETOOLONG, "--serial file:%s: its name is too long",
			    path);
	r = open_one(path, &rotate->fd);
	if (!r)
		r = open_one(rotate->spare_path, &rotate->spare);
	return r ? r : check_two(rotate);
}

void rotate_close(struct rotate *rotate)
{
	fd_close(&rotate->fd);
	fd_close(&rotate->spare);
}

static int exchange(const struct rotate *rotate)
{
	char between[sizeof(rotate->spare_path) + 2];

	if (!renameat2(AT_FDCWD, rotate->path, AT_FDCWD, rotate->spare_path, RENAME_EXCHANGE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	snprintf(between, sizeof(between), "%s.1", rotate->spare_path);
	if (rename(rotate->spare_path, between) || rename(rotate->path, rotate->spare_path) ||
	    rename(between, rotate->path))
		return -errno;
	return 0;
}

/* PATH is full. Where the names cannot be exchanged (the folder is gone), what it holds goes. */
static int turn(struct rotate *rotate)
{
	static struct ratelimit rl;
	int fd = rotate->fd;

	if (!exchange(rotate)) {
		rotate->fd = rotate->spare;
		rotate->spare = fd;
		rotate->lost += rotate->spare_size;
		rotate->spare_size = rotate->size;
	} else {
		rotate->lost += rotate->size;
	}
	rotate->size = 0;
	if (ftruncate(rotate->fd, 0) < 0)
		return -errno;
	if (rotate->lost)
		log_guest(&rl,
			  "console output: %s: the oldest %llu bytes so far had to go (max=%llu)",
			  rotate->path, (unsigned long long)rotate->lost,
			  (unsigned long long)rotate->max);
	return 0;
}

ssize_t rotate_write(struct rotate *rotate, const void *bytes, size_t len)
{
	ssize_t n;
	int r = rotate->size + len > rotate->max && rotate->size ? turn(rotate) : 0;

	if (r) {
		errno = -r;
		return -1;
	}
	n = pwrite(rotate->fd, bytes, len, (off_t)rotate->size);
	rotate->size += n > 0 ? (uint64_t)n : 0;
	return n;
}
