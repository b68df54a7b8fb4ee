/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * By the folder's modules.order, else by looking for *.ko files.
 */
#include "module_list.h"

#include <base/error.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_MAX 65536
#define DEPTH_MAX 16

const struct module_packer module_packers[MODULE_PACKERS] = { { ".xz", "xz" },
							      { ".zst", "zstd" },
							      { ".gz", "gzip" } };

static int remember(struct module_list *m, const char *path)
{
	if (m->n == m->room) {
		unsigned room = m->room ? m->room * 2 : 256;
		struct module_file *files = realloc(m->at, room * sizeof(*files));

		if (!files || room > FILES_MAX * 2)
			return fail(STATUS_HOST, ENOMEM, "%s: too many modules", m->folder);
		m->at = files;
		m->room = room;
	}
	m->at[m->n] = (struct module_file){ .path = strdup(path) };
	if (!m->at[m->n].path)
		return fail(STATUS_HOST, ENOMEM, "%s: no memory for its modules", m->folder);
	m->n++;
	return 0;
}

/* modules.order names objects (.o, since 6.3) or modules; in /lib/modules they are below kernel/. */
static int read_order(struct module_list *m, FILE *order)
{
	char line[PATH_MAX];
	int r = 0;

	while (!r && fgets(line, sizeof(line), order)) {
		size_t len = strcspn(line, "\n");

		line[len] = 0;
		if (len > 2 && !strcmp(line + len - 2, ".o"))
			strcpy(line + len - 2, len + 2 < sizeof(line) ? ".ko" : "");
		if (len > 3)
			r = remember(m, line);
	}
	return r;
}

static bool is_module(const char *name)
{
	const char *ko = strstr(name, ".ko");

	if (!ko)
		return false;
	for (unsigned i = 0; i < MODULE_PACKERS; i++)
		if (!strcmp(ko + 3, module_packers[i].suffix))
			return true;
	return !ko[3];
}

static int scan(struct module_list *m, const char *below, unsigned depth)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;
	int r = 0;

	snprintf(path, sizeof(path), "%s/%s", m->folder, below);
	dir = depth < DEPTH_MAX ? opendir(path) : NULL;
	while (!r && dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    snprintf(path, sizeof(path), "%s%s%s", below, *below ? "/" : "",
			     entry->d_name) >= PATH_MAX)
			continue;
		if (entry->d_type == DT_DIR)
			r = scan(m, path, depth + 1);
		else if (is_module(entry->d_name))
			r = remember(m, path);
	}
	if (dir)
		closedir(dir);
	return r;
}

int module_list_read(const char *folder, struct module_list *m)
{
	char path[PATH_MAX];
	struct stat st;
	FILE *order;
	int r;

	*m = (struct module_list){ .folder = folder };
	if (stat(m->folder, &st) < 0 || !S_ISDIR(st.st_mode))
		return fail(STATUS_USAGE, ENOENT,
			    "%s: no folder of modules; give one that has a modules.order, or none",
			    m->folder);
	snprintf(path, sizeof(path), "%s/modules.order", m->folder);
	order = fopen(path, "re");
	if (!order)
		return scan(m, "", 0);
	r = read_order(m, order);
	fclose(order);
	return r;
}

void module_list_free(struct module_list *m)
{
	for (unsigned i = 0; i < m->n; i++)
		free(m->at[i].path);
	free(m->at);
	*m = (struct module_list){ 0 };
}
