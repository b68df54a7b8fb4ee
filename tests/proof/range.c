/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * range_holds(), range_overlaps() and align_*() say what arithmetic without wrap-around says, up to 2^64; but align_up()
 * at the top of the address space, which wraps to 0 as it promises. The first two for numbers as any_number() has them.
 *
 * unwind: 1
 */
#include <proof.h>

static bool has(struct range r, uint64_t at)
{
	return at >= r.base && at - r.base < r.size;
}

static void holds(void)
{
	struct range r = { any_number(), any_number() };
	uint64_t base = any_number(), size = any_number(), at = any_number(), last = base + size - 1;

	assume(r.base <= UINT64_MAX - r.size);
	if (range_holds(r, base, size)) {
		prove(!size || last >= base, "held: it does not wrap");
		prove(at - base >= size || has(r, at), "held: each byte of it");
		reach("held");
	} else {
		prove(!size || last < base || !has(r, base) || !has(r, last), "not held: not all of it");
	}
}

static void overlaps(void)
{
	struct range a = { any_number(), any_number() }, b = { any_number(), any_number() };
	uint64_t at = any_number();

	assume(a.base <= UINT64_MAX - a.size && b.base <= UINT64_MAX - b.size);
	prove(!has(a, at) || !has(b, at) || range_overlaps(a, b), "a byte in both: they overlap");
	if (range_overlaps(a, b)) {
		at = MAX(a.base, b.base);
		prove(has(a, at) && has(b, at), "they overlap: a byte in both");
		reach("an overlap");
	}
}

static void alignment(void)
{
	uint64_t v = any(uint64_t), align = any(uint64_t), up, down;

	assume(is_power_of_two(align));
	up = align_up(v, align);
	down = align_down(v, align);
	prove(is_aligned(down, align) && down <= v && v - down < align, "down");
	prove(is_aligned(up, align), "up is aligned");
	prove(up >= v ? up - v < align : !up && v > -align, "up, or 0 at the top");
	prove(is_aligned(v, align) == (up == v), "aligned: it stays");
	reach("the end");
}

int main(void)
{
	holds();
	overlaps();
	alignment();
	return 0;
}
