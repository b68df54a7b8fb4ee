/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has a device open: a walk over /proc/PID/fd. A snapshot; good enough to name a culprit.
 */
#include <host/holder.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool process_holds(pid_t pid, const char *path)
{
	char name[64], target[256];
	struct dirent *entry;
	bool holds = false;
	ssize_t n;
	DIR *dir;

	snprintf(name, sizeof(name), "/proc/%d/fd", (int)pid);
	dir = opendir(name);
	if (!dir)
		return false;
	while (!holds && (entry = readdir(dir))) {
		n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = 0;
		holds = n > 0 && !strcmp(target, path);
	}
	closedir(dir);
	return holds;
}

pid_t holder_of(const char *path)
{
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	pid_t pid, found = 0;

	if (!proc)
		return 0;
	while (!found && (entry = readdir(proc))) {
		pid = atoi(entry->d_name);
		if (pid > 0 && pid != getpid() && process_holds(pid, path))
			found = pid;
	}
	closedir(proc);
	return found;
}
