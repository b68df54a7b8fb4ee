/* SPDX-License-Identifier: BSD-2-Clause */
#include "test.h"

#include <base/bytes.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
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

static const struct test tests[] = {
	TEST(first_reason_wins),
	TEST(long_reason_is_cut),
	TEST(ranges),
	TEST(little_endian),
	TEST(alignment),
	TEST(fd_reads_whole_or_says_short),
	TEST(fd_write_reports_full_disk),
	TEST(eventfd_counts),
};
TEST_MAIN(tests)
