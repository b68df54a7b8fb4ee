/* SPDX-License-Identifier: BSD-2-Clause */
/* What walking a path of the tree (tree.c) and one of the host (host.c) share. */
#pragma once

#include <initramfs/tree.h>

/* A regular file whose bytes are those of the host's file `host` when the archive is written. */
int tree_file(struct tree *tree, const char *path, const char *host, mode_t mode) _must_check_;

/* Append a component to `done` (PATH_MAX bytes, no leading slash). False: too long. */
bool tree_step(char *done, const char *name, size_t len) _must_check_;

/* At a link `done` -> `target` with `rest` to go: back to where the target starts, and *left to walk. */
bool tree_follow(char *done, char *left, const char *target, const char *rest) _must_check_;

int tree_too_long(const char *path);
