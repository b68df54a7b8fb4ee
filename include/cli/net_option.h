/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The value of one --net: none, passt, tap=NAME or fd=N, then [,mac=XX:XX:XX:XX:XX:XX][,mtu=N], and for passt
 * [,host=on|off]. Pure, as options.h.
 */
#pragma once

#include <base/types.h>

enum net_kind { NET_NONE, NET_PASST, NET_TAP, NET_FD };

#define NET_NAME 15 /* bytes of an interface's name (IFNAMSIZ - 1) */

struct net_option {
	enum net_kind kind;
	char name[NET_NAME + 1]; /* NET_TAP */
	int fd;                  /* NET_FD */
	uint8_t mac[6];
	bool has_mac;
	unsigned mtu; /* 0: not said */
	bool host;    /* passt: the guest reaches what listens on the host's loopback */
};

/* -EINVAL with the reason recorded. */
int net_option_parse(const char *text, struct net_option *ret) _must_check_;
