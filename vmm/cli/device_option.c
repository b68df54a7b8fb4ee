/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One --vfio: a device by address, path or file descriptor, then keys from one table; for thru open a
 * device by address, and fewer keys. Values are copied, because argv is not cut up: messages quote it.
 */
#include <cli/device_option.h>

#include <cli/options.h>

#include <base/error.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct key {
	const char *name;
	/* Returns what is wrong with the value and what to do, NULL when nothing is. */
	const char *(*set)(struct device_option *o, const char *value);
};

#define KEYS_MAX 10

/* What is being read, and what it may say. */
struct reading {
	const char *before, *whole; /* for messages: the option's name, and all of its value */
	const char *verb;
	const struct key *keys; /* a row without a name ends them */
	bool seen[KEYS_MAX];
};

static int _printf_(2, 3) refuse(const struct reading *reading, const char *fmt, ...)
{
	char text[384];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail(STATUS_USAGE, EINVAL, "%s%s: %s", reading->before, reading->whole, text);
}

bool device_option_fd(const char *text, int *ret)
{
	int fd = 0;

	if (!*text || strlen(text) > 7)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		fd = fd * 10 + (*text - '0');
	}
	*ret = fd;
	return true;
}

static const char *set_name(struct device_option *o, const char *value)
{
	size_t n = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				 "_.:-");

	if (!n || value[n] || n >= sizeof(o->name))
		return "not a name; give 1 to 31 letters, digits, or any of _ . : -";
	memcpy(o->name, value, n + 1);
	return NULL;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *set_addr(struct device_option *o, const char *value)
{
	int high = hex(value[0]), low = high < 0 ? -1 : hex(value[1]);
	int function = low < 0 || value[2] != '.' ? -1 : hex(value[3]);

	if (function < 0 || value[4] || high > 1 || function > 7)
		return "not a place on the guest's bus; give DEVICE.FUNCTION in hexadecimal, 01.0 "
		       "to 1f.7";
	o->devfn = (unsigned)(high << 7 | low << 3 | function);
	return o->devfn < 8 ? "the guest's host bridge is there; give 01.0 or above" : NULL;
}

static const char *set_reset(struct device_option *o, const char *value)
{
	o->reset = !strcmp(value, "none") ? DEVICE_RESET_NONE : DEVICE_RESET_AUTO;
	return o->reset || !strcmp(value, "auto") ? NULL : "not known; give auto or none";
}

static const char *set_rom(struct device_option *o, const char *value)
{
	o->rom = strcmp(value, "off");
	if (!o->rom || !strcmp(value, "on"))
		return NULL;
	if (!*value || strlen(value) >= sizeof(o->rom_path))
		return "not a path of 1 to 255 bytes; give on, off, or a file";
	strcpy(o->rom_path, value);
	return NULL;
}

static const char *set_p2p(struct device_option *o, const char *value)
{
	o->p2p = !strcmp(value, "on");
	return o->p2p || !strcmp(value, "off") ? NULL : "not known; give on or off";
}

static const char *set_d3cold(struct device_option *o, const char *value)
{
	o->no_d3cold = !strcmp(value, "off");
	return o->no_d3cold || !strcmp(value, "on") ? NULL : "not known; give on or off";
}

static const char *set_token(struct device_option *o, const char *value)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	unsigned n = 0;

	for (unsigned i = 0; i < sizeof(form); i++) {
		if (form[i] == 'x' ? hex(value[i]) < 0 : value[i] != form[i])
			return "not a UUID; give one, as in d69e3f51-4e0f-4b8f-9c6e-0d7f6c2f3f11 "
			       "(uuidgen makes them)";
		if (form[i] != 'x')
			continue;
		o->token[n / 2] = (uint8_t)(o->token[n / 2] << 4 | hex(value[i]));
		n++;
	}
	o->has_token = true;
	return NULL;
}

static const char *set_group_fd(struct device_option *o, const char *value)
{
	return device_option_fd(value, &o->group_fd) ? NULL
						     : "not a file descriptor; give its "
						       "number";
}

static const char *set_container_fd(struct device_option *o, const char *value)
{
	return device_option_fd(value, &o->container_fd) ? NULL
							 : "not a file descriptor; give its number";
}

static const struct key run_keys[] = {
	{ "name", set_name },
	{ "addr", set_addr },
	{ "reset", set_reset },
	{ "rom", set_rom },
	{ "p2p", set_p2p },
	{ "d3cold", set_d3cold },
	{ "vf-token", set_token },
	{ "group-fd", set_group_fd },
	{ "container-fd", set_container_fd },
	{ NULL, NULL },
};

static const struct key open_keys[] = { { "vf-token", set_token }, { NULL, NULL } };

static int set_key(struct device_option *o, struct reading *reading, char *word)
{
	const char *names[KEYS_MAX + 1] = { NULL }, *nearest, *wrong;
	char *value = strchr(word, '=');

	if (value)
		*value++ = 0;
	for (unsigned i = 0; reading->keys[i].name; i++) {
		names[i] = reading->keys[i].name;
		if (strcmp(names[i], word))
			continue;
		if (!value)
			return refuse(reading, "%s: its value is missing; give %s=VALUE", word,
				      word);
		if (reading->seen[i])
			return refuse(reading, "%s: given twice; give it once", word);
		reading->seen[i] = true;
		wrong = reading->keys[i].set(o, value);
		return wrong ? refuse(reading, "%s=%s: %s", word, value, wrong) : 0;
	}
	nearest = options_nearest(word, names);
	if (nearest)
		return refuse(reading, "%s: no such key; did you mean %s?", word, nearest);
	return refuse(reading, "%s: no such key; see thru %s --help", word, reading->verb);
}

static int set_bdf(struct device_option *o, const struct reading *reading, const char *which)
{
	if (bdf_parse(which, &o->bdf))
		return 0;
	return refuse(reading, "not a PCI address; give DOMAIN:BUS:DEVICE.FUNCTION, as in "
			       "0000:01:00.0 (thru devices lists them)");
}

#define MDEV_PATH "/sys/bus/mdev/devices/"

static int set_which(struct device_option *o, const struct reading *reading, const char *which)
{
	if (!strncmp(which, "fd=", 3)) {
		o->by = DEVICE_BY_FD;
		return device_option_fd(which + 3, &o->fd)
			       ? 0
			       : refuse(reading, "not a file descriptor; give fd=NUMBER");
	}
	if (!strncmp(which, "group-fd=", 9)) {
		o->by = DEVICE_BY_GROUP;
		return device_option_fd(which + 9, &o->group_fd)
			       ? 0
			       : refuse(reading, "not a file descriptor; give group-fd=NUMBER");
	}
	if (mdev_parse(strncmp(which, MDEV_PATH, strlen(MDEV_PATH)) ? which
								    : which + strlen(MDEV_PATH),
		       o->path)) {
		o->by = DEVICE_BY_MDEV;
		return 0;
	}
	if (!strncmp(which, "socket=", 7))
		o->by = DEVICE_BY_SOCKET;
	else if (*which == '/')
		o->by = DEVICE_BY_PATH;
	else
		return set_bdf(o, reading, which);
	which += o->by == DEVICE_BY_SOCKET ? 7 : 0;
	if (!*which || strlen(which) >= sizeof(o->path))
		return refuse(reading, "not a path of 1 to %u bytes; give another",
			      DEVICE_PATH - 1);
	strcpy(o->path, which);
	return 0;
}

#define VALUE_MAX 512

static int parse(struct reading *reading,
		 int (*which)(struct device_option *o, const struct reading *reading,
			      const char *which),
		 struct device_option *ret)
{
	struct device_option o = { .fd = -1, .group_fd = -1, .container_fd = -1 };
	char text[VALUE_MAX], *rest = text;
	int r;

	if (strlen(reading->whole) >= sizeof(text))
		return fail(STATUS_USAGE, EINVAL, "%s: a value is too long; shorten it",
			    *reading->before ? "--vfio" : reading->verb);
	strcpy(text, reading->whole);
	r = which(&o, reading, strsep(&rest, ","));
	while (!r && rest)
		r = set_key(&o, reading, strsep(&rest, ","));
	if (!r && o.group_fd >= 0 && o.by != DEVICE_BY_BDF && o.by != DEVICE_BY_GROUP)
		r = refuse(reading, "group-fd: goes with a PCI address; give that, or "
				    "group-fd=NUMBER alone");
	if (!r && o.container_fd >= 0 && o.group_fd < 0)
		r = refuse(reading, "container-fd: goes with a group; give group-fd=NUMBER, too");
	if (!r)
		*ret = o;
	return r;
}

int device_option_parse(const char *value, struct device_option *ret)
{
	struct reading reading = {
		.before = "--vfio ", .whole = value, .verb = "run", .keys = run_keys
	};

	return parse(&reading, set_which, ret);
}

int device_option_parse_open(const char *value, struct device_option *ret)
{
	struct reading reading = {
		.before = "", .whole = value, .verb = "open", .keys = open_keys
	};

	return parse(&reading, set_bdf, ret);
}

bool device_option_same(const struct device_option *a, const struct device_option *b)
{
	if (a->by != b->by)
		return false;
	switch (a->by) {
	case DEVICE_BY_BDF:
		return !memcmp(&a->bdf, &b->bdf, sizeof(a->bdf));
	case DEVICE_BY_PATH:
	case DEVICE_BY_MDEV:
		return !strcmp(a->path, b->path);
	case DEVICE_BY_FD:
		return a->fd == b->fd;
	case DEVICE_BY_GROUP:
		return a->group_fd == b->group_fd;
	case DEVICE_BY_SOCKET: /* each connection gets another */
		return false;
	}
	return false;
}
