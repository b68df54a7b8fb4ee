/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a tree (tree.h) as an archive for the kernel to unpack. Sizes and modes are those that were found
 * when the tree was made: a file that has changed since would shift all that follows, so it is refused.
 */
#include <initramfs/cpio.h>

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALIGN      4
#define HEADER_MAX 110 /* "070701" and 13 fields of 8 hexadecimal digits */

struct writer {
	int fd;
	uint64_t offset;
	unsigned inode;
	size_t n;
	char stage[1 << 16];
};

static int lost(int r)
{
	return fail(STATUS_HOST, -r, "initramfs: %s", strerror(-r));
}

static int flush(struct writer *w)
{
	int r = fd_write_all(w->fd, w->stage, w->n);

	w->n = 0;
	return r ? lost(r) : 0;
}

static int bytes(struct writer *w, const void *data, size_t len)
{
	const char *at = data;
	int r = 0;

	w->offset += len;
	while (!r && len) {
		size_t part = MIN(len, sizeof(w->stage) - w->n);

		memcpy(w->stage + w->n, at, part);
		w->n += part;
		at += part;
		len -= part;
		if (w->n == sizeof(w->stage))
			r = flush(w);
	}
	return r;
}

static int pad(struct writer *w)
{
	return bytes(w, "\0\0\0", (size_t)(align_up(w->offset, ALIGN) - w->offset));
}

static int header(struct writer *w, const char *path, const struct tree_entry *e, uint64_t size)
{
	char text[HEADER_MAX + 1];
	int r;

	snprintf(text, sizeof(text), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		 ++w->inode, (unsigned)e->mode, 0u, 0u, S_ISDIR(e->mode) ? 2u : 1u, 0u,
		 (unsigned)size, 0u, 0u, e->major, e->minor, (unsigned)strlen(path) + 1, 0u);
	r = bytes(w, text, HEADER_MAX);
	if (!r)
		r = bytes(w, path, strlen(path) + 1);
	return r ? r : pad(w);
}

static int changed(const char *path)
{
	return fail(STATUS_HOST, EIO, "%s: changed while it was read; leave it alone meanwhile",
		    path);
}

static int copy(struct writer *w, const char *path, int fd, uint64_t size)
{
	int r = flush(w);

	w->offset += size;
	while (!r && size) {
		ssize_t n = sendfile(w->fd, fd, NULL, MIN(size, GIB(1)));

		if (n < 0)
			r = lost(-errno);
		else if (!n)
			r = changed(path);
		else
			size -= (uint64_t)n;
	}
	return r ? r : pad(w);
}

/* O_NONBLOCK: what was a file may be a FIFO by now, which would be waited for. */
static int host_file(struct writer *w, const struct tree_entry *e)
{
	_cleanup_fd_ int fd = open(e->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(STATUS_HOST, errno, "%s: %s; give what can be read", e->source,
			    strerror(errno));
	if (!S_ISREG(st.st_mode))
		return changed(e->source);
	if ((uint64_t)st.st_size > UINT32_MAX)
		return fail(STATUS_HOST, EFBIG,
			    "%s: larger than 4 GiB, which an initramfs cannot "
			    "hold; leave it out",
			    e->source);
	r = header(w, e->path, e, (uint64_t)st.st_size);
	return r ? r : copy(w, e->source, fd, (uint64_t)st.st_size);
}

static int entry(struct writer *w, const struct tree_entry *e)
{
	const void *data = e->data;
	size_t size = e->size;
	int r;

	if (S_ISREG(e->mode) && e->source)
		return host_file(w, e);
	if (S_ISLNK(e->mode)) {
		data = e->source;
		size = strlen(e->source);
	}
	r = header(w, e->path, e, size);
	if (!r)
		r = bytes(w, data, size);
	return r ? r : pad(w);
}

int cpio_write(const struct tree *tree, int fd)
{
	static const struct tree_entry end;
	struct writer w = { .fd = fd };
	off_t at = lseek(fd, 0, SEEK_END);
	int r = at < 0 ? lost(-errno) : 0;

	w.offset = (uint64_t)at;
	if (!r)
		r = pad(&w);
	for (unsigned i = 0; !r && i < tree->n; i++)
		r = entry(&w, &tree->at[i]);
	if (!r)
		r = header(&w, "TRAILER!!!", &end, 0);
	return r ? r : flush(&w);
}
