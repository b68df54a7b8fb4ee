/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One --net. What is behind the card comes first, then keys.
 */
#include "options_table.h"

#include <cli/net_option.h>
#include <devices/virtio_net.h>
#include <stdio.h>
#include <string.h>

static int set_number(const char *text, const char *word, unsigned from, unsigned to, unsigned *ret)
{
	const char *end;
	uint64_t n;

	if (!options_number(strchr(word, '=') + 1, &n, &end) || *end || n < from || n > to)
		return options_refuse("--net %s: %s: give a number from %u to %u", text, word, from,
				      to);
	*ret = (unsigned)n;
	return 0;
}

static int set_mac(const char *text, const char *value, struct net_option *o)
{
	unsigned b[6];
	int n = -1;

	if (strlen(value) != 17 ||
	    sscanf(value, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &n) != 6 ||
	    n != 17)
		return options_refuse("--net %s: mac=%s: give six bytes, as in "
				      "mac=52:54:00:12:34:56",
				      text, value);
	for (unsigned i = 0; i < 6; i++)
		o->mac[i] = (uint8_t)b[i];
	if (o->mac[0] & 1 || !(b[0] | b[1] | b[2] | b[3] | b[4] | b[5]))
		return options_refuse("--net %s: mac=%s: not a card's address but a group's, or "
				      "nobody's; give one whose first byte is even",
				      text, value);
	o->has_mac = true;
	return 0;
}

static int set_name(const char *text, const char *value, struct net_option *o)
{
	if (!*value || strlen(value) > NET_NAME || strchr(value, '/'))
		return options_refuse("--net %s: tap=%s: not the name of an interface; see ip "
				      "link",
				      text, value);
	strcpy(o->name, value);
	return 0;
}

static int set_kind(const char *text, const char *word, struct net_option *o)
{
	unsigned fd = 0;
	int r = 0;

	if (!strcmp(word, "none")) {
		o->kind = NET_NONE;
	} else if (!strcmp(word, "passt")) {
		o->kind = NET_PASST;
	} else if (!strncmp(word, "tap=", 4)) {
		o->kind = NET_TAP;
		r = set_name(text, word + 4, o);
	} else if (!strncmp(word, "fd=", 3)) {
		o->kind = NET_FD;
		r = set_number(text, word, 3, INT32_MAX, &fd);
		o->fd = (int)fd;
	} else {
		r = options_refuse("--net %s: %s: not known; give none, passt, tap=NAME or fd=N",
				   text, *word ? word : "nothing");
	}
	return r;
}

static int set_key(const char *text, const char *word, struct net_option *o)
{
	if (!strncmp(word, "mac=", 4))
		return set_mac(text, word + 4, o);
	if (!strncmp(word, "mtu=", 4))
		return set_number(text, word, VIRTIO_NET_MTU_MIN, VIRTIO_NET_MTU_MAX, &o->mtu);
	if (o->kind == NET_PASST && (!strcmp(word, "host=on") || !strcmp(word, "host=off"))) {
		o->host = word[6] == 'n';
		return 0;
	}
	return options_refuse("--net %s: %s: not known; give mac=, mtu= or, with passt, host=on",
			      text, *word ? word : "nothing");
}

int net_option_parse(const char *text, struct net_option *ret)
{
	struct net_option o = { .fd = -1 };
	char copy[128], *rest = copy;
	int r;

	if (strlen(text) >= sizeof(copy))
		return options_refuse("--net: a value is too long; give none, passt, tap=NAME or "
				      "fd=N");
	strcpy(copy, text);
	r = set_kind(text, strsep(&rest, ","), &o);
	if (!r && rest && o.kind == NET_NONE)
		r = options_refuse("--net %s: none has no keys; leave them out", text);
	while (!r && rest)
		r = set_key(text, strsep(&rest, ","), &o);
	if (!r)
		*ret = o;
	return r;
}
