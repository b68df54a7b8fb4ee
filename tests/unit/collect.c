/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files out of a guest: what init sends, and what one would send that wants to write elsewhere. The host's
 * folder lies in another one, where nothing may change.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>
#include <verdict/collect.h>

static char base[] = "/tmp/thru-collect-XXXXXX", folder[64], outside[64];
static struct collect c;

static int forget(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* An empty folder, and beside it a file that says "mine". */
static bool fresh(void)
{
	int fd;

	collect_deinit(&c);
	collect_init(&c);
	nftw(base, forget, 16, FTW_DEPTH | FTW_PHYS);
	mkdir(base, 0700);
	fd = open(outside, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, "mine", 4) != 4)
		return false;
	close(fd);
	return !collect_add(&c, folder);
}

static void feed(const void *bytes, size_t n)
{
	collect_feed(&c, bytes, n);
}

static void record(const char *text)
{
	feed(text, strlen(text) + 1);
}

static void file(const char *head, const char *body)
{
	uint8_t length[2] = { (uint8_t)(strlen(body) >> 8), (uint8_t)strlen(body) };

	record(head);
	if (*body)
		feed(length, 2);
	feed(body, strlen(body));
	feed("\0\0", 2);
}

static bool has(const char *name, const char *body)
{
	char path[256], text[64];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(body) && !memcmp(text, body, (size_t)n);
}

/* Beside the folder there is one file, and it is as it was. */
static bool untouched(void)
{
	char text[8], other[128];
	int fd = open(outside, O_RDONLY);
	bool same = fd >= 0 && read(fd, text, sizeof(text)) == 4 && !memcmp(text, "mine", 4);
	struct stat st;

	if (fd >= 0)
		close(fd);
	snprintf(other, sizeof(other), "%s/evil", base);
	return same && stat(other, &st) && !stat(base, &st) && st.st_nlink == 3;
}

static void files(void)
{
	struct stat st;
	char path[128];

	CHECK(fresh());
	file("f 0 493 run", "#!");
	file("f 0 420 a/b/c", "deep");
	file("f 0 2541 set", "id"); /* 04755 */
	file("f 0 0 empty", "");
	record("s 0 link");
	record("m 0 2");
	record("e");
	CHECK(!c.broken && c.files == 4 && c.bytes == 8 && c.left_out == 1 && !c.lost);
	CHECK_EQ(c.missing[0], ENOENT);
	CHECK(c.state == COLLECT_ENDED);
	CHECK(has("run", "#!") && has("a/b/c", "deep") && has("empty", ""));
	snprintf(path, sizeof(path), "%s/run", folder);
	CHECK(!stat(path, &st) && (st.st_mode & 0777) == 0755);
	snprintf(path, sizeof(path), "%s/set", folder);
	CHECK(!stat(path, &st) && (st.st_mode & 07777) == 0755);
}

static void pieces(void)
{
	static const uint8_t bytes[] = "f 0 420 x\0\0\3abc\0\1d\0\0e";

	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		CHECK(fresh());
		feed(bytes, cut);
		for (size_t i = cut; i < sizeof(bytes); i++)
			feed(bytes + i, 1);
		CHECK(!c.broken && c.state == COLLECT_ENDED && c.bytes == 4);
		CHECK(has("x", "abcd"));
	}
}

static void paths_that_lead_elsewhere(void)
{
	static const char *const heads[] = {
		"f 0 420 ../evil",
		"f 0 420 /tmp/evil",
		"f 0 420 a/../../evil",
		"f 0 420 a//b",
		"f 0 420 ./evil",
		"f 0 420 a/.",
		"f 0 420 ..",
		"f 0 420 ",
		"f 0 420 a/",
		"f 1 420 a",
		"f -1 420 a",
		"f 99999999999 1 a",
		"f 0 x a",
		"x 0 420 a",
		"",
		"f",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(heads); i++) {
		CHECK(fresh());
		file(heads[i], "evil");
		file("f 0 420 later", "x");
		CHECK(c.broken && !c.files && c.state == COLLECT_ENDED);
		CHECK(untouched());
	}
}

static void too_long(void)
{
	char head[4096] = "f 0 420 ";

	CHECK(fresh());
	memset(head + 8, 'a', 4000);
	record(head);
	CHECK(c.broken);
	CHECK(fresh());
	strcpy(head, "f 0 420 a");
	for (unsigned i = 0; i < COLLECT_DEPTH_MAX; i++)
		strcat(head, "/a");
	record(head);
	CHECK(c.broken && untouched());
}

/* Links that are there on the host already lead nowhere, whoever made them. */
static void links_of_the_host(void)
{
	char path[128], target[128];
	struct stat st;

	CHECK(fresh());
	snprintf(path, sizeof(path), "%s/up", folder);
	CHECK(!symlink("..", path));
	snprintf(path, sizeof(path), "%s/file", folder);
	CHECK(!symlink("../outside", path));
	snprintf(path, sizeof(path), "%s/hard", folder);
	CHECK(!link(outside, path));
	file("f 0 420 up/evil", "evil");
	CHECK(c.lost == 1 && (c.error == ENOTDIR || c.error == ELOOP) && !c.broken);
	file("f 0 420 file", "new");
	file("f 0 420 hard", "new");
	CHECK(c.files == 2 && untouched());
	CHECK(has("file", "new") && has("hard", "new"));
	snprintf(target, sizeof(target), "%s/file", folder);
	CHECK(!lstat(target, &st) && S_ISREG(st.st_mode));
	CHECK(!mkdir(strcat(strcpy(path, folder), "/dir"), 0755));
	file("f 0 420 dir", "new"); /* a folder is in the way */
	CHECK(c.lost == 2 && c.files == 2);
}

static void bounds(void)
{
	CHECK(fresh());
	c.bytes = COLLECT_BYTES_MAX - 2;
	file("f 0 420 x", "abcd");
	CHECK(has("x", "ab") && c.cut == 2 && c.bytes == COLLECT_BYTES_MAX);
	file("f 0 420 y", "ab");
	CHECK(has("y", "") && c.cut == 4);
	c.files = COLLECT_FILES_MAX;
	file("f 0 420 z", "ab");
	CHECK(!has("z", "") && c.left_out == 1 && !c.broken);
}

static void disk_full(void)
{
	CHECK(fresh());
	record("f 0 420 x");
	CHECK(c.fd >= 0);
	close(c.fd);
	c.fd = open("/dev/full", O_WRONLY);
	feed("\0\2ab\0\0", 6);
	CHECK(c.lost == 1 && c.error == ENOSPC && !c.files && !c.broken);
	file("f 0 420 y", "ab");
	CHECK(c.files == 1 && has("y", "ab"));
}

static void folders_that_cannot_be(void)
{
	CHECK(fresh());
	CHECK_EQ(collect_add(&c, outside), -ENOTDIR);
	CHECK_ERROR("choose a folder");
	CHECK_EQ(collect_add(&c, "/absent/folder"), -ENOENT);
	CHECK_ERROR("can be made");
}

/* Anything at all, and good streams with bytes changed. */
static void rubbish(void)
{
	static const uint8_t good[] = "f 0 420 a/b\0\0\3abc\0\0s 0 l\0m 0 2\0f 0 1 ../c\0\0\0e";
	uint8_t bytes[sizeof(good)];
	unsigned seed = 1;

	CHECK(fresh());
	for (unsigned round = 0; round < 20000; round++) {
		memcpy(bytes, good, sizeof(bytes));
		for (unsigned i = 0; i < 1 + round % 4; i++) {
			seed = seed * 1103515245 + 12345;
			bytes[seed / 65536 % sizeof(bytes)] = "../\0 f09"[seed / 7 % 8];
		}
		c.state = COLLECT_HEAD;
		c.broken = NULL;
		c.head_n = 0;
		feed(bytes, sizeof(bytes));
		close(c.fd);
		c.fd = -1;
		CHECK(c.files + c.lost <= COLLECT_FILES_MAX);
	}
	CHECK(untouched());
}

static const struct test tests[] = {
	TEST(files),
	TEST(pieces),
	TEST(paths_that_lead_elsewhere),
	TEST(too_long),
	TEST(links_of_the_host),
	TEST(bounds),
	TEST(disk_full),
	TEST(folders_that_cannot_be),
	TEST(rubbish),
};

int main(void)
{
	int r;

	if (!mkdtemp(base))
		return 1;
	snprintf(folder, sizeof(folder), "%s/folder", base);
	snprintf(outside, sizeof(outside), "%s/outside", base);
	collect_init(&c);
	r = test_main(tests, ARRAY_SIZE(tests));
	collect_deinit(&c);
	nftw(base, forget, 16, FTW_DEPTH | FTW_PHYS);
	return r;
}
