/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel keeps of each thread by itself: landlock's domain, capabilities. So a handler of SIGSYS does it, on
 * each thread; who blocks that signal cannot be sealed.
 */
#pragma once

#include <base/types.h>
#include <sys/types.h>

/* `folder`: NULL, or the one where files may be renamed. keep_signals: other processes may be signalled. -1: no landlock. */
int restrict_prepare(const char *folder, bool keep_signals, int *ret_ruleset);

/* On all threads but those that end meanwhile. 0 or -errno: some could not. */
int restrict_threads(int ruleset);

/* For the handler of SIGSYS that another thread sent (SI_TKILL). */
void restrict_this_thread(void);
