/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes of the guest's streams over its serial port (include/verdict/link.h): each comes out as it went in and on its
 * own stream, with bytes of the kernel's ASCII between its halves and another stream's byte between them too; ASCII is
 * the kernel's always.
 *
 * files: vmm/verdict/link.c
 * unwind: 1
 */
#include <proof.h>
#include <verdict/link.h>

int main(void)
{
	struct link_decoder decoder = any(struct link_decoder);
	unsigned stream = any(unsigned), other = any(unsigned);
	uint8_t byte = any(uint8_t), between = any(uint8_t), ascii = any(uint8_t), two[2], more[2], got;

	assume(stream < LINK_STREAMS && other < LINK_STREAMS && other != stream && ascii < 0x80);
	link_encode(stream, byte, two);
	link_encode(other, between, more);
	prove(two[0] >= 0x80 && two[1] >= 0x80, "no byte of ours is ASCII");
	prove(link_decode(&decoder, two[0], &got) == -2, "a half");
	prove(link_decode(&decoder, ascii, &got) == -1 && got == ascii, "the kernel's");
	prove(link_decode(&decoder, more[0], &got) == -2, "a half of another");
	prove(link_decode(&decoder, more[1], &got) == (int)other && got == between, "the other's");
	prove(link_decode(&decoder, two[1], &got) == (int)stream && got == byte, "it comes out as it went in");
	reach("the end");
	return 0;
}
