/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has a device open: the kernel refuses or waits without saying for whom (proc(5), /proc/PID/fd).
 */
#pragma once

#include <sys/types.h>

/*
 * Another process that has the file at `path` open (a symbolic path in /dev), 0 when there is none
 * or it may not be looked at. Walks all of /proc: for error messages and `unbind`, not for a boot.
 */
pid_t holder_of(const char *path);
