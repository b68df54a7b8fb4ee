/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of what watches a guest of `thru test`: how long is waited for what, what the VMM said, what
 * COMMAND said on its way to a reader.
 */
#include "test.h"

#include "../../vmm/verbs/test_clock.h"
#include "../../vmm/verbs/test_log.h"
#include "../../vmm/verbs/test_message.h"
#include "../../vmm/verbs/test_output.h"

#include <base/clock.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define S NS_PER_S

static uint64_t moments[MOMENT_N];
static struct test_clock clock_seen;
static struct test_options options;
static struct test_patience patience;
static uint64_t next;

/* A guest that began at 100 s and whose command was started at 110 s. */
static void setup(void)
{
	memset(moments, 0, sizeof(moments));
	moments[MOMENT_VM] = 100 * S;
	moments[MOMENT_START] = 110 * S;
	clock_seen =
		(struct test_clock){ .moments = moments, .last_byte = 110 * S, .heard = 100 * S };
	options = (struct test_options){ .boot_timeout = 60, .timeout = 300 };
}

static enum test_due due(enum link_state state, uint64_t now)
{
	return test_clock_due(&clock_seen, &options, state, true, now, &next, &patience);
}

static void limits(void)
{
	setup();
	CHECK_EQ(due(LINK_HELLO, 160 * S - 1), TEST_DUE_NOTHING);
	CHECK_EQ(next, 160 * S);
	CHECK_EQ(due(LINK_HELLO, 160 * S), TEST_DUE_QUESTION);
	CHECK_EQ(patience.waited, WAITED_BOOT);
	CHECK_EQ(patience.seconds, 60);
	CHECK_EQ(due(LINK_STARTED, 410 * S - 1), TEST_DUE_NOTHING);
	CHECK_EQ(due(LINK_STARTED, 410 * S), TEST_DUE_QUESTION);
	CHECK_EQ(patience.waited, WAITED_COMMAND);
	options.boot_timeout = options.timeout = 0;
	CHECK_EQ(due(LINK_SILENT, 100000 * S), TEST_DUE_NOTHING);
	CHECK_EQ(next, UINT64_MAX);
	CHECK_EQ(due(LINK_STARTED, 100000 * S), TEST_DUE_NOTHING);
	CHECK_EQ(next, UINT64_MAX);
}

static void silence(void)
{
	setup();
	options.stall = 20;
	CHECK_EQ(due(LINK_STARTED, 130 * S - 1), TEST_DUE_NOTHING);
	CHECK_EQ(next, 130 * S);
	clock_seen.last_byte = 125 * S;
	CHECK_EQ(due(LINK_STARTED, 130 * S), TEST_DUE_NOTHING);
	CHECK_EQ(next, 145 * S);
	CHECK_EQ(due(LINK_STARTED, 145 * S), TEST_DUE_QUESTION);
	CHECK_EQ(patience.waited, WAITED_STALL);
	CHECK_EQ(patience.seconds, 20);
	/* What its command may take is over as well: that is the reason. */
	CHECK_EQ(due(LINK_STARTED, 410 * S), TEST_DUE_QUESTION);
	CHECK_EQ(patience.waited, WAITED_COMMAND);
	/* Before it, and after, only the other limits hold. */
	moments[MOMENT_END] = 146 * S;
	CHECK_EQ(due(LINK_EXITED, 147 * S), TEST_DUE_NOTHING);
}

/* A pager that nobody scrolls: the guest waits for it, and is not asked why. */
static void slow_reader(void)
{
	setup();
	options.stall = 20;
	CHECK_EQ(test_clock_due(&clock_seen, &options, LINK_STARTED, false, 120 * S, &next,
				&patience),
		 TEST_DUE_NOTHING);
	CHECK_EQ(next, 410 * S);
	/* poll(2) came back when the pager took something. */
	CHECK_EQ(due(LINK_STARTED, 300 * S), TEST_DUE_NOTHING);
	CHECK_EQ(next, 320 * S);
	CHECK_EQ(due(LINK_STARTED, 320 * S), TEST_DUE_QUESTION);
	CHECK_EQ(patience.waited, WAITED_STALL);
}

static void power_off(void)
{
	setup();
	moments[MOMENT_END] = 200 * S;
	CHECK_EQ(due(LINK_EXITED, 215 * S - 1), TEST_DUE_NOTHING);
	CHECK_EQ(due(LINK_EXITED, 215 * S), TEST_DUE_QUESTION);
	CHECK_EQ(patience.waited, WAITED_OFF);
	CHECK_EQ(patience.seconds, 15);
	/* Files still come, but not for ever. */
	clock_seen.last_file = 490 * S;
	CHECK_EQ(due(LINK_EXITED, 500 * S - 1), TEST_DUE_NOTHING);
	CHECK_EQ(next, 500 * S);
	CHECK_EQ(due(LINK_EXITED, 500 * S), TEST_DUE_QUESTION);
	options.boot_timeout = options.timeout = 0;
	clock_seen.last_file = 0;
	CHECK_EQ(due(LINK_EXITED, 205 * S), TEST_DUE_QUESTION);
	CHECK_EQ(patience.seconds, 5);
}

static void asked_where_it_stands(void)
{
	setup();
	clock_seen.asked = 500 * S;
	CHECK_EQ(due(LINK_STARTED, 501 * S - 1), TEST_DUE_NOTHING);
	CHECK_EQ(next, 501 * S);
	CHECK_EQ(due(LINK_STARTED, 501 * S), TEST_DUE_BREAK);
	clock_seen.broke[0] = 501 *
			      S; /* one key at a time: the next when it has answered, or not */
	CHECK_EQ(due(LINK_STARTED, 502 * S - 1), TEST_DUE_NOTHING);
	CHECK_EQ(next, 502 * S);
	CHECK_EQ(due(LINK_STARTED, 502 * S), TEST_DUE_ANOTHER);
	clock_seen.last_byte = 501 * S + 1;
	CHECK_EQ(due(LINK_STARTED, 501 * S + 2), TEST_DUE_ANOTHER);
	clock_seen.broke[1] = 502 * S;
	CHECK_EQ(due(LINK_STARTED, 505 * S - 1), TEST_DUE_NOTHING);
	CHECK_EQ(next, 505 * S);
	CHECK_EQ(due(LINK_STARTED, 505 * S), TEST_DUE_END);
	/* An answer: no break. */
	clock_seen.broke[0] = clock_seen.broke[1] = 0;
	clock_seen.last_byte = 500 * S + 1;
	CHECK_EQ(due(LINK_STARTED, 502 * S), TEST_DUE_NOTHING);
	CHECK_EQ(next, 503 * S);
	clock_seen.stopped = 503 * S;
	CHECK_EQ(due(LINK_STARTED, 508 * S - 1), TEST_DUE_NOTHING);
	CHECK_EQ(next, 508 * S);
	CHECK_EQ(due(LINK_STARTED, 508 * S), TEST_DUE_KILL);
}

/* What is said of a VMM that wrote this, in pieces as they come; the pipe holds all of it. */
static const char *reason_of(const char *const *said, unsigned n, bool *ret_device)
{
	static struct test_message message;
	int ends[2];

	memset(&message, 0, sizeof(message));
	if (pipe(ends))
		return NULL;
	for (unsigned i = 0; i < n; i++)
		if (write(ends[1], said[i], strlen(said[i])) != (ssize_t)strlen(said[i]) ||
		    !test_message_read(&message, ends[0]))
			return NULL;
	close(ends[1]);
	while (test_message_read(&message, ends[0]))
		;
	close(ends[0]);
	return test_message_reason(&message, false, ret_device);
}

static void last_words(void)
{
	static const char *const device[] = { "thru: a warning\nthru: 0000:01:00.0 is gone\n" };
	static const char *const colon[] = { "thru: 0000:01:00.0: it is gone\n", "\n" };
	static const char *const other[] = { "thru: memlock: ", "too little" };
	const char *long_winded[64];
	bool is = false;

	CHECK(!strcmp(reason_of(device, 1, &is), "0000:01:00.0 is gone"));
	CHECK(is);
	CHECK(!strcmp(reason_of(colon, 2, &is), "0000:01:00.0: it is gone"));
	CHECK(is);
	CHECK(!strcmp(reason_of(other, 2, &is), "memlock: too little"));
	CHECK(!is);
	CHECK(!strcmp(reason_of(NULL, 0, &is), ""));
	CHECK(!is);
	for (unsigned i = 0; i < ARRAY_SIZE(long_winded); i++)
		long_winded[i] = "thru: one of very many lines that nobody wants to read\n";
	long_winded[ARRAY_SIZE(long_winded) - 1] = "thru: the reason\n";
	CHECK(!strcmp(reason_of(long_winded, ARRAY_SIZE(long_winded), &is), "the reason"));
}

static void reader(void)
{
	static struct test_output output;
	static uint8_t bytes[TEST_STAGE];
	int ends[2];
	ssize_t n = 0, r;

	CHECK(!pipe2(ends, O_NONBLOCK));
	memset(&output, 0, sizeof(output));
	output.streams[0].fd = ends[1];
	for (unsigned i = 0; i <= TEST_STAGE / 2; i++) {
		CHECK(test_output_has_room(&output));
		test_output_put(&output, 0, (uint8_t)i);
	}
	CHECK(!test_output_has_room(&output));
	CHECK(!test_output_written(&output));
	for (unsigned i = 0; i < TEST_STAGE && !test_output_written(&output); i++) {
		test_output_write(&output, 0);
		r = read(ends[0], bytes + n, sizeof(bytes) - (size_t)n);
		n += MAX(r, 0);
	}
	CHECK_EQ(n, TEST_STAGE / 2 + 1);
	for (ssize_t i = 0; i < n; i++)
		CHECK_EQ(bytes[i], (uint8_t)i);
	/* It goes away: nobody waits for it any more. */
	signal(SIGPIPE, SIG_IGN);
	close(ends[0]);
	test_output_put(&output, 0, 1);
	test_output_write(&output, 0);
	CHECK(!strcmp(output.lost, "standard output"));
	CHECK(test_output_written(&output) && test_output_has_room(&output));
	close(ends[1]);
}

/* Cut in the middle of what comes, at a byte; and told in a line of its own. */
static void log_of_bounded_size(void)
{
	static uint8_t bytes[MIB(1) + 1];
	static const char told[] = "\nthru: the log was cut here: 6291526 bytes more came\n";
	FILE *file = tmpfile();
	struct test_log log = { .fd = file ? fileno(file) : -1 };
	char end[sizeof(told)] = { 0 };

	CHECK(file);
	memset(bytes, 'x', sizeof(bytes));
	for (unsigned i = 0; i < 70; i++)
		test_log_write(&log, bytes, sizeof(bytes));
	CHECK_EQ(lseek(log.fd, 0, SEEK_END), TEST_LOG_MAX);
	test_log_finish(&log);
	CHECK_EQ(lseek(log.fd, 0, SEEK_END), TEST_LOG_MAX + sizeof(told) - 1);
	CHECK_EQ(pread(log.fd, end, sizeof(told) - 1, TEST_LOG_MAX), sizeof(told) - 1);
	CHECK(!strcmp(end, told) && !log.lost);
	/* Exactly full is not cut. */
	CHECK(!ftruncate(log.fd, 0) && !lseek(log.fd, 0, SEEK_SET));
	log = (struct test_log){ .fd = log.fd };
	for (unsigned i = 0; i < 64; i++)
		test_log_write(&log, bytes, MIB(1));
	test_log_finish(&log);
	CHECK_EQ(lseek(log.fd, 0, SEEK_END), TEST_LOG_MAX);
	fclose(file);
	/* A full disk is told, and nothing else is written. */
	log = (struct test_log){ .fd = open("/dev/full", O_WRONLY) };
	test_log_write(&log, bytes, 1);
	test_log_write(&log, bytes, 1);
	CHECK(log.lost && log.bytes == 1);
	close(log.fd);
}

/* A pipe that is full keeps what came, in order, and does not wait; what comes in spite of that is lost, and told. */
static void log_to_a_slow_reader(void)
{
	static struct test_log log;
	static uint8_t bytes[KIB(4)], got[KIB(256)];
	size_t n = 0, in = 0;
	int ends[2];

	CHECK(!pipe2(ends, O_CLOEXEC | O_NONBLOCK));
	log = (struct test_log){ .fd = ends[1] };
	while (test_log_has_room(&log) && in < sizeof(got)) {
		memset(bytes, (int)('a' + in / sizeof(bytes) % 26), sizeof(bytes));
		test_log_write(&log, bytes, sizeof(bytes));
		in += sizeof(bytes);
	}
	CHECK(in < sizeof(got) && log.n == sizeof(bytes));
	test_log_flush(&log);
	CHECK_EQ(log.n, sizeof(bytes));
	test_log_write(&log, "END", 3);
	while (n < in + 3) {
		ssize_t r = read(ends[0], got + n, sizeof(got) - n);

		CHECK(r > 0);
		n += (size_t)r;
		test_log_flush(&log);
	}
	CHECK(test_log_has_room(&log) && !log.lost);
	for (size_t i = 0; i < in; i++)
		CHECK(got[i] == 'a' + i / sizeof(bytes) % 26);
	CHECK(!memcmp(got + in, "END", 3));
	for (unsigned i = 0; i < 40; i++)
		test_log_write(&log, bytes, sizeof(bytes));
	test_log_finish(&log);
	CHECK(log.lost);
	close(ends[0]);
	close(ends[1]);
}

static const struct test tests[] = {
	TEST(limits),    TEST(slow_reader),           TEST(silence),
	TEST(power_off), TEST(asked_where_it_stands), TEST(last_words),
	TEST(reader),    TEST(log_of_bounded_size),   TEST(log_to_a_slow_reader),
};
TEST_MAIN(tests)
