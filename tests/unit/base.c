/* SPDX-License-Identifier: BSD-2-Clause */
#include "test.h"

#include <base/bytes.h>
#include <base/capability.h>
#include <base/clock.h>
#include <base/fd.h>
#include <base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static void first_reason_wins(void)
{
	CHECK_EQ(fail(STATUS_HOST, ENODEV, "near the cause: %d", 7), -ENODEV);
	CHECK_EQ(fail(STATUS_FAILURE, EIO, "far from it"), -EIO);
	CHECK(!strcmp(error_message(), "near the cause: 7"));
	CHECK_EQ(error_status(), STATUS_HOST);
	error_clear();
	CHECK(!*error_message());
	CHECK_EQ(error_status(), STATUS_FAILURE);
}

static void long_reason_is_cut(void)
{
	char text[4096];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	CHECK_EQ(fail(STATUS_HOST, EIO, "%s", text), -EIO);
	CHECK(strlen(error_message()) < 1024);
}

/* Names are whoever's made the file: a line stays one line. */
static void names_are_printable(void)
{
	error_clear();
	fail(STATUS_USAGE, ENOENT, "%s: is not there", "a\n::b\033[2J\177\xc3\xa4");
	CHECK(!strcmp(error_message(), "a?::b?[2J?\xc3\xa4: is not there"));
	error_clear();
}

/* What nobody should see has a remedy too, by its errno; what has one, or is no fault of the host's, keeps its text. */
static void errors_without_advice(void)
{
	static const struct {
		enum exit_status status;
		int errnum;
		const char *text, *end;
	} cases[] = {
		{ STATUS_FAILURE, EIO, "call: Input/output error", "and report it with that" },
		{ STATUS_HOST, EINVAL, "call: Invalid argument", "and report it with that" },
		{ STATUS_HOST, ENOMEM, "call: out of memory", "ulimit -v, -d" },
		{ STATUS_FAILURE, ENOMEM, "call: Cannot allocate memory",
		  "; free memory on the host, or raise what limits this process: ulimit -v, -d" },
		{ STATUS_FAILURE, EMFILE, "call: Too many open files", "ulimit -n" },
		{ STATUS_FAILURE, EPERM, "call: Operation not permitted", "run as root" },
		{ STATUS_HOST, EIO, "call: Input/output error; do this", "; do this" },
		{ STATUS_HOST, EIO, "it does not answer", "it does not answer" },
		{ STATUS_USAGE, ENOENT, "x: No such file or directory",
		  "x: No such file or directory" },
		{ STATUS_IMAGE, EIO, "x: Input/output error", "and report it with that" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *text = error_message();
		size_t len, end = strlen(cases[i].end);

		CHECK_EQ(fail(cases[i].status, cases[i].errnum, "%s", cases[i].text),
			 -cases[i].errnum);
		len = strlen(text);
		CHECK(!strncmp(text, cases[i].text, strlen(cases[i].text)));
		CHECK(len >= end && !strcmp(text + len - end, cases[i].end));
		error_clear();
	}
}

/* Whatever the place that opens a file thinks of, too many open files is mended by the limit on them. */
static void too_many_open_files(void)
{
	fail(STATUS_IMAGE, EMFILE, "kernel x: %s; give another path", strerror(EMFILE));
	CHECK(!strcmp(error_message(),
		      "kernel x: Too many open files; raise the limit on open files: ulimit -n"));
	error_clear();
	fail(STATUS_USAGE, EMFILE, "--disk x: %s; make one", strerror(EMFILE));
	CHECK(!strcmp(error_message(),
		      "--disk x: Too many open files; raise the limit on open files: ulimit -n"));
	error_clear();
	fail(STATUS_OUTPUT, ENOMEM, "--trace x: %s; choose another path", strerror(ENOMEM));
	CHECK(!strcmp(error_message(),
		      "--trace x: Cannot allocate memory; free memory on the host, or raise "
		      "what limits this process: ulimit -v, -d"));
	error_clear();
	fail(STATUS_HOST, ENOMEM, "guest memory: %s; ask for less", strerror(ENOMEM));
	CHECK(!strcmp(error_message(), "guest memory: Cannot allocate memory; ask for less"));
	error_clear();
	fail(STATUS_IMAGE, ENOENT, "kernel x: %s; give another path", strerror(ENOENT));
	CHECK(!strcmp(error_message(), "kernel x: No such file or directory; give another path"));
	error_clear();
}

static void ranges(void)
{
	struct range r = { 0x1000, 0x1000 };
	struct range top = { UINT64_MAX - 0xfff, 0x1000 };

	CHECK(range_holds(r, 0x1000, 0x1000));
	CHECK(range_holds(r, 0x1fff, 1));
	CHECK(!range_holds(r, 0x1fff, 2));
	CHECK(!range_holds(r, 0xfff, 1));
	CHECK(!range_holds(r, 0x1800, UINT64_MAX - 0x100));
	CHECK(range_holds(top, UINT64_MAX, 1));
	CHECK(range_overlaps(r, (struct range){ 0x1fff, 1 }));
	CHECK(!range_overlaps(r, (struct range){ 0x2000, 1 }));
	CHECK(!range_overlaps(r, (struct range){ 0x1000, 0 }));
}

static void little_endian(void)
{
	uint8_t b[9] = { 0xff, 1, 2, 3, 4, 5, 6, 7, 8 };

	CHECK_EQ(load_le16(b + 1), 0x0201);
	CHECK_EQ(load_le32(b + 1), 0x04030201);
	CHECK_EQ(load_le64(b + 1), 0x0807060504030201);
	CHECK_EQ(load_le(b + 1, 3), 0x030201);
	store_le64(b, 0x1122334455667788);
	CHECK_EQ(b[0], 0x88);
	CHECK_EQ(b[7], 0x11);
	CHECK_EQ(b[8], 8);
	store_le(b, 2, 0xabcdef);
	CHECK_EQ(load_le32(b), 0x5566cdef);
}

/* A function's configuration space: what a device may say of its own capabilities. */
static uint8_t space[4096];
static unsigned asked;

static uint32_t read_space(void *ctx, unsigned offset, unsigned len)
{
	asked++;
	return offset + len > *(unsigned *)ctx ? UINT32_MAX
					       : (uint32_t)load_le(space + offset, len);
}

/* How many there are, with the ids in one number. */
static unsigned count_capabilities(bool extended, unsigned size, uint64_t *ret_ids)
{
	struct capabilities list;
	unsigned n = 0;

	asked = 0;
	*ret_ids = 0;
	capabilities_init(&list, extended, 4096, read_space, &size);
	for (; capabilities_next(&list); n++)
		*ret_ids = *ret_ids << 8 | list.id;
	return n;
}

static void capability_lists(void)
{
	struct capabilities list;
	unsigned size = 4096;
	uint64_t ids;

	memset(space, 0, sizeof(space));
	space[PCI_CAPABILITY_LIST] = 0x43; /* the lowest two bits are reserved (§7.5.1.1.11) */
	store_le16(space + 0x40, 0x5010);
	store_le16(space + 0x50, 0xfc05);
	store_le16(space + 0xfc, 0x0011);
	CHECK_EQ(count_capabilities(false, 4096, &ids), 0); /* Status does not say so */
	space[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	CHECK_EQ(count_capabilities(false, 4096, &ids), 3);
	CHECK_EQ(ids, 0x100511);
	/* In a circle, each is found once; into the header, that is the end. */
	space[0xfd] = 0x50;
	CHECK_EQ(count_capabilities(false, 4096, &ids), 3);
	space[0x51] = 0x3c;
	CHECK_EQ(count_capabilities(false, 4096, &ids), 2);
	/* What cannot be read is not there. */
	CHECK_EQ(count_capabilities(false, 64, &ids), 0);
	CHECK_EQ(count_capabilities(true, 256, &ids), 0);

	CHECK_EQ(count_capabilities(true, 4096, &ids), 0);
	store_le32(space + 0x100, 0xffc10001);
	store_le32(space + 0xffc, 0x10010003);
	CHECK_EQ(count_capabilities(true, 4096, &ids), 2);
	CHECK_EQ(ids, 0x0103);
	store_le32(space + 0x100, 0x04010001); /* below 100h is the other list's */
	CHECK_EQ(count_capabilities(true, 4096, &ids), 1);
	/* The longest there can be. */
	for (unsigned at = 0x100; at < 4096; at += 4)
		store_le32(space + at, (at + 4) << 20 | 0x10001);
	CHECK_EQ(count_capabilities(true, 4096, &ids), (4096 - 256) / 4);
	CHECK_EQ(asked, (4096 - 256) / 4);
	/* Nothing is read beyond the space that there is. */
	capabilities_init(&list, true, 0x104, read_space, &size);
	asked = 0;
	CHECK(capabilities_next(&list) && list.at == 0x100 && list.id == 1);
	CHECK(!capabilities_next(&list));
	CHECK_EQ(asked, 1);
}

static void alignment(void)
{
	CHECK_EQ(align_up(1, 0x1000), 0x1000);
	CHECK_EQ(align_up(0x1000, 0x1000), 0x1000);
	CHECK_EQ(align_down(0x1fff, 0x1000), 0x1000);
	CHECK(is_power_of_two(1) && is_power_of_two(BIT64(63)));
	CHECK(!is_power_of_two(0) && !is_power_of_two(12));
}

static void fd_reads_whole_or_says_short(void)
{
	char path[] = "/tmp/thru-unit-XXXXXX", buf[8];
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	unlink(path);
	CHECK_EQ(fd_write_all(fd, "12345678", 8), 0);
	CHECK_EQ(fd_read_at(fd, buf, 4, 4), 0);
	CHECK(!memcmp(buf, "5678", 4));
	CHECK_EQ(fd_read_at(fd, buf, 5, 4), -ENODATA);
	fd_close(&fd);
	CHECK_EQ(fd, -1);
	fd_close(&fd);
}

static void fd_write_reports_full_disk(void)
{
	int fd = open("/dev/full", O_WRONLY);

	CHECK(fd >= 0);
	CHECK_EQ(fd_write_all(fd, "x", 1), -ENOSPC);
	fd_close(&fd);
}

static void eventfd_counts(void)
{
	int fd = -1;

	CHECK_EQ(fd_event(&fd), 0);
	CHECK_EQ(fd_event_take(fd), 0);
	fd_event_signal(fd);
	fd_event_signal(fd);
	CHECK_EQ(fd_event_take(fd), 2);
	CHECK_EQ(fd_event_take(fd), 0);
	fd_close(&fd);
}

/* All that was read so far; `more` reads on, false when nothing comes. */
static char heard[2 * LOG_QUEUE];
static size_t n_heard;

static bool more(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	ssize_t n = 0;

	if (poll(&ready, 1, 5000) == 1)
		n = read(fd, heard + n_heard, MIN(sizeof(heard) - 1 - n_heard, 65536u));
	if (n > 0)
		n_heard += (size_t)n;
	heard[n_heard] = 0;
	return n > 0;
}

static bool comes(int fd, const char *want)
{
	while (!strstr(heard, want))
		if (!more(fd))
			return false;
	return true;
}

/* The sum of what was told to be lost, wherever that was. */
static unsigned long told_lost(void)
{
	unsigned long sum = 0;

	for (const char *at = heard; (at = strstr(at, "thru: ")); at += 6)
		if (strstr(at, " lines were lost here: nobody read them\n"))
			sum += strtoul(at + 6, NULL, 10);
	return sum;
}

/* Nobody reads standard error: whoever speaks goes on, and what was lost is told, once and counted. */
static void nobody_reads(void)
{
	int err = dup(STDERR_FILENO), ends[2];
	static char line[1024];
	uint64_t began;
	unsigned lost = 0;

	CHECK(!pipe2(ends, O_CLOEXEC));
	CHECK_EQ(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	CHECK_EQ(log_start(), 0);
	CHECK_EQ(log_start(), 0); /* once is enough */
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	began = clock_ns();
	for (unsigned i = 0; i < 1500; i++)
		lost += log_text(line, sizeof(line)) != 0;
	CHECK(clock_ns() - began < 20 * NS_PER_S); /* it would be for ever */
	CHECK(lost > 100 && lost < 600);           /* the queue and the pipe hold the others */
	CHECK_EQ(log_finish(50), -ETIMEDOUT);
	/* Where there is room again, the number is put in. All may be read before the thread says so. */
	while (log_finish(10) && more(ends[0]))
		;
	log_warn("the end");
	CHECK(comes(ends[0], "thru: the end\n"));
	CHECK_EQ(told_lost(), lost);
	log_warn("heard");
	CHECK(comes(ends[0], "thru: heard\n"));
	/* A reader that is gone is an error that is found by the next line, and told at the end. */
	close(ends[0]);
	signal(SIGPIPE, SIG_IGN);
	log_warn("to nobody");
	CHECK_EQ(log_finish(2000), -EPIPE);
	dup2(err, STDERR_FILENO);
	close(err);
}

/* A large file is read in pieces, and given up between two when that is asked for. */
static void reading_stops(void)
{
	char path[] = "/tmp/thru-unit-XXXXXX", *buf = malloc(MIB(9));
	int fd = mkstemp(path);
	bool stop = false;

	CHECK(fd >= 0 && buf);
	unlink(path);
	CHECK(!ftruncate(fd, MIB(9)));
	fd_read_until(&stop);
	CHECK_EQ(fd_read_at(fd, buf, MIB(9), 0), 0);
	CHECK(!fd_read_stopped());
	stop = true;
	CHECK(fd_read_stopped());
	CHECK_EQ(fd_read_at(fd, buf, MIB(9), 0), -ECANCELED);
	fd_read_until(NULL);
	CHECK_EQ(fd_read_at(fd, buf, MIB(9), 0), 0);
	fd_close(&fd);
	free(buf);
}

/* Files for output are their owner's alone; what is no regular file never waits. */
static void output_files(void)
{
	char path[] = "/tmp/thru-unit-XXXXXX", byte = 'x';
	struct stat st;
	int fd = -1, reader;
	mode_t mask = umask(0);

	CHECK(mkdtemp(path));
	rmdir(path);
	CHECK_EQ(fd_open_output(path, &fd), 0);
	umask(mask);
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_mode & 07777, 0600);
	CHECK(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	fd_close(&fd);
	unlink(path);
	CHECK(!mkfifo(path, 0600));
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	CHECK_EQ(fd_open_output(path, &fd), 0);
	while (write(fd, &byte, 1) == 1)
		;
	CHECK_EQ(errno, EAGAIN);
	fd_close(&fd);
	fd_close(&reader);
	unlink(path);
	CHECK_EQ(fd_open_output("/nowhere/x", &fd), -ENOENT);
}

static const struct test tests[] = {
	TEST(reading_stops),
	TEST(output_files),
	TEST(nobody_reads),
	TEST(first_reason_wins),
	TEST(long_reason_is_cut),
	TEST(names_are_printable),
	TEST(errors_without_advice),
	TEST(too_many_open_files),
	TEST(ranges),
	TEST(little_endian),
	TEST(capability_lists),
	TEST(alignment),
	TEST(fd_reads_whole_or_says_short),
	TEST(fd_write_reports_full_disk),
	TEST(eventfd_counts),
};
TEST_MAIN(tests)
