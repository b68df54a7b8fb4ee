/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which driver of the VFIO family is made for a function (Documentation/driver-api/vfio-pci-device-
 * specific-driver-acceptance.rst; include/linux/pci.h, PCI_DRIVER_OVERRIDE_DEVICE_VFIO). Variants
 * have module aliases of the form "vfio_pci:v000015B3d0000101Esv*...", in modules.alias, and those that
 * are part of the kernel in modules.builtin.modinfo. Of several the one with the fewest wildcards is
 * meant; vfio-pci itself matches everything.
 *
 * Main thread.
 */
#include "sysfs_path.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

struct search {
	char alias[160]; /* of the function: "vfio_pci:v000015B3d0000101Esv000015B3..." */
	char module[64]; /* the best so far */
	unsigned stars;
};

static void consider(struct search *search, const char *pattern, const char *module)
{
	unsigned stars = 0;

	if (strncmp(pattern, "vfio_pci:", 9) || fnmatch(pattern, search->alias, 0))
		return;
	for (const char *c = pattern; *c; c++)
		stars += *c == '*';
	if (*search->module && stars >= search->stars)
		return;
	search->stars = stars;
	snprintf(search->module, sizeof(search->module), "%.63s", module);
}

/* Lines of "alias PATTERN MODULE". */
static void read_aliases(struct search *search, FILE *f)
{
	char line[512], pattern[256], module[64];

	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "alias %255s %63s", pattern, module) == 2)
			consider(search, pattern, module);
}

/* "MODULE.alias=PATTERN", each ended by a zero. */
static void read_builtin(struct search *search, FILE *f)
{
	char *text = NULL, *pattern;
	size_t room = 0;

	while (getdelim(&text, &room, 0, f) > 0) {
		pattern = strstr(text, ".alias=");
		if (!pattern)
			continue;
		*pattern = 0;
		consider(search, pattern + strlen(".alias="), text);
	}
	free(text);
}

static void read_file(struct search *search, const char *name,
		      void (*read)(struct search *search, FILE *f))
{
	struct utsname host;
	char path[PATH_MAX];
	FILE *f;

	uname(&host);
	sysfs_path(path, "/lib/modules/%s/%s", host.release, name);
	f = fopen(path, "re");
	if (!f)
		return;
	read(search, f);
	fclose(f);
}

/* Drivers are called as they like: mlx5_vfio_pci has one of its own name, hisi_acc_vfio_pci has not. */
static void driver_of(const char *module, char driver[32])
{
	struct sysfs_names names;
	char path[128];

	driver[0] = 0;
	snprintf(path, sizeof(path), "/sys/module/%s/drivers", module);
	sysfs_names(path, &names);
	for (unsigned i = 0; i < names.n && !*driver; i++)
		if (!strncmp(names.at[i], "pci:", 4))
			snprintf(driver, 32, "%.31s", names.at[i] + 4);
	sysfs_names_free(&names);
}

bool sysfs_variant(struct bdf bdf, char module[64], char driver[32])
{
	struct search search = { .stars = 0 };
	char name[BDF_TEXT], modalias[128];

	sysfs_attribute(bdf_format(bdf, name), "modalias", modalias, sizeof(modalias));
	if (strncmp(modalias, "pci:", 4))
		return false;
	snprintf(search.alias, sizeof(search.alias), "vfio_%s", modalias);
	read_file(&search, "modules.alias", read_aliases);
	read_file(&search, "modules.builtin.modinfo", read_builtin);
	if (!*search.module || !strcmp(search.module, "vfio_pci"))
		return false;
	memcpy(module, search.module, sizeof(search.module));
	driver_of(module, driver);
	return true;
}
