/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VM of a test in a process of its own: pipes, a fork, and in the child what makes it `thru run` with
 * those for its console, its standard error and the ports of its virtio console. It dies with its parent.
 */
#include "test_vm.h"

#include <base/error.h>
#include <base/fd.h>
#include <devices/virtio_console.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* What leads to the VM and back, each a pipe; the ends [0] read and [1] write. */
enum {
	PIPE_CONSOLE_IN,
	PIPE_CONSOLE,
	PIPE_ERR,
	PIPE_CONTROL_IN,
	PIPE_STDIN,
	PIPE_CONTROL,
	PIPE_STDOUT,
	PIPE_STDERR,
	PIPE_FILES,
	PIPES
};

/* In the child: its console is our pipe, its end is ours. */
static int become_vm(int (*pipes)[2], pid_t parent, struct virtio_console_port *ports)
{
	static const char *const names[] = { "thru.control", "thru.stdin", "thru.stdout",
					     "thru.stderr", "thru.files" };
	const int in[] = { pipes[PIPE_CONTROL_IN][0], pipes[PIPE_STDIN][0], -1, -1, -1 };
	const int out[] = { pipes[PIPE_CONTROL][1], -1, pipes[PIPE_STDOUT][1],
			    pipes[PIPE_STDERR][1], pipes[PIPE_FILES][1] };
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		return fail(STATUS_FAILURE, ESRCH, "thru test has ended");
	for (unsigned i = 0; i < PIPES; i++)
		fd_close(
			&pipes[i][i == PIPE_CONSOLE_IN || i == PIPE_CONTROL_IN || i == PIPE_STDIN]);
	dup2(pipes[PIPE_CONSOLE_IN][0], STDIN_FILENO);
	dup2(pipes[PIPE_CONSOLE][1], STDOUT_FILENO);
	dup2(pipes[PIPE_ERR][1], STDERR_FILENO);
	for (unsigned i = 0; i < TEST_PORTS; i++)
		ports[i] = (struct virtio_console_port){ .name = names[i],
							 .in_fd = in[i],
							 .out_fd = out[i] };
	setpgid(0, 0); /* a terminal's Ctrl-C is for thru test, which ends it in order */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return 0;
}

/* Ours to write to, and the VM's ends of the ports, never block; its console may, as a terminal's would. */
static bool blocks(unsigned i, unsigned end)
{
	return i == PIPE_ERR || (i == PIPE_CONSOLE_IN && !end) || i == PIPE_CONSOLE;
}

int test_vm_start(struct test_vm *vm, struct virtio_console_port *ports, bool *ret_child)
{
	int pipes[PIPES][2];
	pid_t parent = getpid();

	for (unsigned i = 0; i < PIPES; i++) {
		if (pipe2(pipes[i], O_CLOEXEC))
			return fail(STATUS_HOST, errno, "pipe: %s", strerror(errno));
		for (unsigned end = 0; end < 2; end++)
			if (!blocks(i, end))
				fcntl(pipes[i][end], F_SETFL, O_NONBLOCK);
	}
	fflush(NULL);
	vm->pid = fork();
	if (vm->pid < 0)
		return fail(STATUS_HOST, errno, "fork: %s", strerror(errno));
	*ret_child = vm->pid == 0;
	if (*ret_child)
		return become_vm(pipes, parent, ports);
	for (unsigned i = 0; i < PIPES; i++)
		fd_close(
			&pipes[i][i != PIPE_CONSOLE_IN && i != PIPE_CONTROL_IN && i != PIPE_STDIN]);
	vm->console_in = pipes[PIPE_CONSOLE_IN][1];
	vm->port_in[LINK_CONTROL] = pipes[PIPE_CONTROL_IN][1];
	vm->port_in[LINK_STDIN] = pipes[PIPE_STDIN][1];
	vm->console_out = pipes[PIPE_CONSOLE][0];
	vm->err = pipes[PIPE_ERR][0];
	for (unsigned i = 0; i < LINK_STREAMS; i++)
		vm->port_out[i] = pipes[PIPE_CONTROL + i][0];
	return 0;
}
