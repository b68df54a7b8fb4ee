/* SPDX-License-Identifier: BSD-2-Clause */
/* The options of every verb but `run`: tables, setters, what else is on the line. Pure functions of argv. */
#include "options_table.h"

#include <hostfn/hostway.h>

#include <errno.h>
#include <string.h>

const struct option options_none[] = { { 0 } };

/* --- devices --- */

static int set_devices_json(void *to, const char *value)
{
	(void)value;
	*(bool *)to = true;
	return 0;
}

const struct option options_devices[] = {
	{ "--json", NULL, true, set_devices_json,
	  "print a JSON array for programs; keys: see thru(1)" },
	{ 0 },
};
OPTION_TABLE_FITS(options_devices);

static int no_word(void *to, const char *word)
{
	(void)to;
	return options_refuse("%s: unexpected; thru devices lists all functions", word);
}

int options_parse_devices(int argc, char **argv, bool *ret_json)
{
	*ret_json = false;
	return options_walk(argc, argv, options_devices, no_word, ret_json, NULL);
}

/* --- bind, unbind --- */

struct bind_words {
	struct bdf_list list;
	bool force;
};

static int set_force(void *to, const char *value)
{
	(void)value;
	((struct bind_words *)to)->force = true;
	return 0;
}

const struct option options_bind[] = {
	{ "--force", NULL, false, set_force,
	  "also what the host uses, which it then loses, and what\n"
	  "shares an IOMMU group with something of the host's" },
	{ 0 },
};
OPTION_TABLE_FITS(options_bind);

static int add_bdf(void *to, const char *word)
{
	return options_bdf(to, word);
}

static int check_some(char **argv, const struct bdf_list *list)
{
	return list->n ? 0
		       : options_refuse("%s: which function? give its PCI address, as in thru %s "
					"0000:01:00.0",
					argv[0], argv[0]);
}

static int add_bind_bdf(void *to, const char *word)
{
	return options_bdf(&((struct bind_words *)to)->list, word);
}

int options_parse_bind(int argc, char **argv, struct bdf *ret, unsigned *ret_n, bool *ret_force)
{
	struct bind_words words = { .list = { .at = ret, .max = (unsigned)argc } };
	int r = options_walk(argc, argv, options_bind, add_bind_bdf, &words, NULL);

	if (!r)
		r = check_some(argv, &words.list);
	*ret_n = words.list.n;
	*ret_force = words.force;
	return r;
}

int options_parse_bdfs(int argc, char **argv, struct bdf *ret, unsigned *ret_n)
{
	struct bdf_list list = { .at = ret, .max = (unsigned)argc };
	int r = options_walk(argc, argv, options_none, add_bdf, &list, NULL);

	if (!r)
		r = check_some(argv, &list);
	if (!r)
		*ret_n = list.n;
	return r;
}

/* --- probe --- */

struct probe_words {
	struct bdf_list list;
	bool json;
};

static int set_probe_json(void *to, const char *value)
{
	(void)value;
	((struct probe_words *)to)->json = true;
	return 0;
}

const struct option options_probe[] = {
	{ "--json", NULL, true, set_probe_json,
	  "print a JSON object for programs; keys: see thru(1)" },
	{ 0 },
};
OPTION_TABLE_FITS(options_probe);

static int add_probe_bdf(void *to, const char *word)
{
	return options_bdf(&((struct probe_words *)to)->list, word);
}

int options_parse_probe(int argc, char **argv, struct bdf *ret, unsigned *ret_n, bool *ret_json)
{
	struct probe_words words = { .list = { .at = ret, .max = (unsigned)argc } };
	int r = options_walk(argc, argv, options_probe, add_probe_bdf, &words, NULL);

	*ret_n = words.list.n;
	*ret_json = words.json;
	return r;
}

/* --- trace --- */

static int any_word(void *to, const char *word)
{
	(void)to;
	(void)word;
	return 0;
}

int options_parse_trace(int argc, char **argv, const char **ret_path)
{
	int r = options_walk(argc, argv, options_none, any_word, NULL, NULL);

	if (!r && argc != 2)
		r = options_refuse("trace: give one file, as in thru trace FILE");
	if (!r)
		*ret_path = argv[1];
	return r;
}

/* --- open --- */

static int set_user(void *to, const char *value)
{
	((struct open_options *)to)->user = value;
	return 0;
}

static int set_bind(void *to, const char *value)
{
	(void)value;
	((struct open_options *)to)->bind = true;
	return 0;
}

static int set_open_force(void *to, const char *value)
{
	(void)value;
	((struct open_options *)to)->force = true;
	return 0;
}

static int set_bound(void *to, const char *value)
{
	(void)value;
	((struct open_options *)to)->bound = true;
	return 0;
}

static int set_memlock(void *to, const char *value)
{
	struct open_options *o = to;

	if (!strcmp(value, "unlimited")) {
		o->memlock = UINT64_MAX;
		return 0;
	}
	return options_size("--memlock", value, &o->memlock);
}

static int set_socket(void *to, const char *value)
{
	((struct open_options *)to)->socket = value;
	return 0;
}

static int set_allow(void *to, const char *value)
{
	return options_allow(value, &((struct open_options *)to)->allow);
}

static int set_open_vfio_api(void *to, const char *value)
{
	return options_vfio_api(value, &((struct open_options *)to)->vfio_api);
}

const struct option options_open[] = {
	{ "--user", "NAME", false, set_user, "who is to have them; nothing of root's stays" },
	{ "--bind", NULL, false, set_bind, "bind them to vfio-pci first, where they are not" },
	{ "--force", NULL, false, set_open_force, "with --bind, as for thru bind" },
	{ "--bound", NULL, false, set_bound,
	  "hand them over bound to the iommufd; a VF then takes\n"
	  "its token here: BDF,vf-token=UUID" },
	{ "--memlock", "SIZE", false, set_memlock,
	  "how much memory COMMAND may lock, or unlimited: that\n"
	  "of its guest; without it the limit stays as it is" },
	{ "--socket", "PATH", false, set_socket,
	  "instead of COMMAND: send them to whoever connects,\n"
	  "which only the user may (thru run --vfio socket=PATH)" },
	{ "--vfio-api", "WAY", false, set_open_vfio_api, "as for thru run" },
	{ "--allow", "WHAT", true, set_allow, "as for thru run" },
	{ 0 },
};
OPTION_TABLE_FITS(options_open);

static int add_open_device(void *to, const char *word)
{
	struct open_options *o = to;
	struct device_option device;

	if (device_option_parse_open(word, &device))
		return -EINVAL;
	for (unsigned i = 0; i < o->n; i++)
		if (device_option_same(&o->devices[i], &device))
			return options_refuse("%s: given twice; give each function once", word);
	if (o->n == OPTIONS_VFIO_MAX)
		return options_refuse("%s: more than %u functions; leave some out", word,
				      OPTIONS_VFIO_MAX);
	o->devices[o->n++] = device;
	return 0;
}

/* The token goes with the bind (VFIO_DEVICE_BIND_FLAG_TOKEN): whoever binds has to know it. */
static int check_tokens(const struct open_options *o)
{
	for (unsigned i = 0; i < o->n && !o->bound; i++)
		if (o->devices[i].has_token)
			return options_refuse("vf-token: goes with the bind to the iommufd; add "
					      "--bound, or give it to thru run");
	return 0;
}

static int check_open(const struct open_options *o)
{
	if (!o->n)
		return options_refuse("open: which function? give its PCI address, as in thru open "
				      "0000:01:00.0");
	if (!o->user)
		return options_refuse(
			"--user is missing; give --user NAME, who is to have the functions");
	if (!o->socket == !o->command)
		return options_refuse(
			"open: give either -- COMMAND or --socket PATH: where the functions "
			"are to go");
	if (o->socket && (!*o->socket || strlen(o->socket) > 100))
		return options_refuse("--socket %s: not a path of 1 to 100 bytes; give another",
				      o->socket);
	if (o->force && !o->bind)
		return options_refuse("--force: says how to bind; add --bind, or leave it out");
	return check_tokens(o);
}

int options_parse_open(int argc, char **argv, struct open_options *ret)
{
	struct open_options o = { .vfio_api = HOSTWAY_ANY };
	int rest, r = options_walk(argc, argv, options_open, add_open_device, &o, &rest);

	if (!r && rest < argc)
		o.command = argv + rest;
	if (!r)
		r = check_open(&o);
	if (!r)
		*ret = o;
	return r;
}
