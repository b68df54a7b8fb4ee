/* SPDX-License-Identifier: BSD-2-Clause */
/* Goes on where nothing is: KVM has no instruction to run. */
#include "lib/bare.h"

void main(uint32_t info)
{
	(void)info;
	say("ok");
	((void (*)(void))0xd0000000)();
	say("came back");
}
