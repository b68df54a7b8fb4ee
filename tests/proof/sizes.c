/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sizes as the operator types them (--mem 512M): around 2^64, and with each suffix around 2^63, a number is taken for
 * what it says, or refused; none wraps. So are short texts of any bytes: what is taken is digits and one suffix at
 * most.
 *
 * files: vmm/cli/options_values.c
 * unwind: 23, the longest text and its end
 */
#include "../../vmm/cli/options_table.h"
#include <host/way.h>
#include <proof.h>

int options_refuse(const char *fmt, ...)
{
	return -22;
}

const char *vfio_way_name(enum vfio_way way)
{
	return "";
}

bool bdf_parse(const char *text, struct bdf *ret)
{
	return any(bool);
}

/* `text` with its last two digits and a suffix replaced by any; `max`: INT64_MAX >> shift. */
static void around(char *text, unsigned digits, uint64_t hundreds, char suffix, unsigned shift)
{
	unsigned tens = any(unsigned), ones = any(unsigned);
	uint64_t size = 0;
	int r;

	assume(tens < 10 && ones < 10);
	text[digits - 2] = (char)('0' + tens);
	text[digits - 1] = (char)('0' + ones);
	text[digits] = suffix;
	r = options_size("--mem", text, &size);
	prove(!r == (hundreds + 10 * tens + ones <= (uint64_t)INT64_MAX >> shift), "refused when it does not fit");
	prove(r || size == (hundreds + 10 * tens + ones) << shift, "what it says");
	if (r)
		reach("too large");
	else
		reach("the largest");
}

static void short_text(void)
{
	char text[4];
	uint64_t size = 0;

	text[3] = 0;
	if (options_size("--mem", text, &size))
		return;
	prove(text[0] >= '0' && text[0] <= '9', "a digit first");
	prove(size < TIB(100), "and no more than it can say");
	if (text[1] == 'T' && text[2] == 0)
		prove(size == TIB((uint64_t)(text[0] - '0')), "with a suffix");
	reach("short");
}

int main(void)
{
	char plain[] = "9223372036854775800\0", k[] = "9007199254740900K", t[] = "8388600T", over[] = "18446744073709551600";
	uint64_t number = 0;
	const char *end;
	unsigned ones = any(unsigned);
	bool taken;

	around(plain, 19, 9223372036854775800ull, 0, 0);
	around(k, 16, 9007199254740900ull, 'K', 10);
	around(t, 7, 8388600ull, 'T', 40);
	short_text();
	assume(ones < 100);
	over[18] = (char)('0' + ones / 10);
	over[19] = (char)('0' + ones % 10);
	taken = options_number(over, &number, &end);
	prove(taken == (ones <= 15), "up to 2^64 - 1");
	prove(!taken || number == 18446744073709551600ull + ones, "and what it says");
	return 0;
}
