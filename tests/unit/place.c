/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RAM around what devices cannot reach (arch/common/place.c): pure, addresses in and out.
 */
#include "test.h"

#include "arch/common/place.h"

#include <errno.h>

#define END(base, end)                 \
	{                              \
		(base), (end) - (base) \
	}

static struct reach reach_of(const struct range *spans, unsigned n)
{
	struct reach reach = { .n = n };

	memcpy(reach.spans, spans, n * sizeof(*spans));
	return reach;
}

/* One span from 0 to 1 TiB, RAM of 4 GiB unless said otherwise. */
static void ram_around_windows(void)
{
	static const struct {
		const char *what;
		struct range reach[4];
		unsigned n_reach;
		uint64_t size, align;
		struct range ram[4];
		unsigned n_ram;
		uint64_t left;
	} cases[] = {
		{ "no window", { END(0, TIB(1)) }, 1, GIB(4), MIB(2), { END(0, GIB(4)) }, 1, 0 },
		{ "at the bottom",
		  { END(MIB(16), TIB(1)) },
		  1,
		  GIB(4),
		  MIB(2),
		  { END(MIB(16), GIB(4) + MIB(16)) },
		  1,
		  0 },
		{ "in the middle",
		  { END(0, GIB(1)), END(GIB(1) + MIB(4), TIB(1)) },
		  2,
		  GIB(4),
		  MIB(2),
		  { END(0, GIB(1)), END(GIB(1) + MIB(4), GIB(4) + MIB(4)) },
		  2,
		  0 },
		{ "just where RAM ends",
		  { END(0, GIB(4)), END(GIB(5), TIB(1)) },
		  2,
		  GIB(4),
		  MIB(2),
		  { END(0, GIB(4)) },
		  1,
		  0 },
		{ "one large entry before that",
		  { END(0, GIB(4) - MIB(2)), END(GIB(5), TIB(1)) },
		  2,
		  GIB(4),
		  MIB(2),
		  { END(0, GIB(4) - MIB(2)), END(GIB(5), GIB(5) + MIB(2)) },
		  2,
		  0 },
		{ "one page, costs the large entry that it lies in",
		  { END(0, GIB(1) + MIB(1)), END(GIB(1) + MIB(1) + 4096, TIB(1)) },
		  2,
		  GIB(4),
		  MIB(2),
		  { END(0, GIB(1)), END(GIB(1) + MIB(2), GIB(4) + MIB(2)) },
		  2,
		  0 },
		{ "nothing whole between two",
		  { END(0, GIB(1)), END(GIB(1) + MIB(1), GIB(1) + MIB(3)), END(GIB(2), TIB(1)) },
		  3,
		  GIB(4),
		  MIB(2),
		  { END(0, GIB(1)), END(GIB(2), GIB(5)) },
		  2,
		  0 },
		{ "huge pages of 1 GiB",
		  { END(0, GIB(2) + MIB(512)), END(GIB(2) + MIB(514), TIB(1)) },
		  2,
		  GIB(4),
		  GIB(1),
		  { END(0, GIB(2)), END(GIB(3), GIB(5)) },
		  2,
		  0 },
		{ "an IOMMU of 32 bits",
		  { END(0, 0xfee00000), END(0xfef00000, GIB(4)) },
		  2,
		  GIB(4),
		  MIB(2),
		  { END(0, 0xfee00000), END(0xff000000, GIB(4)) },
		  2,
		  MIB(2) },
		{ "39 bits, just enough",
		  { END(0, GIB(512)) },
		  1,
		  GIB(512),
		  MIB(2),
		  { END(0, GIB(512)) },
		  1,
		  0 },
		{ "39 bits, 1 MiB too much",
		  { END(0, GIB(512)) },
		  1,
		  GIB(512) + MIB(1),
		  MIB(2),
		  { END(0, GIB(512)) },
		  1,
		  MIB(1) },
		{ "nothing at all", { { 0, 0 } }, 0, GIB(4), MIB(2), { { 0, 0 } }, 0, GIB(4) },
		{ "only above the span",
		  { END(TIB(2), TIB(4)) },
		  1,
		  GIB(4),
		  MIB(2),
		  { { 0, 0 } },
		  0,
		  GIB(4) },
		{ "up to the top of 64 bits",
		  { { 4096, UINT64_MAX - 4096 } },
		  1,
		  MIB(3),
		  MIB(2),
		  { END(MIB(2), MIB(5)) },
		  1,
		  0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct reach reach = reach_of(cases[i].reach, cases[i].n_reach);
		struct range span = { 0, TIB(1) };
		struct layout l = { .n_ram = 0 };
		uint64_t left = place_ram(&l, span, &reach, cases[i].align, cases[i].size);
		bool same = l.n_ram == cases[i].n_ram && left == cases[i].left &&
			    !memcmp(l.ram, cases[i].ram, l.n_ram * sizeof(l.ram[0]));

		if (!same)
			printf("  %s: %u pieces, first %#" PRIx64 "+%#" PRIx64 ", left %#" PRIx64
			       "\n",
			       cases[i].what, l.n_ram, l.ram[0].base, l.ram[0].size, left);
		CHECK(same);
	}
}

/* Whatever the windows: pieces are reachable, aligned, ascending, apart, and sum up. */
static void any_windows(void)
{
	uint64_t state = 88172645463325252ull;

	for (unsigned round = 0; round < 20000; round++) {
		struct reach reach = { .n = 0 };
		struct layout l = { .n_ram = 0 };
		uint64_t at = 0, sum = 0, left, align = round % 2 ? MIB(2) : MIB(32);

		while (reach.n < 12) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			at += state % GIB(1) & ~4095ull;
			reach.spans[reach.n++] = (struct range){ at,
								 (state >> 20) % MIB(300) + 4096 };
			at += reach.spans[reach.n - 1].size + 4096;
		}
		left = place_ram(&l, (struct range){ 0, GIB(3) }, &reach, align, GIB(1));
		for (unsigned i = 0; i < l.n_ram; i++) {
			bool inside = false;

			for (unsigned k = 0; k < reach.n; k++)
				inside |= range_holds(reach.spans[k], l.ram[i].base, l.ram[i].size);
			CHECK(inside);
			CHECK(is_aligned(l.ram[i].base, align));
			CHECK(i == l.n_ram - 1 || is_aligned(l.ram[i].size, align));
			CHECK(!i || l.ram[i].base >= l.ram[i - 1].base + l.ram[i - 1].size);
			sum += l.ram[i].size;
		}
		CHECK_EQ(sum + left, GIB(1));
	}
}

static void too_many_pieces(void)
{
	struct board_config config = { .mem_size = GIB(40) };
	struct reach reach = { .n = 40 };
	struct layout l = { .n_ram = 0 };
	uint64_t left;

	for (unsigned i = 0; i < reach.n; i++)
		reach.spans[i] = (struct range){ GIB(2) * i, GIB(1) };
	left = place_ram(&l, (struct range){ 0, TIB(1) }, &reach, MIB(2), config.mem_size);
	CHECK_EQ(l.n_ram, MEMORY_RAM_MAX);
	CHECK_EQ(left, GIB(40 - MEMORY_RAM_MAX));
	CHECK_EQ(place_refuse(&config, &l, left, &reach, 46), -ERANGE);
	CHECK(strstr(error_message(), "more than 16 pieces"));
	CHECK_ERROR("give at most 16384M");
}

static void refusals_name_what_is_narrow(void)
{
	struct board_config config = { .mem_size = GIB(600) };
	struct reach wide = { .spans = { { 0, UINT64_MAX } }, .n = 1 };
	struct reach narrow = { .spans = { END(0, 0xfee00000), END(0xfef00000, GIB(512)) },
				.n = 2 };
	struct layout l = { .n_ram = 1 };

	CHECK_EQ(place_refuse(&config, &l, GIB(100), &narrow, 46), -ERANGE);
	CHECK_EQ(error_status(), STATUS_HOST);
	CHECK(strstr(error_message(),
		     "the IOMMU of the devices reaches addresses below 0x8000000000"));
	CHECK_ERROR("give at most 512000M");
	CHECK_EQ(place_refuse(&config, &l, GIB(100), &wide, 39), -ERANGE);
	CHECK_ERROR("this host's processors give a guest 39 bits");
	CHECK_EQ(place_refuse(&config, &l, GIB(100), NULL, 39), -ERANGE);
	CHECK_ERROR("this host's processors give a guest 39 bits");
}

static void holes(void)
{
	struct reach reach = { .spans = { END(0, 0xfee00000), END(0xfef00000, GIB(512)) }, .n = 2 };
	struct reach late = { .spans = { END(MIB(1), GIB(1)) }, .n = 1 };
	struct range hole = place_hole(&reach, 0);

	CHECK_EQ(hole.base, 0xfee00000);
	CHECK_EQ(hole.size, MIB(1));
	CHECK_EQ(place_hole(&reach, 0xfef00000).base, GIB(512));
	hole = place_hole(&late, 0);
	CHECK_EQ(hole.base, 0);
	CHECK_EQ(hole.size, MIB(1));
}

static void windows_of_bars(void)
{
	struct range far = { TIB(1), TIB(1) }, near = { GIB(32), GIB(32) }, none = { 0, 0 };
	struct range large = { GIB(256), GIB(256) };
	struct reach plain = { .n = 1 }, p2p = { .n = 1, .windows = true };

	CHECK_EQ(place_window(far, near, &plain).base, far.base);
	CHECK_EQ(place_window(far, near, &p2p).base, near.base);
	CHECK_EQ(place_window(far, large, &plain).base, large.base);
	CHECK_EQ(place_window(far, none, &p2p).base, far.base);
	CHECK_EQ(place_window(none, none, NULL).size, 0);
}

static const struct test tests[] = {
	TEST(ram_around_windows),           TEST(any_windows), TEST(too_many_pieces),
	TEST(refusals_name_what_is_narrow), TEST(holes),       TEST(windows_of_bars),
};
TEST_MAIN(tests)
