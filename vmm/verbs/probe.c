/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru probe`: what the host offers, and for each function named what decides whether a guest can
 * have it. A table for people; the keys of the JSON are an interface, documented in thru(1).
 */
#include "verbs.h"

#include <cli/json.h>

#include <cli/options.h>
#include <hostfn/probe.h>

#include <base/error.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[] = { "ok", "no", "bad", "unknown" };

static void print_rows(const struct probe *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		const struct probe_row *row = &p->rows[i];

		printf("  %-19s %-8s %s\n", row->key, words[row->status], row->value);
		if (*row->mend)
			printf("  %-19s %-8s -> %s\n", "", "", row->mend);
	}
}

static void print_json_rows(const struct probe *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		const struct probe_row *row = &p->rows[i];

		printf("%s      { \"key\": \"%s\", \"status\": \"%s\", \"value\": ",
		       i ? ",\n" : "\n", row->key, words[row->status]);
		json_print_string(row->value);
		printf(", \"mend\": ");
		if (*row->mend)
			json_print_string(row->mend);
		else
			printf("null");
		printf(" }");
	}
	printf("\n    ]");
}

static unsigned count_bad(const struct probe *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->n; i++)
		n += p->rows[i].status == PROBE_BAD;
	return n;
}

static int probe_one(struct probe *p, struct bdf bdf)
{
	struct host_function fn;
	int r = sysfs_function(bdf, &fn);

	if (r)
		return r;
	probe_function_files(p, &fn);
	if (p->rows[p->n - 1].status == PROBE_OK)
		probe_function_calls(p, &fn);
	return 0;
}

static const char *value_of(const struct probe *p, const char *key)
{
	for (unsigned i = 0; i < p->n; i++)
		if (!strcmp(p->rows[i].key, key))
			return p->rows[i].value;
	return "";
}

static int probe_all(const struct bdf *bdfs, unsigned n, bool json, struct probe *p)
{
	unsigned bad;
	char name[BDF_TEXT], way[32];
	int r = 0;

	p->n = 0;
	probe_kernel(p);
	probe_files(p);
	bad = count_bad(p);
	snprintf(way, sizeof(way), "%s", value_of(p, "way"));
	if (json) {
		printf("{\n    \"host\": [");
		print_json_rows(p);
		printf(",\n    \"functions\": {");
	} else {
		printf("host\n");
		print_rows(p);
	}
	for (unsigned i = 0; !r && i < n; i++) {
		p->n = 0;
		r = probe_one(p, bdfs[i]);
		if (r)
			break;
		bad += count_bad(p);
		bdf_format(bdfs[i], name);
		printf(json ? "%s\n    \"%s\": [" : "%s%s\n", json && i ? "," : "", name);
		if (json)
			print_json_rows(p);
		else
			print_rows(p);
	}
	if (json)
		printf("%s}\n}\n", n ? "\n    " : "");
	else if (!r && !bad)
		printf("ready by: %s\n", way);
	if (!r && bad)
		r = fail(STATUS_HOST, ENODEV,
			 "probe: %u check%s in the way; see \"bad\" and what "
			 "follows it",
			 bad, bad == 1 ? " stands" : "s stand");
	return r;
}

int verb_probe(int argc, char **argv)
{
	struct bdf *bdfs = calloc((size_t)argc, sizeof(*bdfs));
	struct probe *p = calloc(1, sizeof(*p));
	unsigned n = 0;
	bool json = false;
	int r;

	if (bdfs && p)
		r = options_parse_probe(argc, argv, bdfs, &n, &json);
	else
		r = fail(STATUS_FAILURE, ENOMEM, "probe: out of memory");
	if (!r)
		r = probe_all(bdfs, n, json, p);
	free(bdfs);
	free(p);
	return r;
}
