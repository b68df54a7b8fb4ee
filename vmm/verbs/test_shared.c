/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See test_shared.h. With --root the guest's init puts an overlay in front of the tree, and empty folders
 * over what in it is of this host's own day: what was left in /tmp, logs, caches. Not where COMMAND is to
 * work: a test in a folder below /tmp is still there.
 */
#include "test_shared.h"

#include "file_server.h"

#include <base/error.h>
#include <base/log.h>
#include <errno.h>
#include <initramfs/modules_farm.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define ROOT_TAG "thru-root"

bool test_root_is_here(const struct test_options *o)
{
	return !o->root || !strcmp(o->root, "/");
}

static int make_whole(const char *option, const char *path, char ret[SHARE_PATH])
{
	char whole[PATH_MAX];

	if (!realpath(path, whole))
		return fail(STATUS_USAGE, errno, "%s %s: %s; give the path of a folder", option,
			    path, strerror(errno));
	if (strlen(whole) >= SHARE_PATH)
		return fail(STATUS_USAGE, ENAMETOOLONG,
			    "%s %s: a path of more than %u bytes; give a shorter one", option, path,
			    SHARE_PATH - 1);
	strcpy(ret, whole);
	return 0;
}

static int add_root(struct test_options *o)
{
	struct share_option *share = &o->run.shares[o->run.n_shares];
	int r = make_whole("--root", o->root, share->path);

	if (r)
		return r;
	share->whole = share->read_only = true;
	strcpy(share->tag, ROOT_TAG);
	o->root = share->path;
	o->run.n_shares++;
	return 0;
}

/* Not with --share, and not for another tree than this host's: there is no way to copy those. */
static int without_server(struct test_options *o)
{
	if (!o->root || strcmp(o->root, "/") || o->run.n_shares || o->run.virtiofsd)
		return -ENOENT;
	log_warn("%s; COMMAND and what it needs are copied instead, as without --root",
		 error_message());
	error_clear();
	o->root = NULL;
	return 0;
}

int test_shared_find(struct test_options *o)
{
	char path[PATH_MAX];
	int r = 0;

	if (!o->root && !o->run.n_shares)
		return 0;
	r = file_server_find(o->root ? "--root" : "--share", o->run.virtiofsd, path, sizeof(path));
	if (r)
		return r == -ENOENT ? without_server(o) : r;
	for (unsigned i = 0; !r && i < o->run.n_shares; i++) {
		struct share_option *share = &o->run.shares[i];

		if (share->whole)
			return 0;
		r = make_whole("--share", share->path, share->path);
		if (!r && !*share->at)
			strcpy(share->at, share->path);
	}
	return r || !o->root ? r : add_root(o);
}

static const char *const of_today[] = { "/tmp", "/var/tmp", "/var/log", "/var/cache" };

static bool is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return !strncmp(path, folder, len) && (path[len] == '/' || !path[len]);
}

static void hide(const char *folder, const char *cwd, const char *command, FILE *job)
{
	if (!is_below(cwd, folder) && !is_below(command, folder))
		fprintf(job, "hide=%s%c", folder, 0);
}

bool test_shared_sees(const struct test_options *o, const char *path, char *ret)
{
	bool sees = o->root && !strcmp(o->root, "/") && realpath(path, ret) &&
		    !is_below(ret, "/run");

	for (unsigned i = 0; i < ARRAY_SIZE(of_today); i++)
		sees = sees && !is_below(ret, of_today[i]);
	return sees;
}

void test_shared_tell(const struct test_options *o, const char *modules, const char *cwd, FILE *job)
{
	const char *command = o->command ? o->command[0] : "";
	char release[128];

	if (o->root) {
		fprintf(job, "root=" ROOT_TAG "%c", 0);
		for (unsigned i = 0; i < ARRAY_SIZE(of_today); i++)
			hide(of_today[i], cwd, command, job);
		/* The modules there are of other kernels, unless this is one of the host's. */
		if (modules_farm_wanted(modules, release, sizeof(release)) ||
		    (test_root_is_here(o) && !is_below(modules, "/lib/modules") &&
		     !is_below(modules, "/usr/lib/modules")))
			fprintf(job, "modules=own%c", 0);
	}
	for (unsigned i = 0; i < o->run.n_shares; i++)
		if (!o->run.shares[i].whole)
			fprintf(job, "share=%s %s %s%c", o->run.shares[i].read_only ? "ro" : "rw",
				o->run.shares[i].tag, o->run.shares[i].at, 0);
}
