/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The signal that calls a thread back (SIGUSR2), with a handler that does nothing. Any thread.
 */
#include <core/kick.h>

#include <base/error.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#define KICK_SIGNAL SIGUSR2

static void on_kick(int sig)
{
	(void)sig; /* only there to make a call return EINTR */
}

int kick_init(void)
{
	struct sigaction action = { .sa_handler = on_kick };
	sigset_t unblock;
	int r = 0;

	sigemptyset(&unblock);
	sigaddset(&unblock, KICK_SIGNAL);
	if (sigaction(KICK_SIGNAL, &action, NULL) < 0)
		r = errno;
	if (!r)
		r = pthread_sigmask(SIG_UNBLOCK, &unblock, NULL); /* inherited by the threads */
	return r ? fail(STATUS_HOST, r,
			"SIGUSR2: it cannot be handled: %s; something around thru forbids it (a "
			"seccomp filter?)",
			strerror(r))
		 : 0;
}

void kick(pthread_t thread)
{
	pthread_kill(thread, KICK_SIGNAL);
}
