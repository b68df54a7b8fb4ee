/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * passt(1) beside the guest: a network without privileges. What it knows of the guest's side is fixed, so that
 * nobody has to ask by DHCP, and can.
 */
#pragma once

#include <cli/net_option.h>

#define PASST_GUEST   "10.0.2.15"
#define PASST_PREFIX  "24"
#define PASST_GATEWAY "10.0.2.2"
#define PASST_DNS     "10.0.2.3" /* forwards to what the host asks */

/* The guest's hardware address at card `index` when none was given. */
void passt_mac(unsigned index, uint8_t ret[static 6]);

/*
 * Start it, and wait until it serves. It ends when the descriptor, a stream socket and the caller's, is closed
 * by the last who has it. Says what to install when it is not there.
 */
int passt_start(const struct net_option *option, int *ret_fd) _must_check_;
