/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that others made are read where it does not matter whether the reader was wrong about them: in a child that has
 * their descriptors, guest RAM (a file of memory that both have mapped), a pipe, and few system calls
 * (seal_child()). It says where the kernel begins and where the initrd is, and what was wrong. What it says is
 * not believed further than a guest is.
 *
 * Without --sandbox the same is done here. Machine's thread.
 */
#include "loader.h"

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <host/seal.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct report {
	int result;
	struct boot_info boot;
	bool no_cf8;
	bool unpacked;
	uint64_t size;
	struct error why;
};

static int load(struct board *board)
{
	int r;

	fd_read_until(&board->loop->ending);
	r = arch_boot_load(board);
	fd_read_until(NULL);
	return r;
}

/* In the child. Its other threads are gone, so are their locks' owners: what they hold is not touched. */
static void read_files(struct board *board, int pipe, pid_t parent)
{
	const struct board_config *config = board->config;
	const int fds[] = { config->kernel_fd,
			    config->initrd_fd,
			    board->memory.memfd,
			    board->kept.looked ? board->kept.fd : -1,
			    board->kept.looked ? board->kept.memory : -1,
			    pipe };
	struct report report = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(STATUS_FAILURE);
	report.result = memory_map_forked(&board->memory);
	if (!report.result)
		report.result = seal_child(fds, ARRAY_SIZE(fds));
	if (report.result)
		fail(STATUS_HOST, -report.result,
		     "sandbox: the kernel's reader cannot be shut in: %s; run without: --sandbox off",
		     strerror(-report.result));
	else
		report.result = arch_boot_load(board);
	report.boot = board->boot;
	report.no_cf8 = board->layout.pci.no_cf8;
	report.unpacked = board->kept.unpacked;
	report.size = board->kept.size;
	error_take(&report.why);
	_exit(fd_write_all(pipe, &report, sizeof(report)) ? STATUS_FAILURE : STATUS_OK);
}

/* A signal ends the read: whoever is told to stop stops the child. */
static bool receive(struct board *board, int pipe, struct report *ret)
{
	size_t done = 0;

	while (done < sizeof(*ret)) {
		ssize_t n = read(pipe, (uint8_t *)ret + done, sizeof(*ret) - done);

		if (loop_ending(board->loop))
			return false;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static bool lies_in_ram(const struct board *board, struct range range)
{
	return !range.size || memory_at(&board->memory, range.base, range.size);
}

/* One line of text, and a number that means what it says. */
static bool make_sense(const struct board *board, struct report *report)
{
	char *c = report->why.text;

	report->why.text[sizeof(report->why.text) - 1] = 0;
	for (; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	if (report->result > 0 || report->result < -4095 || report->why.status > STATUS_SIGNAL)
		return false;
	if (report->result)
		return report->why.text[0];
	return lies_in_ram(board, report->boot.initrd) &&
	       lies_in_ram(board, report->boot.unpacked) && report->size <= board->config->mem_size;
}

static int how_it_ended(int status)
{
	if (WIFSIGNALED(status))
		return fail(
			STATUS_FAILURE, EIO,
			"kernel: its reader was killed by signal %d; report it with the file that "
			"it read, or run without: --sandbox off",
			WTERMSIG(status));
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_SEALED)
		return fail(
			STATUS_SEALED, EPERM,
			"kernel: its reader did what it must not (see above); do not use that file");
	return fail(
		STATUS_FAILURE, EIO,
		"kernel: its reader ended without a word; report it with the file that it read");
}

static int take(struct board *board, struct report *report)
{
	if (!make_sense(board, report))
		return fail(STATUS_SEALED, EBADMSG,
			    "kernel: its reader says what cannot be; do not use that file");
	if (report->result) {
		error_put(&report->why);
		return report->result;
	}
	board->boot = report->boot;
	board->layout.pci.no_cf8 = report->no_cf8;
	board->kept.unpacked = report->unpacked;
	if (report->unpacked)
		board->kept.size = report->size;
	return 0;
}

static int load_apart(struct board *board)
{
	struct report report;
	pid_t parent = getpid(), child;
	int ends[2], status = 0;
	bool said;

	if (pipe2(ends, O_CLOEXEC))
		return fail(STATUS_HOST, errno, "kernel: no pipe: %s", strerror(errno));
	child = fork();
	if (!child)
		read_files(board, ends[1], parent);
	fd_close(&ends[1]);
	if (child < 0) {
		fd_close(&ends[0]);
		return fail(STATUS_HOST, errno, "kernel: no process to read it: %s",
			    strerror(errno));
	}
	said = receive(board, ends[0], &report);
	fd_close(&ends[0]);
	if (!said && loop_ending(board->loop))
		kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (!said && loop_ending(board->loop))
		return -ECANCELED;
	return said ? take(board, &report) : how_it_ended(status);
}

int loader_load(struct board *board)
{
	int r;

	arch_boot_find(board);
	r = seal_wanted() ? load_apart(board) : load(board);
	if (r)
		board->kept.unpacked = false;
	arch_boot_keep(board);
	return r;
}
