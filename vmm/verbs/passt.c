/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting passt. It goes to the background when it is ready, so the end of what was started says so; one that
 * fails says why on its standard error, whose last line is told. Main thread, before the guest runs.
 */
#include "passt.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOCKET 3 /* where passt has its end */

extern char **environ;

void passt_mac(unsigned index, uint8_t ret[static 6])
{
	/* Locally administered (IEEE 802, bit 1 of the first byte); seen by nobody but passt. */
	memcpy(ret, (const uint8_t[]){ 0x02, 't', 'h', 'r', 'u', (uint8_t)index }, 6);
}

/* 0 or an errno. Nothing but its end of the socket goes along, and where its errors go. */
static int spawn(char *const *argv, int fd, int err, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int r;

	sigemptyset(&none);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, err, 2);
	posix_spawn_file_actions_adddup2(&actions, fd, SOCKET);
	posix_spawn_file_actions_addclosefrom_np(&actions, SOCKET + 1);
	r = posix_spawnp(ret_pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return r;
}

static int started(int r)
{
	if (r == ENOENT)
		return fail(
			STATUS_HOST, ENOENT,
			"--net passt: there is no passt on PATH; install it (package passt), or "
			"give --net tap=NAME");
	return r ? fail(STATUS_HOST, r, "--net passt: passt: %s", strerror(r)) : 0;
}

/* The last line of what it said, within `room`. */
static void last_line(int err, char *ret, size_t room)
{
	ssize_t n = pread(err, ret, room - 1, MAX(lseek(err, 0, SEEK_END) - (off_t)room + 1, 0));
	char *line;

	ret[MAX(n, 0)] = 0;
	for (n--; n >= 0 && ret[n] == '\n'; n--)
		ret[n] = 0;
	line = strrchr(ret, '\n');
	if (line)
		memmove(ret, line + 1, strlen(line));
}

static int await(pid_t pid, int err)
{
	char said[200];
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail(STATUS_HOST, errno, "--net passt: %s", strerror(errno));
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	last_line(err, said, sizeof(said));
	return fail(STATUS_HOST, EIO,
		    "--net passt: passt ended with %s %d and said \"%s\"; passt -f alone says more",
		    WIFEXITED(status) ? "status" : "signal",
		    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), said);
}

int passt_start(const struct net_option *option, int *ret_fd)
{
	char mtu[16];
	const char *words[] = { "passt",
				"--quiet",
				"--fd",
				"3",
				"--address",
				PASST_GUEST,
				"--netmask",
				PASST_PREFIX,
				"--gateway",
				PASST_GATEWAY,
				"--dns-forward",
				PASST_DNS,
				"--mtu",
				mtu,
				"--tcp-ports",
				"none",
				"--udp-ports",
				"none",
				option->host ? NULL : "--no-map-gw",
				NULL };
	_cleanup_fd_ int err = memfd_create("passt", MFD_CLOEXEC);
	int ends[2], r;
	pid_t pid;

	snprintf(mtu, sizeof(mtu), "%u", option->mtu);
	if (err < 0)
		return fail(STATUS_HOST, errno, "memfd: %s", strerror(errno));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return fail(STATUS_HOST, errno, "socketpair: %s", strerror(errno));
	if (ends[1] == SOCKET) { /* it would keep its close-on-exec */
		int other = fcntl(ends[1], F_DUPFD_CLOEXEC, SOCKET + 1);

		fd_close(&ends[1]);
		ends[1] = other;
	}
	r = started(spawn((char *const *)(uintptr_t)words, ends[1], err, &pid));
	fd_close(&ends[1]);
	if (!r)
		r = await(pid, err);
	if (r)
		fd_close(&ends[0]);
	else
		*ret_fd = ends[0];
	return r;
}
