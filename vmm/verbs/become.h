/* SPDX-License-Identifier: BSD-2-Clause */
/* How `thru open` stops being root: for the command that it becomes, and for its own end. */
#pragma once

#include <base/types.h>
#include <pwd.h>

/*
 * Become `user`, with nothing of root's left in this process but its descriptors and its terminal:
 * groups, ids, capabilities of all sets and the ways back to them, keyrings. -errno with the
 * reason recorded; the process is then neither, and has to end.
 */
int become_user(const struct passwd *user) _must_check_;

/*
 * Then: the folder (his home, or / when he may not be there) and the environment of a fresh login, with
 * nothing of root's but TERM.
 */
int become_at_home(const struct passwd *user) _must_check_;
