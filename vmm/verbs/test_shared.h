/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --root and --share of `thru test`: what of the host the guest sees, and what its init is told of it.
 */
#pragma once

#include <cli/options.h>
#include <stdio.h>

/*
 * Make their paths whole and put the root among the shares. Without virtiofsd --root / is taken back, with
 * a line: what COMMAND needs is copied then, as without it. Again is harmless.
 */
int test_shared_find(struct test_options *options) _must_check_;

/* Is what COMMAND is started from in the guest the same file here? */
bool test_root_is_here(const struct test_options *options);

/* Is a folder of the host at the same path in the guest, whatever its command? Then `ret` (PATH_MAX) is its path. */
bool test_shared_sees(const struct test_options *options, const char *path, char *ret);

/* Words of the job. `modules`: the folder of those that the guest has, "" for none. */
void test_shared_tell(const struct test_options *options, const char *modules, const char *cwd,
		      FILE *job);
