/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each module is opened once and asked for its `depends`, `alias` and `softdep`. Main thread only.
 */
#include <initramfs/modules_farm.h>

#include "modinfo.h"
#include "module_index.h"
#include "module_list.h"
#include "tree_path.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPENDS_MAX 256
#define NAME_ROOM   128

struct module {
	char name[NAME_ROOM]; /* with '_' for '-' */
	char *path;           /* below the folder, without kernel/ */
	char *depends;        /* names, with commas between */
	unsigned seen;        /* by which walk */
};

struct farm {
	struct tree *tree;
	const char *folder, *release;
	struct module *at; /* sorted by name */
	unsigned n;
	struct module_index dep, alias, builtin;
	FILE *dep_text, *alias_text, *softdep_text;
};

static bool is_file(const char *folder, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	return snprintf(path, sizeof(path), "%s/%s", folder, name) < PATH_MAX && !stat(path, &st) &&
	       S_ISREG(st.st_mode);
}

bool modules_farm_wanted(const char *folder, char *ret_release, size_t size)
{
	char path[PATH_MAX];
	FILE *file;
	bool found;

	if (!is_file(folder, "modules.order") ||
	    snprintf(path, sizeof(path), "%s/include/config/kernel.release", folder) >= PATH_MAX)
		return false;
	file = fopen(path, "re");
	found = file && fgets(ret_release, (int)size, file);
	if (file)
		fclose(file);
	if (!found)
		return false;
	ret_release[strcspn(ret_release, "\n")] = 0;
	return *ret_release && *ret_release != '.' && !strchr(ret_release, '/');
}

static const char *below_kernel(const char *path)
{
	return strncmp(path, "kernel/", 7) ? path : path + 7;
}

static void name_of(const char *path, char ret[NAME_ROOM])
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	snprintf(ret, NAME_ROOM, "%.*s", (int)strcspn(base, "."), base);
	for (char *c = ret; *c; c++)
		*c = *c == '-' ? '_' : *c;
}

/* As depmod has them: '-' and '_' are the same, but in the brackets of a pattern they are not. */
static void normalize(char *alias)
{
	bool inside = false;

	for (; *alias; alias++) {
		inside = *alias == '[' || (inside && *alias != ']');
		if (*alias == '-' && !inside)
			*alias = '_';
	}
}

static int take_info(struct farm *f, struct module *m, const struct modinfo *info)
{
	const char *value = modinfo_value(info, "depends", 0);
	char alias[2048];
	int r = 0;

	m->depends = strdup(value ? value : "");
	if (!m->depends)
		return module_index_no_memory();
	for (unsigned i = 0; !r && (value = modinfo_value(info, "alias", i)); i++) {
		if (snprintf(alias, sizeof(alias), "%s", value) >= (int)sizeof(alias))
			continue;
		normalize(alias);
		fprintf(f->alias_text, "alias %s %s\n", alias, m->name);
		r = module_index_put(&f->alias, alias, m->name);
	}
	for (unsigned i = 0; (value = modinfo_value(info, "softdep", i)); i++)
		fprintf(f->softdep_text, "softdep %s %s\n", m->name, value);
	return r;
}

/* -ENOENT, nothing recorded: it is not there, or no module. */
static int look(struct farm *f, const char *listed, uint64_t *bytes)
{
	struct module *m = &f->at[f->n];
	char path[PATH_MAX];
	_cleanup_fd_ int fd = -1;
	struct modinfo info;
	struct stat st;
	int r;

	if (snprintf(path, sizeof(path), "%s/%s", f->folder, below_kernel(listed)) >= PATH_MAX)
		return -ENOENT;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || modinfo_read(fd, &info))
		return -ENOENT;
	*m = (struct module){ .path = strdup(below_kernel(listed)) };
	name_of(m->path ? m->path : "", m->name);
	r = m->path ? take_info(f, m, &info) : module_index_no_memory();
	free(info.text);
	f->n++;
	*bytes += (uint64_t)st.st_size;
	return r;
}

static int by_name(const void *a, const void *b)
{
	const struct module *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* What it depends on, each before those that need it; of a chain that is too long, its beginning. */
static void walk(struct farm *f, struct module *m, unsigned mark, struct module **order,
		 unsigned *n, unsigned depth)
{
	const char *rest = m->depends;

	m->seen = mark;
	for (size_t len; *rest; rest += len + (rest[len] == ',')) {
		struct module key, *found;
		char name[NAME_ROOM];

		len = strcspn(rest, ",");
		snprintf(name, sizeof(name), "%.*s", (int)len, rest);
		name_of(name, key.name);
		found = bsearch(&key, f->at, f->n, sizeof(key), by_name);
		if (found && found->seen != mark && *n < DEPENDS_MAX && depth < DEPENDS_MAX)
			walk(f, found, mark, order, n, depth + 1);
	}
	if (*n < DEPENDS_MAX)
		order[(*n)++] = m;
}

/* A line of modules.dep: a module, then what it depends on, what is to be loaded first last. */
static int tell_depends(struct farm *f, unsigned at)
{
	struct module *order[DEPENDS_MAX];
	unsigned n = 0;
	size_t size;
	char *line;
	FILE *out = open_memstream(&line, &size);
	int r;

	if (!out)
		return module_index_no_memory();
	walk(f, &f->at[at], at + 1, order, &n, 0);
	fprintf(out, "kernel/%s:", f->at[at].path);
	while (n--)
		if (order[n] != &f->at[at])
			fprintf(out, " kernel/%s", order[n]->path);
	if (fclose(out))
		return module_index_no_memory();
	fprintf(f->dep_text, "%s\n", line);
	r = module_index_put(&f->dep, f->at[at].name, line);
	free(line);
	return r;
}

static int put_module(struct farm *f, const struct module *m, bool links)
{
	char path[PATH_MAX], host[PATH_MAX];

	if (snprintf(path, sizeof(path), "/lib/modules/%s/kernel/%s", f->release, m->path) >=
		    PATH_MAX ||
	    snprintf(host, sizeof(host), "%s/%s", f->folder, m->path) >= PATH_MAX)
		return tree_too_long(m->path);
	return links ? tree_link(f->tree, path, host) : tree_file(f->tree, path, host, 0644);
}

static int put_index(struct farm *f, const char *name, struct module_index *index)
{
	char path[PATH_MAX], *bytes;
	size_t size;
	int r = module_index_write(index, &bytes, &size);

	if (r)
		return r;
	snprintf(path, sizeof(path), "/lib/modules/%.200s/%s.bin", f->release, name);
	r = tree_data(f->tree, path, 0644, bytes, size);
	free(bytes);
	return r;
}

static int put_text(struct farm *f, const char *name, const char *text, size_t size)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/lib/modules/%.200s/%s", f->release, name);
	return tree_data(f->tree, path, 0644, text, size);
}

/* What is built in is found, and nothing is to be done for it. */
static int put_builtin(struct farm *f)
{
	char path[PATH_MAX], line[PATH_MAX], name[NAME_ROOM], *text;
	size_t size;
	FILE *in, *out = open_memstream(&text, &size);
	int r = 0;

	if (!out)
		return module_index_no_memory();
	snprintf(path, sizeof(path), "%s/modules.builtin", f->folder);
	in = fopen(path, "re");
	while (!r && in && fgets(line, sizeof(line), in)) {
		fputs(line, out);
		name_of(line, name);
		r = module_index_put(&f->builtin, name, "");
	}
	if (in)
		fclose(in);
	if (fclose(out) && !r)
		return module_index_no_memory();
	if (!r)
		r = put_text(f, "modules.builtin", text, size);
	free(text);
	return r ? r : put_index(f, "modules.builtin", &f->builtin);
}

struct texts {
	char *dep, *alias, *softdep;
	size_t dep_size, alias_size, softdep_size;
};

static int close_texts(struct farm *f)
{
	FILE *all[] = { f->dep_text, f->alias_text, f->softdep_text };
	int r = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		if (!all[i] || fclose(all[i]))
			r = module_index_no_memory();
	return r;
}

static int put_all(struct farm *f, bool links)
{
	int r = 0;

	for (unsigned i = 0; !r && i < f->n; i++) {
		r = put_module(f, &f->at[i], links);
		if (!r)
			r = tell_depends(f, i);
	}
	if (!r)
		r = put_index(f, "modules.dep", &f->dep);
	if (!r)
		r = put_index(f, "modules.alias", &f->alias);
	return r ? r : put_builtin(f);
}

static int put_texts(struct farm *f, const struct texts *t)
{
	struct module_index none = { 0 };
	int r = put_text(f, "modules.dep", t->dep, t->dep_size);

	if (!r)
		r = put_text(f, "modules.alias", t->alias, t->alias_size);
	if (!r)
		r = put_text(f, "modules.softdep", t->softdep, t->softdep_size);
	if (!r)
		r = put_text(f, "modules.symbols", "", 0);
	return r ? r : put_index(f, "modules.symbols", &none);
}

static int look_at_all(struct farm *f, const struct module_list *list, struct modules_farm *ret)
{
	int r = 0;

	f->at = calloc(list->n + 1, sizeof(*f->at));
	if (!f->at || !f->dep_text || !f->alias_text || !f->softdep_text)
		return module_index_no_memory();
	for (unsigned i = 0; (!r || r == -ENOENT) && i < list->n; i++) {
		r = look(f, list->at[i].path, &ret->bytes);
		ret->gone += r == -ENOENT;
	}
	ret->n = f->n;
	qsort(f->at, f->n, sizeof(*f->at), by_name);
	return r == -ENOENT ? 0 : r;
}

static void release_all(struct farm *f)
{
	for (unsigned i = 0; f->at && i < f->n; i++) {
		free(f->at[i].path);
		free(f->at[i].depends);
	}
	free(f->at);
	module_index_free(&f->dep);
	module_index_free(&f->alias);
	module_index_free(&f->builtin);
}

int modules_farm_add(struct tree *tree, const char *folder, const char *release, uint64_t room,
		     struct modules_farm *ret)
{
	struct farm f = { .tree = tree, .folder = folder, .release = release };
	struct texts texts = { 0 };
	struct module_list list;
	bool wanted;
	int r = module_list_read(folder, &list), closed;

	*ret = (struct modules_farm){ 0 };
	f.dep_text = open_memstream(&texts.dep, &texts.dep_size);
	f.alias_text = open_memstream(&texts.alias, &texts.alias_size);
	f.softdep_text = open_memstream(&texts.softdep, &texts.softdep_size);
	if (!r)
		r = look_at_all(&f, &list, ret);
	wanted = !r && ret->n && (!room || ret->bytes <= room);
	if (wanted)
		r = put_all(&f, !room);
	closed = close_texts(&f);
	r = r ? r : closed;
	if (!r && wanted)
		r = put_texts(&f, &texts);
	free(texts.dep);
	free(texts.alias);
	free(texts.softdep);
	module_list_free(&list);
	release_all(&f);
	return r;
}
