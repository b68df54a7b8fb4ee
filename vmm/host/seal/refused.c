/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end at a refused call (refused.h): there and then, with _exit(2) in the handler of SIGSYS, for whoever made it
 * cannot be trusted with more. The kernel takes back what was given, as after kill -9. On the thread that called.
 */
#include "refused.h"

#include "restrict.h"
#include "rules.h"

#include "explain/tell.h"

#include <base/error.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static void (*undo)(void);

static const char *request_name(uint64_t request)
{
	const struct explain_row *row;

	for (unsigned i = 0; (row = explain_row_at(i)); i++)
		if (row->request && (uint32_t)row->request == (uint32_t)request)
			return row->name;
	return NULL;
}

int refused_describe(const struct refused *call, const char *thread, char *ret, size_t size)
{
	const char *name = rules_call_name(call->nr), *request = NULL;
	char number[32], what[64] = "";

	snprintf(number, sizeof(number), "system call %u", call->nr);
	if (call->nr == SYS_ioctl) {
		request = request_name(call->args[1]);
		if (request)
			snprintf(what, sizeof(what), " %s on descriptor %d", request,
				 (int)call->args[0]);
		else
			snprintf(what, sizeof(what), " %#x on descriptor %d",
				 (unsigned)call->args[1], (int)call->args[0]);
	}
	return snprintf(ret, size, "sandbox: thread \"%s\": %s%s", thread, name ? name : number,
			what);
}

static void end(const siginfo_t *info, const ucontext_t *context)
{
#if defined(__x86_64__)
	const greg_t *regs = context->uc_mcontext.gregs;
	struct refused call = { .args = { (uint64_t)regs[REG_RDI], (uint64_t)regs[REG_RSI] } };
#else
	const unsigned long long *regs = context->uc_mcontext.regs;
	struct refused call = { .args = { regs[0], regs[1] } };
#endif
	char text[512], thread[16] = "?";
	int n;

	call.nr = (unsigned)info->si_syscall;
	syscall(SYS_prctl, PR_GET_NAME, thread, 0, 0, 0);
	n = snprintf(text, sizeof(text), "thru: ");
	n += refused_describe(&call, thread, text + n, sizeof(text) - (size_t)n);
	n += snprintf(
		text + n, sizeof(text) - (size_t)n,
		" is refused after the start: a fault of thru, or somebody has taken it over; "
		"report it, --sandbox log goes on\n");
	if (undo)
		undo();
	(void)!write(STDERR_FILENO, text, (size_t)n);
	_exit(STATUS_SEALED);
}

static void on_sigsys(int number, siginfo_t *info, void *context)
{
	(void)number;
	if (info->si_code > 0) /* the kernel: SYS_SECCOMP */
		end(info, context);
	else
		restrict_this_thread();
}

void refused_watch(void (*before)(void))
{
	struct sigaction action = {
		.sa_sigaction = on_sigsys,
		.sa_flags = SA_SIGINFO | SA_RESTART,
	};

	undo = before;
	sigaction(SIGSYS, &action, NULL);
}
