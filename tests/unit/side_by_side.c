/* SPDX-License-Identifier: BSD-2-Clause */
/* Work for several devices at once (vmm/machine/side_by_side.c): that it is at once, and how it fails. */
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <vmm/machine/side_by_side.h>

static struct {
	pthread_barrier_t all;
	unsigned done[SIDE_BY_SIDE_MAX];
	unsigned fails; /* a bit for each */
} pieces;

/* Nobody comes past the barrier before all have begun: one after the other would stand still here. */
static int work(void *ctx, unsigned i)
{
	pthread_barrier_wait(ctx);
	pieces.done[i]++;
	return pieces.fails & 1u << i ? fail(STATUS_HOST, EIO, "piece %u", i) : 0;
}

static int do_all(unsigned n, unsigned fails)
{
	int r;

	memset(&pieces, 0, sizeof(pieces));
	pieces.fails = fails;
	pthread_barrier_init(&pieces.all, NULL, n);
	r = side_by_side(n, work, &pieces.all);
	pthread_barrier_destroy(&pieces.all);
	return r;
}

static void at_once(void)
{
	for (unsigned n = 1; n <= SIDE_BY_SIDE_MAX; n++) {
		CHECK_EQ(do_all(n, 0), 0);
		for (unsigned i = 0; i < SIDE_BY_SIDE_MAX; i++)
			CHECK_EQ(pieces.done[i], i < n);
		CHECK(!*error_message());
	}
	CHECK_EQ(side_by_side(0, work, NULL), 0);
}

/* The first one's reason is this thread's; all have been tried. */
static void failures(void)
{
	CHECK_EQ(do_all(8, 1u << 5 | 1u << 3), -EIO);
	for (unsigned i = 0; i < 8; i++)
		CHECK_EQ(pieces.done[i], 1);
	CHECK_EQ(error_status(), STATUS_HOST);
	CHECK_ERROR("piece 3");
	CHECK_EQ(do_all(4, 1), -EIO);
	CHECK_ERROR("piece 0");
}

/* What was recorded before stays. */
static void earlier_reason(void)
{
	CHECK_EQ(fail(STATUS_FAILURE, EPERM, "earlier"), -EPERM);
	CHECK_EQ(do_all(4, 2), -EIO);
	CHECK_ERROR("earlier");
	CHECK_EQ(fail(STATUS_FAILURE, EPERM, "earlier"), -EPERM);
	CHECK_EQ(do_all(4, 0), 0);
	CHECK_ERROR("earlier");
}

static const struct test tests[] = {
	TEST(at_once),
	TEST(failures),
	TEST(earlier_reason),
};

TEST_MAIN(tests)
