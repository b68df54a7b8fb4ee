/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI addresses as text: one that is printed is parsed and is the same again, whatever its 32 bits of domain are; and
 * any text of up to 17 bytes is refused, or is an address that PCI has, without a byte read behind its end.
 *
 * unwind: 19, a text and its end
 */
#include <host/sysfs.h>
#include <proof.h>
#include <stdio.h>
#include <text.h>

/* As much of snprintf() as bdf_format() uses: %x and %0Nx, and what is between. */
static void print(char *to, size_t size, const char *fmt, const unsigned *args)
{
	unsigned n = 0;

	for (; *fmt; fmt++) {
		unsigned v, digits = 1;

		if (*fmt != '%') {
			to[n++] = *fmt;
			continue;
		}
		if (*++fmt == '0') {
			digits = (unsigned)(fmt[1] - '0');
			fmt += 2;
		}
		v = *args++;
		while (digits < 8 && v >> (4 * digits))
			digits++;
		while (digits--)
			to[n++] = "0123456789abcdef"[v >> (4 * digits) & 15];
	}
	prove(n < size, "the text fits");
	to[n] = 0;
}

#define snprintf(to, size, fmt, ...) print(to, size, fmt, (const unsigned[]){ __VA_ARGS__ })
#include "../../vmm/host/bdf.c"

static void printed(void)
{
	struct bdf bdf = { any(uint32_t), any(uint8_t), any(uint8_t), any(uint8_t) }, again;
	char text[BDF_TEXT];

	assume(bdf.device < 32 && bdf.function < 8);
	prove(bdf_parse(bdf_format(bdf, text), &again), "what is printed is parsed");
	prove(again.domain == bdf.domain && again.bus == bdf.bus && again.device == bdf.device &&
		      again.function == bdf.function && !bdf_compare(&bdf, &again),
	      "and the same");
	reach("printed");
}

static void any_text(void)
{
	char text[18];
	struct bdf bdf;

	text[17] = 0;
	if (bdf_parse(text, &bdf)) {
		prove(bdf.device < 32 && bdf.function < 8, "an address that PCI has");
		reach("parsed");
	} else {
		reach("refused");
	}
}

int main(void)
{
	if (any(bool))
		printed();
	else
		any_text();
	return 0;
}
