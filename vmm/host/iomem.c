/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading /proc/iomem (kernel/resource.c, r_show()): a line for each claim, "  START-END : NAME", two
 * spaces more for each claim that it lies in. Any thread.
 */
#include <host/iomem.h>

#include <host/sysfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IOMEM_MAX (256 << 10)

/* Where the host has put the BAR; size 0: it is not known. */
static struct range place_of(const char *name, unsigned bar)
{
	char path[96], text[2048], *line = text;
	unsigned long long from, to;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource", name);
	if (!sysfs_read(path, text, sizeof(text)))
		return (struct range){ 0, 0 };
	while (bar-- && line)
		line = (line = strchr(line, '\n')) ? line + 1 : NULL;
	if (!line || sscanf(line, "%llx %llx", &from, &to) != 2 || to <= from)
		return (struct range){ 0, 0 };
	return (struct range){ from, to - from + 1 };
}

/* The bus, the device and its driver are on the way to everybody's BAR. */
static bool is_path(const char *who, const char *name)
{
	return !strncmp(who, "PCI ", 4) || !strncmp(who, "vfio", 4) || !strcmp(who, name) ||
	       !strcmp(who, "pcie@") || strstr(who, "PCI Bus");
}

static void find(char *text, struct range place, const char *name, char *ret, size_t size)
{
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n"))) {
		unsigned long long from, to;
		int at = 0;

		if (sscanf(line, " %llx-%llx : %n", &from, &to, &at) < 2 || !at || to < from)
			continue;
		if (range_overlaps(place, (struct range){ from, to - from + 1 }) &&
		    !is_path(line + at, name))
			snprintf(ret, size, "%s", line + at);
	}
}

void iomem_holder(const char *name, unsigned bar, char *ret, size_t size)
{
	struct range place = place_of(name, bar);
	char *text = malloc(IOMEM_MAX);

	snprintf(ret, size, "see what overlaps it");
	if (text && place.size && sysfs_read("/proc/iomem", text, IOMEM_MAX))
		find(text, place, name, ret, size);
	free(text);
}
