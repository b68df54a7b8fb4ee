/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One --vhost-user: what the device is, then keys.
 */
#include "options_table.h"

#include <cli/vhost_user_option.h>
#include <linux/virtio_ids.h>
#include <string.h>

static int number(const char *text, const char *word, unsigned max, unsigned *ret)
{
	const char *value = strchr(word, '=') + 1, *end;
	uint64_t n;

	if (!options_number(value, &n, &end) || *end || !n || n > max)
		return options_refuse("--vhost-user %s: %s: give a number from 1 to %u", text, word,
				      max);
	*ret = (unsigned)n;
	return 0;
}

static int copy(const char *text, const char *word, char *to, size_t size)
{
	const char *value = strchr(word, '=') + 1;

	if (!*value || strlen(value) >= size)
		return options_refuse("--vhost-user %s: %s: give 1 to %u bytes", text, word,
				      (unsigned)size - 1);
	strcpy(to, value);
	return 0;
}

static int set_type(const char *text, const char *word, struct vhost_user_option *o)
{
	static const struct {
		const char *name;
		unsigned type;
	} types[] = { { "fs", VIRTIO_ID_FS },
		      { "block", VIRTIO_ID_BLOCK },
		      { "net", VIRTIO_ID_NET } };
	const char *end;
	uint64_t n;

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(word, types[i].name)) {
			o->type = types[i].type;
			return 0;
		}
	if (!options_number(word, &n, &end) || *end || !n || n > 63)
		return options_refuse("--vhost-user %s: %s: not a kind of device; give fs, block, "
				      "net, or the number of one, from 1 to 63",
				      text, word);
	o->type = (unsigned)n;
	return 0;
}

static int set_key(const char *text, const char *word, struct vhost_user_option *o)
{
	if (!strncmp(word, "socket=", 7))
		return copy(text, word, o->socket, sizeof(o->socket));
	if (!strncmp(word, "tag=", 4) && o->type == VIRTIO_ID_FS)
		return copy(text, word, o->tag, sizeof(o->tag));
	if (!strncmp(word, "queues=", 7))
		return number(text, word, VHOST_USER_QUEUES, &o->queues);
	if (!strncmp(word, "config=", 7))
		return number(text, word, VHOST_USER_CONFIG, &o->config);
	return options_refuse("--vhost-user %s: %s: not known; give socket=PATH, queues=N, "
			      "config=BYTES, or with fs tag=TEXT",
			      text, word);
}

int vhost_user_option_parse(const char *text, struct vhost_user_option *ret)
{
	struct vhost_user_option o = { 0 };
	char words[512], *rest = words;
	int r;

	if (strlen(text) >= sizeof(words))
		return options_refuse("--vhost-user: a value is too long; give "
				      "TYPE,socket=PATH");
	strcpy(words, text);
	r = set_type(text, strsep(&rest, ","), &o);
	while (!r && rest)
		r = set_key(text, strsep(&rest, ","), &o);
	if (!r && o.type == VIRTIO_ID_FS && o.queues == 1)
		r = options_refuse("--vhost-user %s: queues=1: of a file system one is for what is "
				   "urgent; give 2 or more",
				   text);
	if (!r && !*o.socket)
		r = options_refuse("--vhost-user %s: whose is it? give TYPE,socket=PATH", text);
	if (!r)
		*ret = o;
	return r;
}
