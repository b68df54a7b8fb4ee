// SPDX-License-Identifier: BSD-2-Clause
/* The guest's side of its network. */
#pragma once

void net_raise_loopback(void);

/*
 * A card as thru says it is: "MAC ADDRESS PREFIX GATEWAY NAMESERVER", all but the prefix as decimal bytes with
 * dots between. The text is taken apart. Returns 0, or -errno: the kernel has no such card.
 */
long net_raise(char *text);
