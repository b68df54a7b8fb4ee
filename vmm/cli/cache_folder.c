/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user's cache (XDG Base Directory Specification 0.8: an absolute path counts, others do not; what is made there
 * has mode 0700). A folder that others own or may look into is not used: what lies in it is run as a kernel.
 * Nothing is made in a home of somebody else's, which is what root has after some ways of becoming root.
 *
 * Machine's thread, before there is a VM.
 */
#include <cli/cache_folder.h>

#include <base/fd.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_own(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

/* The folder that all programs share. */
static bool find_base(char path[PATH_MAX])
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int n;

	if (base && *base == '/')
		n = snprintf(path, PATH_MAX, "%s", base);
	else if (home && *home == '/' && is_own(home))
		n = snprintf(path, PATH_MAX, "%s/.cache", home);
	else
		return false;
	if (n >= PATH_MAX - 32) /* room for ours below it */
		return false;
	mkdir(path, 0700);
	return is_own(path);
}

int cache_folder_open(void)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	char path[PATH_MAX];
	struct stat st;
	int fd;

	if (!find_base(path))
		return -1;
	strcat(path, "/thru");
	mkdir(path, 0700);
	strcat(path, "/kernels");
	mkdir(path, 0700);
	fd = open(path, flags);
	if (fd >= 0 && (fstat(fd, &st) || st.st_uid != geteuid() || st.st_mode & 077))
		fd_close(&fd);
	return fd;
}
