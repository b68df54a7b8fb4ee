/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File descriptors: closing, whole reads and writes, eventfds.
 */
#include <base/fd.h>

#include <base/error.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_PIECE MIB(4)

void fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

static _Thread_local const bool *read_stop;

void fd_read_until(const bool *stop)
{
	read_stop = stop;
}

bool fd_read_stopped(void)
{
	return read_stop && __atomic_load_n(read_stop, __ATOMIC_ACQUIRE);
}

int fd_read_at(int fd, void *buf, size_t len, uint64_t offset)
{
	uint8_t *p = buf;

	while (len) {
		ssize_t n;

		if (fd_read_stopped())
			return -ECANCELED;
		n = pread(fd, p, MIN(len, READ_PIECE), (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int fd_open_output(const char *path, int *ret_fd)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	/* After the open: that of a FIFO waits for its reader. */
	if (!S_ISREG(st.st_mode) && fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int fd_write_all(int fd, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			struct pollfd wait = { .fd = fd, .events = POLLOUT };

			if (poll(&wait, 1, -1) < 0 && errno != EINTR)
				return -errno;
			continue;
		}
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int fd_event(int *ret_fd)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return fail(STATUS_HOST, errno, "eventfd: %s", strerror(errno));
	*ret_fd = fd;
	return 0;
}

void fd_event_signal(int fd)
{
	uint64_t one = 1;

	/* EAGAIN means that the count is at its top: the reader is told all the same. */
	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

uint64_t fd_event_take(int fd)
{
	uint64_t count = 0;

	while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
	return count;
}
