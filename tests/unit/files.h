/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of what makes a guest's root out of files: a folder for them, and the tree that comes of it.
 */
#pragma once

#include "test.h"

#include <elf.h>
#include <ftw.h>
#include <initramfs/tree.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#ifdef __x86_64__
#define MACHINE EM_X86_64
#else
#define MACHINE EM_AARCH64
#endif

static char folder[] = "/tmp/thru-files-XXXXXX";
static struct tree tree;

/* Its path, valid until the fourth call from here. */
static const char *at(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned i;

	snprintf(paths[i % 4], PATH_MAX, "%s/%s", folder, name);
	return paths[i++ % 4];
}

static inline int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static inline void remove_all(void)
{
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void fresh(void)
{
	tree_deinit(&tree);
	remove_all();
	mkdir(folder, 0755);
}
