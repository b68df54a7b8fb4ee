/* SPDX-License-Identifier: BSD-2-Clause */
/* Goes on where nothing is: KVM has no instruction to run. On aarch64 it tells the guest so. */
#include "lib/bare.h"

void main(void)
{
	say("ok");
	((void (*)(void))loose(NOWHERE))();
	say("came back");
}
