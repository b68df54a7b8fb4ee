/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `thru devices`: what the host has and what each function, or mediated device, lacks. The table is for people; the
 * keys of the JSON are an interface, documented in thru(1).
 */
#include "verbs.h"

#include <hostfn/hostfn.h>
#include <hostfn/hostway.h>
#include <cli/json.h>
#include <cli/options.h>

#include <base/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* PCI Code and ID Assignment 1.11 §1: class and subclass (0xff: any), in words. */
static const struct {
	uint8_t class, subclass;
	const char *words;
} classes[] = {
	{ 0x00, 0xff, "unclassified" },
	{ 0x01, 0x00, "SCSI controller" },
	{ 0x01, 0x01, "IDE controller" },
	{ 0x01, 0x04, "RAID controller" },
	{ 0x01, 0x06, "SATA controller" },
	{ 0x01, 0x07, "SAS controller" },
	{ 0x01, 0x08, "NVMe controller" },
	{ 0x01, 0xff, "storage controller" },
	{ 0x02, 0x00, "Ethernet controller" },
	{ 0x02, 0x07, "InfiniBand controller" },
	{ 0x02, 0xff, "network controller" },
	{ 0x03, 0x00, "VGA controller" },
	{ 0x03, 0x02, "3D controller" },
	{ 0x03, 0xff, "display controller" },
	{ 0x04, 0x03, "audio device" },
	{ 0x04, 0xff, "multimedia device" },
	{ 0x05, 0xff, "memory controller" },
	{ 0x06, 0x00, "host bridge" },
	{ 0x06, 0x01, "ISA bridge" },
	{ 0x06, 0x04, "PCI bridge" },
	{ 0x06, 0xff, "bridge" },
	{ 0x07, 0x00, "serial port" },
	{ 0x07, 0xff, "communication device" },
	{ 0x08, 0x05, "SD host controller" },
	{ 0x08, 0x06, "IOMMU" },
	{ 0x08, 0xff, "system peripheral" },
	{ 0x09, 0xff, "input device" },
	{ 0x0b, 0xff, "processor" },
	{ 0x0c, 0x03, "USB controller" },
	{ 0x0c, 0x05, "SMBus controller" },
	{ 0x0c, 0xff, "serial bus controller" },
	{ 0x0d, 0xff, "wireless controller" },
	{ 0x10, 0xff, "encryption device" },
	{ 0x11, 0xff, "signal processor" },
	{ 0x12, 0xff, "accelerator" },
};

static const char *class_words(uint32_t class)
{
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++)
		if (classes[i].class == class >> 16 &&
		    (classes[i].subclass == 0xff || classes[i].subclass == (class >> 8 & 0xff)))
			return classes[i].words;
	return "other";
}

/* By which way it can be had; false when it is not VFIO's, or nothing of it is to be opened. */
static bool has_way(const struct host_function *fn, enum vfio_way *ret)
{
	char why[HOSTFN_WHY];

	return (*fn->mdev || hostfn_is_vfio(fn)) &&
	       !hostway_find(fn, 1, HOSTWAY_ANY, ret, why, sizeof(why));
}

static void print_row(const struct host_function *fn, const struct hostfn_reset *reset, int width)
{
	char name[BDF_TEXT], group[16] = "-", why[HOSTFN_WHY];
	const char *how = *reset->how ? reset->how : "none";
	enum vfio_way way;

	if (fn->group >= 0)
		snprintf(group, sizeof(group), "%d", fn->group);
	printf("%-*s  %04x:%04x  %-21s  %5s  %-14s  %-6s  %-5s  %s\n", width,
	       bdf_format(fn->bdf, name), fn->vendor, fn->device, class_words(fn->class), group,
	       *fn->driver ? fn->driver : "-",
	       *fn->cdev           ? fn->cdev
	       : has_way(fn, &way) ? "group"
				   : "-",
	       hostfn_is_bridge(fn) ? "-" : how,
	       hostfn_takes(fn, reset, why, sizeof(why)) ? why : "ready");
	if (!hostfn_is_bridge(fn) && (!*reset->how || reset->n_with))
		printf("              reset: %s\n", reset->words);
}

/* The other members under the row: they go to a guest together or not at all. */
static void print_members(const struct host_function *fn)
{
	struct group_member *members;
	unsigned n;

	if (hostfn_is_bridge(fn) || fn->group < 0)
		return;
	if (sysfs_group(fn->group, &members, &n)) {
		error_clear();
		return;
	}
	if (n > 1) {
		printf("              group %d holds", fn->group);
		for (unsigned i = 0; i < n; i++)
			printf(" %s", members[i].name);
		putchar('\n');
	}
	free(members);
}

/* Which options a kernel decides by is the same for all of its functions. */
static void print_way(const struct host_function *functions, unsigned n)
{
	enum vfio_way way;

	for (unsigned i = 0; i < n; i++)
		if (has_way(&functions[i], &way) && *hostway_lacks(way)) {
			printf("by: %s; for a better way %s\n", hostway_words(way),
			       hostway_lacks(way));
			return;
		}
}

static void print_table(const struct host_function *functions, unsigned n)
{
	int width = (int)strlen("0000:00:00.0");
	char name[BDF_TEXT];

	/* Domains of more than four digits come last. */
	if (n)
		width = MAX(width, (int)strlen(bdf_format(functions[n - 1].bdf, name)));
	printf("%-*s  %-9s  %-21s  %5s  %-14s  %-6s  %-5s  %s\n", width, "FUNCTION", "ID", "CLASS",
	       "GROUP", "DRIVER", "CDEV", "RESET", "READY");
	for (unsigned i = 0; i < n; i++) {
		struct hostfn_reset reset;

		hostfn_reset(&functions[i], &reset);
		print_row(&functions[i], &reset, width);
		print_members(&functions[i]);
		hostfn_reset_free(&reset);
	}
	print_way(functions, n);
}

static void print_mdevs(const struct host_function *mdevs, unsigned n)
{
	char why[HOSTFN_WHY];

	if (n)
		printf("%-36s  %-14s  %5s  %-14s  %-6s  %s\n", "MEDIATED DEVICE", "TYPE", "GROUP",
		       "DRIVER", "CDEV", "READY");
	for (unsigned i = 0; i < n; i++)
		printf("%-36s  %-14s  %5d  %-14s  %-6s  %s\n", mdevs[i].mdev, mdevs[i].mdev_type,
		       mdevs[i].group, *mdevs[i].driver ? mdevs[i].driver : "-",
		       *mdevs[i].cdev ? mdevs[i].cdev : "-",
		       hostfn_ready(&mdevs[i], why, sizeof(why)) ? why : "ready");
}

static void print_key(const char *key, const char *value)
{
	printf("    \"%s\": ", key);
	if (*value)
		json_print_string(value);
	else
		printf("null");
	printf(",\n");
}

static void print_group(int group)
{
	struct group_member *members = NULL;
	unsigned n = 0;

	if (group < 0) {
		printf("    \"group\": null,\n    \"group_members\": [],\n");
		return;
	}
	if (sysfs_group(group, &members, &n))
		error_clear();
	printf("    \"group\": %d,\n    \"group_members\": [", group);
	for (unsigned i = 0; i < n; i++) {
		fputs(i ? ", " : "", stdout);
		json_print_string(members[i].name);
	}
	printf("],\n");
	free(members);
}

static void print_json_way(const struct host_function *fn)
{
	enum vfio_way way;
	bool has = has_way(fn, &way);

	print_key("way", has ? vfio_way_name(way) : "");
	print_key("way_lacks", has ? hostway_lacks(way) : "");
}

static void print_reset_methods(const char *methods)
{
	const char *separator = "";

	printf("    \"reset_methods\": [");
	while (*methods) {
		size_t n = strcspn(methods, " ");

		if (n)
			printf("%s\"%.*s\"", separator, (int)n, methods);
		separator = n ? ", " : separator;
		methods += n + (methods[n] == ' ');
	}
	printf("],\n");
}

static void print_reset(const struct host_function *fn, const struct hostfn_reset *reset)
{
	char name[BDF_TEXT];

	print_reset_methods(fn->reset);
	print_key("reset", hostfn_is_bridge(fn) ? "" : *reset->how ? reset->how : "none");
	printf("    \"reset_with\": [");
	for (unsigned i = 0; i < reset->n_with; i++)
		printf("%s\"%s\"", i ? ", " : "", bdf_format(reset->with[i], name));
	printf("],\n");
}

static void print_end(bool bridge, bool ready, const char *why)
{
	printf("    \"bridge\": %s,\n    \"ready\": %s,\n    \"reason\": ",
	       bridge ? "true" : "false", ready ? "true" : "false");
	if (ready)
		printf("null");
	else
		json_print_string(why);
	printf("\n  }");
}

static void print_object(const struct host_function *fn, const struct hostfn_reset *reset)
{
	char text[BDF_TEXT], why[HOSTFN_WHY];
	bool ready = hostfn_takes(fn, reset, why, sizeof(why)) == 0;

	printf("  {\n");
	print_key("bdf", bdf_format(fn->bdf, text));
	printf("    \"vendor\": \"%04x\",\n    \"device\": \"%04x\",\n    \"class\": \"%06x\",\n",
	       fn->vendor, fn->device, fn->class);
	print_key("class_name", class_words(fn->class));
	print_group(fn->group);
	print_key("driver", fn->driver);
	print_key("driver_override", fn->driver_override);
	print_key("cdev", fn->cdev);
	print_json_way(fn);
	print_reset(fn, reset);
	print_key("mdev", "");
	print_end(hostfn_is_bridge(fn), ready, why);
}

/* What is no PCI function has none of its numbers; its driver knows of a reset when it is opened. */
static void print_mdev(const struct host_function *fn)
{
	static const char *const none[] = { "bdf", "vendor", "device", "class" };
	char why[HOSTFN_WHY];
	bool ready = hostfn_ready(fn, why, sizeof(why)) == 0;

	printf("  {\n");
	for (unsigned i = 0; i < ARRAY_SIZE(none); i++)
		print_key(none[i], "");
	print_key("mdev", fn->mdev);
	print_key("mdev_type", fn->mdev_type);
	print_key("class_name", "mediated device");
	print_group(fn->group);
	print_key("driver", fn->driver);
	print_key("driver_override", "");
	print_key("cdev", fn->cdev);
	print_json_way(fn);
	printf("    \"reset_methods\": [],\n");
	print_key("reset", "");
	printf("    \"reset_with\": [],\n");
	print_end(false, ready, why);
}

static void print_json(const struct host_function *functions, unsigned n,
		       const struct host_function *mdevs, unsigned n_mdevs)
{
	printf("[");
	for (unsigned i = 0; i < n; i++) {
		struct hostfn_reset reset;

		hostfn_reset(&functions[i], &reset);
		printf(i ? ",\n" : "\n");
		print_object(&functions[i], &reset);
		hostfn_reset_free(&reset);
	}
	for (unsigned i = 0; i < n_mdevs; i++) {
		printf(n || i ? ",\n" : "\n");
		print_mdev(&mdevs[i]);
	}
	printf("%s]\n", n || n_mdevs ? "\n" : "");
}

int verb_devices(int argc, char **argv)
{
	struct host_function *functions, *mdevs;
	unsigned n, n_mdevs;
	bool json;
	int r = options_parse_devices(argc, argv, &json);

	if (!r)
		r = sysfs_functions(&functions, &n);
	if (r)
		return r;
	r = sysfs_mdevs(&mdevs, &n_mdevs);
	if (!r && json)
		print_json(functions, n, mdevs, n_mdevs);
	if (!r && !json) {
		print_table(functions, n);
		print_mdevs(mdevs, n_mdevs);
	}
	if (!r)
		free(mdevs);
	free(functions);
	return r;
}
