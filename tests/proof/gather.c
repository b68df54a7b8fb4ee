/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is gathered of a file for a codec that unpacks by blocks (lz4, lzo), of any bytes and in pieces of up to twelve:
 * each byte once, in order, no more than is wanted and than there is room for, and it is said when it is enough.
 *
 * files: arch/common/unpack_codec.c
 * unwind: 1
 */
#include "../../arch/common/unpack_codec.h"
#include <proof.h>

int main(void)
{
	uint8_t in[12], to[24], before[24];
	struct unpack_input input = { .in = in, .in_n = any(size_t) };
	size_t have = any(size_t), want = any(size_t), i = any(size_t), had = have, n = input.in_n;
	bool enough;

	assume(n <= sizeof(in) && have <= sizeof(to) && want <= sizeof(to) && i < sizeof(to));
	__CPROVER_array_copy(before, to);
	enough = unpack_gather(&input, to, &have, want);
	prove(have >= had && input.in + input.in_n == in + n && input.in_n <= n, "what came is used once");
	prove(have - had == n - input.in_n && have <= MAX(had, want), "and no more than is wanted");
	prove(enough == (have >= want) && (enough || !input.in_n), "all that there is");
	prove(to[i] == (i >= had && i < have ? in[i - had] : before[i]), "byte by byte");
	reach("gathered");
	return 0;
}
