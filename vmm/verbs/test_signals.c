/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals by a descriptor: they are one more thing that poll(2) waits for, and come between two steps of what
 * `thru test` does, never in the middle of one.
 */
#include "test_signals.h"

#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>

int test_signals_open(int more, sigset_t *ret_before, int *ret_fd)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD };
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(&set, signals[i]);
	if (more)
		sigaddset(&set, more);
	sigprocmask(SIG_BLOCK, &set, ret_before);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return fail(STATUS_FAILURE, errno, "signalfd: %s", strerror(errno));
	*ret_fd = fd;
	return 0;
}
