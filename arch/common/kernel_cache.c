/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A folder with a file for each kernel that was unpacked: what was in it, and behind that a note of what it is. The
 * kernel comes first so that it can be given to a guest by whole pages (memory_copy_file()).
 *
 * An entry is found by the kernel file's device, inode number, size and times of change (mtime and ctime), which
 * cost nothing to know; a hash of its contents would have to read them. Whoever writes to a file changes its ctime,
 * and nobody can set that back. As the kernel's clock for these moves in ticks, a file that was changed just now is
 * not kept yet.
 *
 * An entry is written under another name and renamed when it is whole. It is believed when it belongs to this user
 * alone, has its length, and nobody wrote to it since: then it has the mtime that it was given in the end. That
 * holds as long as this host runs, for what a power failure leaves of a file is another matter: after the host has
 * booted again (boot_id) the sum of its contents is looked at once.
 *
 * The folder is the caller's, open and this user's own. Its files are removed in the order in which they came, when
 * all together would have more than KERNEL_CACHE_MAX; half of the disk's free space is left to others.
 *
 * Main thread, before the guest. Several processes may be here at once: all they do to an entry is atomic.
 */
#include "kernel_cache.h"

#include <base/fd.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define PREFIX     "kernel-"
#define PREFIX_NEW "new-kernel-" /* while it is written, or left by somebody who died then */
#define NAME_SIZE  128
#define FILES_MAX  4096
#define TICK_NS    20000000 /* two of the slowest clock that Linux has (CONFIG_HZ_100) */
#define PIECE      MIB(4)

struct note {
	char magic[16];
	char name[NAME_SIZE];
	char boot[40]; /* boot_id of the host when its contents were seen to be right */
	uint64_t size, sum;
};

static const char magic[16] = "thru kernel 1";

static void name_of(const struct stat *st, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, PREFIX "%llx-%llx-%llx-%llx.%lx-%llx.%lx",
		 (unsigned long long)st->st_dev, (unsigned long long)st->st_ino,
		 (unsigned long long)st->st_size, (unsigned long long)st->st_mtim.tv_sec,
		 st->st_mtim.tv_nsec, (unsigned long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

/* Empty where the host does not tell: then no two boots are the same. */
static void read_boot(char boot[40])
{
	_cleanup_fd_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(boot, 0, 40);
	if (fd >= 0 && read(fd, boot, 36) != 36)
		memset(boot, 0, 40);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/*
 * Against damage, not against malice: four lanes, so that it goes as fast as memory. All pieces but the last are
 * multiples of 32 bytes.
 */
struct sum {
	uint64_t lanes[4];
};

static void sum_add(struct sum *sum, const uint8_t *bytes, size_t len)
{
	uint64_t words[4];

	for (size_t i = 0; i < len; i += sizeof(words)) {
		if (len - i < sizeof(words))
			memset(words, 0, sizeof(words));
		memcpy(words, bytes + i, MIN(len - i, sizeof(words)));
		for (unsigned k = 0; k < 4; k++)
			sum->lanes[k] = (sum->lanes[k] ^ words[k]) * 0x9e3779b97f4a7c15ull + k;
	}
}

static uint64_t sum_end(const struct sum *sum)
{
	uint64_t all = 0;

	for (unsigned k = 0; k < 4; k++)
		all = (all ^ (sum->lanes[k] ^ sum->lanes[k] >> 29)) * 0x9e3779b97f4a7c15ull;
	return all;
}

static bool sum_is(int fd, const struct note *note)
{
	uint8_t *piece = malloc(PIECE);
	struct sum sum = { { 0 } };
	uint64_t at = 0;

	while (piece && at < note->size) {
		size_t len = (size_t)MIN(note->size - at, PIECE);

		if (fd_read_at(fd, piece, len, at))
			break;
		sum_add(&sum, piece, len);
		at += len;
	}
	free(piece);
	return at == note->size && sum_end(&sum) == note->sum;
}

/* The entry has its kernel's mtime, as one that nobody wrote to since. */
static bool stamp(int fd, const struct stat *source)
{
	const struct timespec times[2] = { source->st_mtim, source->st_mtim };

	return !futimens(fd, times);
}

/* Where that is refused (a read-only disk), its sum is looked at again the next time. */
static void mark(int fd, const struct note *note, const struct stat *source)
{
	if (pwrite(fd, note, sizeof(*note), (off_t)note->size) == sizeof(*note))
		stamp(fd, source);
}

/* Whether the entry is what was written. One that is, and was last seen before the host booted, is marked. */
static bool check(int fd, const char *name, const struct stat *source, struct note *ret)
{
	struct stat st;
	char boot[40];

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 077 ||
	    st.st_nlink != 1 || st.st_size < (off_t)sizeof(*ret))
		return false;
	if (fd_read_at(fd, ret, sizeof(*ret), (uint64_t)st.st_size - sizeof(*ret)) ||
	    memcmp(ret->magic, magic, sizeof(magic)) || strncmp(ret->name, name, NAME_SIZE) ||
	    ret->size != (uint64_t)st.st_size - sizeof(*ret))
		return false;
	read_boot(boot);
	if (*boot && !memcmp(boot, ret->boot, sizeof(boot)) &&
	    same_time(&st.st_mtim, &source->st_mtim))
		return true;
	if (!sum_is(fd, ret))
		return false;
	memcpy(ret->boot, boot, sizeof(boot));
	mark(fd, ret, source);
	return true;
}

int kernel_cache_find(int folder, const struct stat *source, uint64_t *ret_size)
{
	const int flags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	_cleanup_fd_ int fd = -1;
	char name[NAME_SIZE];
	struct note note;
	int r;

	name_of(source, name);
	fd = openat(folder, name, O_RDWR | flags);
	if (fd < 0 && errno != ENOENT)
		fd = openat(folder, name, O_RDONLY | flags);
	if (fd < 0 && errno == ENOENT)
		return -1;
	if (fd < 0 || !check(fd, name, source, &note)) {
		if (!fd_read_stopped())
			unlinkat(folder, name, 0);
		return -1;
	}
	*ret_size = note.size;
	r = fd;
	fd = -1;
	return r;
}

static bool is_ours(const char *name)
{
	return !strncmp(name, PREFIX, strlen(PREFIX)) ||
	       !strncmp(name, PREFIX_NEW, strlen(PREFIX_NEW));
}

static bool is_older(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* The size of all entries, and the one that came first. */
static uint64_t look_around(DIR *dir, char oldest[NAME_MAX + 1])
{
	struct timespec first = { 0 };
	uint64_t all = 0;
	struct dirent *d;
	struct stat st;

	*oldest = 0;
	rewinddir(dir);
	for (unsigned n = 0; n < FILES_MAX && (d = readdir(dir)); n++) {
		if (!is_ours(d->d_name) ||
		    fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) || S_ISDIR(st.st_mode))
			continue;
		all += (uint64_t)st.st_size;
		if (*oldest && !is_older(&st.st_ctim, &first))
			continue;
		first = st.st_ctim;
		snprintf(oldest, NAME_MAX + 1, "%s", d->d_name);
	}
	return all;
}

static bool make_room(int folder, uint64_t size)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char oldest[NAME_MAX + 1];
	struct statvfs disk;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	bool ok = false;

	if (!dir) {
		fd_close(&fd);
		return false;
	}
	for (unsigned i = 0; !ok && i < FILES_MAX; i++) {
		ok = look_around(dir, oldest) + size <= KERNEL_CACHE_MAX;
		if (!ok && (!*oldest || unlinkat(folder, oldest, 0)))
			break;
	}
	closedir(dir);
	return ok && !fstatvfs(folder, &disk) && size <= disk.f_bavail * disk.f_frsize / 2;
}

/* Nobody can have written to it unseen since `source` was true of it. */
static bool is_settled(int fd, const struct stat *source)
{
	struct timespec now;
	struct stat st;

	return !fstat(fd, &st) && !clock_gettime(CLOCK_REALTIME, &now) &&
	       st.st_size == source->st_size && same_time(&st.st_mtim, &source->st_mtim) &&
	       same_time(&st.st_ctim, &source->st_ctim) &&
	       (now.tv_sec - st.st_ctim.tv_sec) * 1000000000ll + now.tv_nsec - st.st_ctim.tv_nsec >
		       TICK_NS;
}

static bool write_entry(int fd, const struct stat *source, struct note *note, const uint8_t *bytes)
{
	struct sum sum = { { 0 } };

	for (uint64_t at = 0; at < note->size; at += PIECE) {
		size_t len = (size_t)MIN(note->size - at, PIECE);

		sum_add(&sum, bytes + at, len);
		if (fd_read_stopped() || fd_write_all(fd, bytes + at, len))
			return false;
	}
	note->sum = sum_end(&sum);
	return !fd_write_all(fd, note, sizeof(*note)) && stamp(fd, source);
}

void kernel_cache_store(int folder, const struct stat *source, int from, const uint8_t *bytes,
			uint64_t size)
{
	struct note note = { .size = size };
	char name[NAME_SIZE], new[NAME_SIZE];
	_cleanup_fd_ int fd = -1;

	if (!is_settled(from, source) || !make_room(folder, size + sizeof(note)))
		return;
	name_of(source, name);
	memcpy(note.magic, magic, sizeof(magic));
	memcpy(note.name, name, sizeof(name));
	read_boot(note.boot);
	snprintf(new, sizeof(new), PREFIX_NEW "%d-%llx", (int)getpid(),
		 (unsigned long long)source->st_ino);
	unlinkat(folder, new, 0); /* of somebody who died, and had this number */
	fd = openat(folder, new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (!write_entry(fd, source, &note, bytes) || renameat(folder, new, folder, name))
		unlinkat(folder, new, 0);
}
