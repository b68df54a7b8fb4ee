/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens at a call that the rules do not have: the process's end, or a line. */
#pragma once

#include <base/types.h>

struct refused {
	unsigned nr;
	uint64_t args[2];
};

/* "sandbox: thread "machine": openat". Takes no lock and no memory: for a signal handler. What snprintf(3) returns. */
int refused_describe(const struct refused *call, const char *thread, char *ret, size_t size);

/* SIGSYS is handled from here on: the end, after `undo`, with STATUS_SEALED; or what restrict.h wants of a thread. */
void refused_watch(void (*undo)(void));

/*
 * SEAL_LOG. The thread that tells is made before the filter, which refuses new ones; `fd` is seccomp's listener.
 * 0 or -errno, nothing recorded.
 */
int refused_listen_start(void) _must_check_;
void refused_listen(int fd);
