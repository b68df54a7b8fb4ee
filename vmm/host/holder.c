/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has a device open: a walk over /proc/PID/fd, then /proc/PID/map_files, for a mapping keeps a
 * device in use when its descriptor is closed. A snapshot; good enough to name a culprit. What neither
 * shows: a descriptor on its way through a socket, and one that only the kernel holds.
 *
 * Main thread.
 */
#include "sysfs_path.h"

#include <host/holder.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct wanted {
	const struct holder_node *nodes;
	unsigned n, which;
	const char *device; /* "/sys/devices/...": the function of a VFIO device file; NULL: none */
};

/* A file of VFIO's that came from a group has no number; since Linux 6.18 it tells its device. */
static bool is_device_file(struct wanted *wanted, const char *pid, int dir, const char *fd)
{
	static const char key[] = "vfio-device-syspath: ";
	char target[64], path[96], text[4096];
	ssize_t n = readlinkat(dir, fd, target, sizeof(target) - 1);
	const char *at;

	target[n > 0 ? n : 0] = 0;
	if (!wanted->device || strcmp(target, "anon_inode:[vfio-device]"))
		return false;
	snprintf(path, sizeof(path), "/proc/%.32s/fdinfo/%.32s", pid, fd);
	if (!sysfs_read(path, text, sizeof(text)) || !(at = strstr(text, key)))
		return false;
	at += strlen(key);
	return strlen(wanted->device) == strcspn(at, "\n") &&
	       !strncmp(at, wanted->device, strlen(wanted->device));
}

/* No file system is asked: one of another machine's may never answer. */
static bool is_wanted(struct wanted *wanted, int dir, const char *name)
{
	struct statx st;

	if (statx(dir, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &st))
		return false;
	for (unsigned i = 0; i < wanted->n; i++)
		if ((st.stx_mode & S_IFMT) == wanted->nodes[i].type &&
		    makedev(st.stx_rdev_major, st.stx_rdev_minor) == wanted->nodes[i].number) {
			wanted->which = i;
			return true;
		}
	return false;
}

static bool process_holds(struct wanted *wanted, const char *pid, const char *where)
{
	char path[PATH_MAX];
	struct dirent *entry;
	bool holds = false;
	DIR *dir;

	sysfs_path(path, "/proc/%s/%s", pid, where);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!holds && (entry = readdir(dir)))
		holds = entry->d_name[0] != '.' &&
			(is_wanted(wanted, dirfd(dir), entry->d_name) ||
			 is_device_file(wanted, pid, dirfd(dir), entry->d_name));
	closedir(dir);
	return holds;
}

static pid_t find(struct wanted *wanted, const char *where)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *proc;
	pid_t pid, found = 0;

	sysfs_path(path, "/proc");
	proc = opendir(path);
	if (!proc)
		return 0;
	while (!found && (entry = readdir(proc))) {
		pid = atoi(entry->d_name);
		if (pid > 0 && pid != getpid() && process_holds(wanted, entry->d_name, where))
			found = pid;
	}
	closedir(proc);
	return found;
}

static pid_t find_anywhere(struct wanted *wanted)
{
	pid_t pid = find(wanted, "fd");

	return pid ? pid : find(wanted, "map_files");
}

pid_t holder_of(const struct holder_node *nodes, unsigned n, unsigned *ret_which)
{
	struct wanted wanted = { .nodes = nodes, .n = n };
	pid_t pid = find_anywhere(&wanted);

	if (pid && ret_which)
		*ret_which = wanted.which;
	return pid;
}

/* /dev/vfio/GROUP's number. */
static bool group_node(const char *before, int group, struct holder_node *ret)
{
	char path[64], text[32];
	unsigned major, minor;

	snprintf(path, sizeof(path), "/sys/class/vfio/%s%d/dev", before, group);
	if (!sysfs_read(path, text, sizeof(text)) || sscanf(text, "%u:%u", &major, &minor) != 2)
		return false;
	*ret = (struct holder_node){ S_IFCHR, makedev(major, minor) };
	return true;
}

pid_t holder_of_function(const struct host_function *fn)
{
	struct holder_node nodes[2];
	char path[PATH_MAX], real[PATH_MAX], name[BDF_TEXT];
	struct wanted wanted = { .nodes = nodes };

	sysfs_path(path, "/sys/bus/pci/devices/%s", bdf_format(fn->bdf, name));
	wanted.device = realpath(path, real) ? strstr(real, "/sys/devices/") : NULL;
	if (*fn->cdev)
		nodes[wanted.n++] = (struct holder_node){ S_IFCHR,
							  makedev(fn->cdev_major, fn->cdev_minor) };
	if (fn->group >= 0 && (group_node("", fn->group, &nodes[wanted.n]) ||
			       group_node("noiommu-", fn->group, &nodes[wanted.n])))
		wanted.n++;
	return find_anywhere(&wanted);
}
