/* SPDX-License-Identifier: BSD-2-Clause */
#include <verdict/collect.h>

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void collect_init(struct collect *c)
{
	*c = (struct collect){ .fd = -1 };
}

int collect_add(struct collect *c, const char *folder)
{
	int fd;

	if (c->n == COLLECT_PLACES)
		return fail(STATUS_USAGE, E2BIG, "--collect: given too often; leave some out");
	if (mkdir(folder, 0755) && errno != EEXIST)
		return fail(STATUS_OUTPUT, errno,
			    "--collect %s: %s; choose a folder that can be made", folder,
			    strerror(errno));
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(STATUS_OUTPUT, errno, "--collect %s: %s; choose a folder", folder,
			    strerror(errno));
	c->folders[c->n++] = fd;
	return 0;
}

static void broken(struct collect *c, const char *what)
{
	c->broken = what;
	c->state = COLLECT_ENDED;
	fd_close(&c->fd);
}

/* The file that comes is not written any further. */
static void lose(struct collect *c, int error)
{
	c->lost++;
	if (!c->error)
		c->error = error;
	fd_close(&c->fd);
}

/* Plain names between single slashes. */
static bool is_plain(const char *path)
{
	unsigned depth = 0;

	for (;;) {
		size_t n = strcspn(path, "/");

		if (!n || n > 255 || ++depth > COLLECT_DEPTH_MAX || (n == 1 && *path == '.') ||
		    (n == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		if (!path[n])
			return true;
		path += n + 1;
	}
}

/* The folder that `path` lies in, and its last name. -errno, nothing recorded. */
static int open_folder(int from, char *path, const char **ret_name)
{
	int fd = fcntl(from, F_DUPFD_CLOEXEC, 0), next;
	char *slash;

	for (; fd >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
		*slash = 0;
		if (mkdirat(fd, path, 0755) && errno != EEXIST)
			next = -1;
		else
			next = openat(fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		fd_close(&fd);
		fd = next;
	}
	*ret_name = path;
	return fd < 0 ? -errno : fd;
}

static void begin_file(struct collect *c, unsigned place, unsigned mode, char *path)
{
	const char *name;
	int folder;

	if (c->files + c->lost >= COLLECT_FILES_MAX) {
		c->left_out++;
		return;
	}
	folder = open_folder(c->folders[place], path, &name);
	if (folder < 0) {
		lose(c, -folder);
		return;
	}
	/* What was there may have another name elsewhere: it is replaced and not written to. */
	if (!unlinkat(folder, name, 0) || errno == ENOENT)
		c->fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			       0644 | (mode & 0111));
	if (c->fd < 0)
		lose(c, errno);
	else
		c->files++;
	fd_close(&folder);
}

/* A number and the space behind it. */
static bool take_number(const char **at, unsigned *ret)
{
	unsigned n = 0;
	const char *s = *at;

	while (*s >= '0' && *s <= '9' && n < 1000000)
		n = n * 10 + (unsigned)(*s++ - '0');
	if (s == *at || *s != ' ')
		return false;
	*ret = n;
	*at = s + 1;
	return true;
}

static void take_head(struct collect *c)
{
	const char *at = c->head + 2;
	unsigned place, mode, error;
	char kind = c->head[0];

	c->head_n = 0;
	if (!strcmp(c->head, "e")) {
		c->state = COLLECT_ENDED;
		return;
	}
	if (!kind || c->head[1] != ' ' || !take_number(&at, &place) || place >= c->n) {
		broken(c, "a record that is none");
	} else if (kind == 'm' && sscanf(at, "%6u", &error) == 1 && error) {
		c->missing[place] = (int)error;
	} else if (kind == 's') {
		c->left_out++;
	} else if (kind != 'f' || !take_number(&at, &mode)) {
		broken(c, "a record that is none");
	} else if (!is_plain(at)) {
		broken(c, "a path that leads elsewhere");
	} else {
		begin_file(c, place, mode, c->head + (at - c->head));
		c->state = COLLECT_LENGTH;
	}
}

static void take_body(struct collect *c, const uint8_t *bytes, size_t n)
{
	size_t room = COLLECT_BYTES_MAX - c->bytes, kept = MIN(n, room);
	int r;

	if (c->fd < 0)
		return;
	c->cut += n - kept;
	r = fd_write_all(c->fd, bytes, kept);
	if (r) {
		c->files--;
		lose(c, -r);
	} else {
		c->bytes += kept;
	}
}

static void take_byte(struct collect *c, uint8_t byte)
{
	switch (c->state) {
	case COLLECT_HEAD:
		if (c->head_n == sizeof(c->head)) {
			broken(c, "a record without an end");
			return;
		}
		c->head[c->head_n++] = (char)byte;
		if (!byte)
			take_head(c);
		return;
	case COLLECT_LENGTH:
		c->left = (unsigned)byte << 8;
		c->state = COLLECT_LENGTH_LOW;
		return;
	case COLLECT_LENGTH_LOW:
		c->left |= byte;
		c->state = c->left ? COLLECT_BODY : COLLECT_HEAD;
		if (!c->left)
			fd_close(&c->fd);
		return;
	default:
		return;
	}
}

void collect_feed(struct collect *c, const uint8_t *bytes, size_t n)
{
	while (n && c->state != COLLECT_ENDED) {
		size_t piece = 1;

		if (c->state == COLLECT_BODY) {
			piece = MIN(n, c->left);
			take_body(c, bytes, piece);
			c->left -= (unsigned)piece;
			if (!c->left)
				c->state = COLLECT_LENGTH;
		} else {
			take_byte(c, *bytes);
		}
		bytes += piece;
		n -= piece;
	}
}

void collect_deinit(struct collect *c)
{
	for (unsigned i = 0; i < c->n; i++)
		fd_close(&c->folders[i]);
	c->n = 0;
	fd_close(&c->fd);
}
