/* SPDX-License-Identifier: BSD-2-Clause */
/* Main thread only, before a VM and after it. */
#include "test_tools.h"

#include <base/clock.h>
#include <base/fd.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEP_MS 100

extern char **environ;

/* In a group of its own, which ends with it; its errors are nobody's. 0 or an errno. */
static int start(char *const *argv, int in, int out, pid_t *ret_pid)
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
	posix_spawn_file_actions_adddup2(&actions, in, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	r = posix_spawnp(ret_pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return r;
}

static bool told_to_end(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	sigset_t pending;

	sigpending(&pending);
	for (unsigned i = 0; i < ARRAY_SIZE(ends); i++)
		if (sigismember(&pending, ends[i]))
			return true;
	return false;
}

/* What it prints, as far as there is room. False when it failed, or took too long. */
static bool run_tool(char *const *argv, int in, char *ret, size_t room)
{
	uint64_t until = clock_ns() + TOOL_MS * 1000000ull;
	int out[2], status;
	size_t n = 0;
	ssize_t got = 1;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC | O_NONBLOCK))
		return false;
	fcntl(out[1], F_SETFL, 0);
	if (start(argv, in, out[1], &pid)) {
		fd_close(&out[0]);
		fd_close(&out[1]);
		return false;
	}
	fd_close(&out[1]);
	while (got && n + 1 < room && clock_ns() < until && !told_to_end()) {
		struct pollfd p = { .fd = out[0], .events = POLLIN };

		if (poll(&p, 1, STEP_MS) <= 0)
			continue;
		got = read(out[0], ret + n, room - 1 - n);
		n += got > 0 ? (size_t)got : 0;
	}
	ret[n] = 0;
	fd_close(&out[0]);
	if (got)
		kill(-pid, SIGKILL);
	return waitpid(pid, &status, 0) == pid && !status && !got;
}

static void cut_lines(struct test_decoded *d)
{
	unsigned n = 0;
	char *rest, *line = strtok_r(d->text, "\n", &rest);

	for (; line && n + 1 < ARRAY_SIZE(d->lines); line = strtok_r(NULL, "\n", &rest))
		d->lines[n++] = line;
	d->lines[n] = NULL;
}

void test_decode(const char *tree, const struct klog *log, struct test_decoded *ret)
{
	char script[PATH_MAX], vmlinux[PATH_MAX], base[PATH_MAX];
	char *argv[] = { script, vmlinux, base, NULL };
	_cleanup_fd_ int in = -1;
	int n = snprintf(script, sizeof(script), "%s/scripts/decode_stacktrace.sh", tree);

	ret->lines[0] = NULL;
	if (!log->n_trace || n >= PATH_MAX || !realpath(tree, base))
		return;
	if (access(script, X_OK)) /* one that was built with O= */
		n = snprintf(script, sizeof(script), "%s/source/scripts/decode_stacktrace.sh",
			     tree);
	if (n >= PATH_MAX || access(script, X_OK) ||
	    snprintf(vmlinux, sizeof(vmlinux), "%s/vmlinux", tree) >= PATH_MAX ||
	    access(vmlinux, R_OK))
		return;
	in = memfd_create("trace", MFD_CLOEXEC);
	for (unsigned i = 0; in >= 0 && i < log->n_trace; i++)
		dprintf(in, "%s\n", log->trace[i]);
	if (in < 0 || lseek(in, 0, SEEK_SET) || !run_tool(argv, in, ret->text, sizeof(ret->text)))
		return;
	cut_lines(ret);
}

void test_config_hash(const char *tree, char ret[65])
{
	char program[] = "sha256sum", text[128], path[PATH_MAX], *argv[] = { program, NULL };
	_cleanup_fd_ int in = -1;

	*ret = 0;
	if (snprintf(path, sizeof(path), "%s/.config", tree) >= PATH_MAX)
		return;
	in = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (in >= 0 && run_tool(argv, in, text, sizeof(text)) &&
	    strspn(text, "0123456789abcdef") == 64)
		snprintf(ret, 65, "%.64s", text);
}
