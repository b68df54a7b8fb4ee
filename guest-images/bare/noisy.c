/* SPDX-License-Identifier: BSD-2-Clause */
/* Talks for ever, as fast as its console takes it: only a signal ends it. */
#include "lib/bare.h"

void main(void)
{
	for (;;)
		say("a line of output, and another, and another");
}
