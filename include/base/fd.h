/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File descriptors: they start at -1, and closing twice is harmless.
 */
#pragma once

#include <base/types.h>
#include <sys/types.h>

/* Close *fd unless it is negative and set it to -1. errno is preserved. */
void fd_close(int *fd);
#define _cleanup_fd_ _cleanup_(fd_close)

/*
 * Read exactly len bytes at the given file offset. 0, -errno, or -ENODATA when the file ends
 * before that. Records nothing: the caller knows the file's name.
 */
int fd_read_at(int fd, void *buf, size_t len, uint64_t offset) _must_check_;

/*
 * From now on this thread's fd_read_at() gives up (-ECANCELED) where *stop is true, looked at before
 * each piece of some MiB: a file may be large and its disk slow. NULL: never.
 */
void fd_read_until(const bool *stop);
bool fd_read_stopped(void);

/*
 * Open a path for output, made with mode 0600 and emptied; what is no regular file (a FIFO, a
 * terminal) takes what it can and never waits (O_NONBLOCK). 0 or -errno, nothing recorded.
 */
int fd_open_output(const char *path, int *ret_fd) _must_check_;

/* Write all of buf; waits where the fd blocks. 0 or -errno, nothing recorded. */
int fd_write_all(int fd, const void *buf, size_t len) _must_check_;

/* A non-blocking, close-on-exec eventfd(2) counter at 0. 0 or -errno with the reason recorded. */
int fd_event(int *ret_fd) _must_check_;

/* Add 1 to an eventfd; take and clear its count (0 when nothing was pending). */
void fd_event_signal(int fd);
uint64_t fd_event_take(int fd);
