/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words of --vfio that are numbers: a descriptor's number of any text of up to eight bytes is its decimal value, without
 * overflow, or refused; a place on the guest's bus is refused or is one that it has, not the host bridge's, and the same
 * that the text says.
 *
 * unwind: 10, a text and its end
 */
#include <text.h>

#include "../../vmm/cli/device_option.c"

int main(void)
{
	char text[9], place[6];
	int fd = -1;

	text[8] = place[5] = 0;
	if (device_option_fd(text, &fd)) {
		prove(text[0] >= '0' && text[0] <= '9', "digits");
		prove(fd >= 0 && fd <= 9999999, "their value");
		prove(text[1] || fd == text[0] - '0', "of one");
		prove(!text[1] || text[2] || fd == 10 * (text[0] - '0') + text[1] - '0', "of two");
		reach("a number");
	} else {
		prove(text[0] < '0' || text[0] > '9' || text[1], "one digit is a number");
	}
	if (any(bool)) {
		struct device_option o = { 0 };

		if (set_addr(&o, place))
			return 0;
		prove(o.devfn >= 8 && o.devfn <= 255, "a place on the bus, not the bridge's");
		prove((unsigned)(hex(place[0]) << 4 | hex(place[1])) == o.devfn >> 3 && place[2] == '.' &&
			      place[3] - '0' == (int)(o.devfn & 7) && !place[4],
		      "that the text says");
		reach("a place");
	}
	return 0;
}
