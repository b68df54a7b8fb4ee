/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program with all that it needs to start: interpreter of a script or of an ELF file, and the shared
 * libraries that its loader will look for (ld.so(8)). What a program opens later, by dlopen() or as data,
 * nobody can read from it: that is for --add.
 *
 * Programs are files that others wrote: every number in them is checked before it is used.
 */
#pragma once

#include <initramfs/tree.h>

/*
 * The path of the program that `command` means: itself when it has a slash (made absolute), else the first
 * in the folders of `path` (as $PATH). 0, or -errno with the reason recorded: it is not found, or cannot
 * be executed. `ret` has PATH_MAX bytes.
 */
int closure_find(const char *command, const char *path, char *ret) _must_check_;

/*
 * Put the program at the absolute host path `program` into the tree at the same path, and what it needs.
 * `search` is as $PATH, for scripts that begin with `#!/usr/bin/env NAME`.
 */
int closure_add(struct tree *tree, const char *program, const char *search) _must_check_;

/*
 * Loaders and libraries for the ELF programs among the tree's entries from `first` on, which are there already. What
 * one of them lacks on this host it lacks in the guest, and is told by then: they need not all be meant to run. Not
 * the interpreters of scripts: a perl without its modules is worse than none for who looks whether there is one.
 */
void closure_complete(struct tree *tree, unsigned first);
