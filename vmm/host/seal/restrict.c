/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Landlock and capabilities, thread by thread (restrict.h). Landlock comes in versions, each of which knows more that
 * can be taken away; all that this kernel knows is (Documentation/userspace-api/landlock.rst). Nothing is
 * allowed but what is open already. Machine's thread; the rest in handlers.
 */
#include "restrict.h"

#include <base/error.h>
#include <base/fd.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <host/seal.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 4096
#define LOOK_NS     10000000 /* how often it is looked whether a thread is still there, ... */
#define LOOKS       3000     /* ... and how many times */

static struct {
	bool asking; /* atomic; else the signal is somebody else's */
	int ruleset; /* -1: no landlock */
	int error;   /* of the first thread that could not; atomic */
	sem_t done;
} all;

int seal_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

static uint64_t file_rights(int abi)
{
	uint64_t rights = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1; /* ABI 1: all bits up to this */

	if (abi >= 2)
		rights |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (abi >= 5)
		rights |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
	return rights;
}

static int allow_renames(int ruleset, const char *folder)
{
	struct landlock_path_beneath_attr below = {
		.allowed_access = LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE,
		.parent_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC),
	};
	long r = below.parent_fd < 0 ? -1
				     : syscall(SYS_landlock_add_rule, ruleset,
					       LANDLOCK_RULE_PATH_BENEATH, &below, 0);

	r = r ? -errno : 0;
	if (below.parent_fd >= 0)
		close(below.parent_fd);
	return (int)r;
}

int restrict_prepare(const char *folder, bool keep_signals, int *ret_ruleset)
{
	int abi = seal_landlock_abi(), r = 0;
	struct landlock_ruleset_attr attr = { .handled_access_fs = file_rights(abi) };
	size_t size = sizeof(attr.handled_access_fs);

	*ret_ruleset = -1;
	if (!abi)
		return 0;
	if (abi >= 4) {
		attr.handled_access_net = LANDLOCK_ACCESS_NET_BIND_TCP |
					  LANDLOCK_ACCESS_NET_CONNECT_TCP;
		size += sizeof(attr.handled_access_net);
	}
	if (abi >= 6) {
		attr.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET |
			      (keep_signals ? 0 : LANDLOCK_SCOPE_SIGNAL);
		size += sizeof(attr.scoped);
	}
	*ret_ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (*ret_ruleset < 0)
		return -errno;
	if (folder)
		r = allow_renames(*ret_ruleset, folder);
	return r;
}

/* System calls only: it may interrupt anything. */
static int restrict_self(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	if (all.ruleset >= 0 && syscall(SYS_landlock_restrict_self, all.ruleset, 0))
		return -errno;
	return syscall(SYS_capset, &header, none) ? -errno : 0;
}

void restrict_this_thread(void)
{
	int saved = errno, expected = 0, r;

	if (!__atomic_load_n(&all.asking, __ATOMIC_ACQUIRE))
		return;
	r = restrict_self();
	if (r)
		__atomic_compare_exchange_n(&all.error, &expected, r, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED);
	sem_post(&all.done);
	errno = saved;
}

static bool is_there(pid_t tid)
{
	return !syscall(SYS_tgkill, getpid(), tid, 0);
}

/* Each is asked; those that ended before they heard it are not waited for. */
static int ask(const pid_t *tids, unsigned n)
{
	unsigned asked = 0, heard = 0, looks = 0, gone;
	struct timespec until;

	for (unsigned i = 0; i < n; i++)
		asked += !syscall(SYS_tgkill, getpid(), tids[i], SIGSYS);
	while (heard < asked) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += LOOK_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (!sem_timedwait(&all.done, &until)) {
			heard++;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != ETIMEDOUT || ++looks == LOOKS)
			return -errno;
		gone = 0;
		for (unsigned i = 0; i < n; i++)
			gone += !is_there(tids[i]);
		if (heard + gone >= asked)
			break;
	}
	return 0;
}

/*
 * vhost's and KVM's workers are threads of this process that never leave the kernel, and hear no signal
 * (kernel/vhost_task.c): the flags of /proc/PID/stat have PF_USER_WORKER (include/linux/sched.h).
 */
#define PF_USER_WORKER 0x4000u

static bool is_kernels(const char *tid)
{
	char path[64], text[512] = "", *at;
	_cleanup_fd_ int fd = -1;
	unsigned flags = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%.16s/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return false;
	at = strrchr(text, ')'); /* the end of its name */
	return at && sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) == 1 &&
	       flags & PF_USER_WORKER;
}

static int list(pid_t *tids, unsigned *ret_n)
{
	DIR *dir = opendir("/proc/self/task");
	pid_t self = (pid_t)syscall(SYS_gettid);
	struct dirent *d;

	*ret_n = 0;
	if (!dir)
		return fail(
			STATUS_HOST, errno,
			"sandbox: /proc/self/task: %s; mount /proc, or run without: --sandbox off",
			strerror(errno));
	while ((d = readdir(dir)) && *ret_n < THREADS_MAX) {
		pid_t tid = (pid_t)strtol(d->d_name, NULL, 10);

		if (tid > 0 && tid != self && !is_kernels(d->d_name))
			tids[(*ret_n)++] = tid;
	}
	closedir(dir);
	return 0;
}

int restrict_threads(int ruleset)
{
	pid_t *tids = malloc(THREADS_MAX * sizeof(*tids));
	unsigned n = 0;
	int r = tids ? list(tids, &n) : -ENOMEM;

	all.ruleset = ruleset;
	all.error = 0;
	sem_init(&all.done, 0, 0);
	__atomic_store_n(&all.asking, true, __ATOMIC_RELEASE);
	if (!r)
		r = ask(tids, n);
	__atomic_store_n(&all.asking, false, __ATOMIC_RELEASE);
	if (!r)
		r = __atomic_load_n(&all.error, __ATOMIC_RELAXED);
	if (!r)
		r = restrict_self();
	free(tids);
	return r;
}
