/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Little-endian numbers (base/bytes.h): what is stored is loaded again, byte 0 is the lowest, nothing outside the
 * number's own bytes is touched, at lengths that trapped accesses have and at longer ones.
 *
 * unwind: 13
 */
#include <base/bytes.h>
#include <proof.h>

int main(void)
{
	uint8_t b[12], before[12];
	uint64_t v = any(uint64_t);
	unsigned len = any(unsigned), i = any(unsigned);

	assume(len <= 10 && i < sizeof(b));
	__CPROVER_array_copy(before, b);
	store_le(b + 1, len, v);
	if (i == 0 || i > len)
		prove(b[i] == before[i], "beside it nothing changes");
	else
		prove(b[i] == (i <= 8 ? (uint8_t)(v >> (8 * (i - 1))) : 0), "byte by byte, then zeroes");
	prove(load_le(b + 1, len) == (len < 8 ? v & ((1ull << 8 * len) - 1) : v), "it comes back");
	reach("any length");
	store_le16(b + 1, (uint16_t)v);
	prove(load_le16(b + 1) == (uint16_t)v && load_le(b + 1, 2) == (uint16_t)v, "16 bits");
	store_le32(b + 3, (uint32_t)v);
	prove(load_le32(b + 3) == (uint32_t)v && load_le(b + 3, 4) == (uint32_t)v, "32 bits");
	store_le64(b + 2, v);
	prove(load_le64(b + 2) == v && load_le(b + 2, 8) == v, "64 bits");
	return 0;
}
