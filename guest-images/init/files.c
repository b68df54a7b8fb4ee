// SPDX-License-Identifier: BSD-2-Clause
#include "files.h"

#include <linux/stat.h>

#define DEPTH_MAX 64
#define PATH_ROOM 4096
#define PIECE     16384

struct walk {
	struct link *link;
	unsigned place;
	char path[PATH_ROOM];
	size_t n, base; /* of path: its length, and where the name that thru gets begins */
};

/* `KIND PLACE WORDS NAME`. */
static void tell(struct walk *w, const char *kind, const char *words, const char *name)
{
	char record[PATH_ROOM + 64], *end;

	end = text_add(text_number(text_add(text_add(record, kind), " "), w->place), " ");
	end = text_add(text_add(end, words), name);
	link_send(w->link, LINK_FILES, record, (size_t)(end - record) + 1);
}

/* One that has nothing to read now (a pipe of tracefs) ends there: nothing is waited for. */
static void send_file(struct walk *w, unsigned mode)
{
	static unsigned char piece[2 + PIECE];
	char words[24];
	long fd = sys_open(w->path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0), n;

	if (fd < 0) {
		tell(w, "s", "", w->path + w->base);
		return;
	}
	text_add(text_number(words, mode), " ");
	tell(w, "f", words, w->path + w->base);
	while ((n = sys_read(fd, piece + 2, PIECE)) > 0) {
		piece[0] = (unsigned char)(n >> 8);
		piece[1] = (unsigned char)n;
		link_send(w->link, LINK_FILES, piece, (size_t)n + 2);
	}
	link_send(w->link, LINK_FILES, "\0", 2);
	sys_close(fd);
}

static void walk(struct walk *w, unsigned depth);

static void walk_folder(struct walk *w, unsigned depth)
{
	char entries[2048];
	long fd = sys_open(w->path, O_RDONLY | O_DIRECTORY, 0), got;
	size_t n = w->n;

	while (fd >= 0 && (got = SYS(getdents64, fd, entries, sizeof(entries), 0, 0, 0)) > 0)
		for (long i = 0; i < got; i += *(unsigned short *)(entries + i + 16)) {
			const char *name = entries + i + 19;

			if (text_same(name, ".") || text_same(name, "..") ||
			    n + text_len(name) + 2 > PATH_ROOM)
				continue;
			w->path[n] = '/';
			w->n = (size_t)(text_add(w->path + n + 1, name) - w->path);
			walk(w, depth + 1);
			w->n = n;
			w->path[n] = 0;
		}
	if (fd >= 0)
		sys_close(fd);
}

/* The path that was asked for may be a link; those that are found are left out. */
static void walk(struct walk *w, unsigned depth)
{
	struct statx st;
	long r = sys_statx(w->path, depth ? AT_SYMLINK_NOFOLLOW : 0, &st);
	unsigned kind = r < 0 ? 0 : st.stx_mode & S_IFMT;
	char words[24];

	if (r < 0 && !depth) {
		text_number(words, (unsigned long)-r);
		tell(w, "m", words, "");
	} else if (kind == S_IFDIR && depth < DEPTH_MAX) {
		walk_folder(w, depth);
	} else if (kind == S_IFREG) {
		send_file(w, st.stx_mode & 07777);
	} else {
		tell(w, "s", "", w->path + w->base);
	}
}

void files_send(struct link *link, char *const *paths, unsigned n)
{
	static struct walk w;
	struct statx st;

	w.link = link;
	for (w.place = 0; w.place < n; w.place++) {
		const char *path = paths[w.place];

		w.n = text_len(path);
		if (w.n + 1 > PATH_ROOM)
			continue;
		while (w.n > 1 && path[w.n - 1] == '/')
			w.n--;
		memcpy(w.path, path, w.n);
		w.path[w.n] = 0;
		w.base = w.n + 1;
		if (sys_statx(w.path, 0, &st) < 0 || (st.stx_mode & S_IFMT) != S_IFDIR)
			for (w.base = w.n; w.base && w.path[w.base - 1] != '/';)
				w.base--;
		walk(&w, 0);
	}
	link_send(link, LINK_FILES, "e", 2);
}
