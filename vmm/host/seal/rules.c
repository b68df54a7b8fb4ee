/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules. Nothing here opens, connects, executes, makes a process or a thread, traces, or makes memory that can
 * be executed; what is made are eventfds (an interrupt's) and anonymous memory.
 *
 * A refused clone(2) is an error to who calls, not an end: pthread_create(3) tries two of them.
 */
#include "rules.h"

#include "explain/tell.h"

#include <asm/termbits.h>
#include <asm/ioctls.h>
#include <errno.h>
#include <linux/kvm.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define ALLOW SECCOMP_RET_ALLOW
#define ALL   UINT64_MAX

/* By whoever runs, whatever the arguments are. */
static const unsigned short calls[] = {
	/* what a thread is made of */
	SYS_futex,
	SYS_exit,
	SYS_exit_group,
	SYS_rt_sigreturn,
	SYS_rt_sigprocmask,
	SYS_sched_yield,
	SYS_restart_syscall,
	SYS_getpid,
	SYS_gettid,
	SYS_membarrier,
	SYS_rseq,
	SYS_set_robust_list,
	/* memory, but see below */
	SYS_brk,
	SYS_munmap,
	SYS_mremap,
	SYS_madvise,
	/* descriptors that are there */
	SYS_read,
	SYS_write,
	SYS_readv,
	SYS_writev,
	SYS_pread64,
	SYS_pwrite64,
	SYS_preadv,
	SYS_pwritev,
	SYS_preadv2,
	SYS_pwritev2,
	SYS_lseek,
	SYS_close,
	SYS_fstat,
	SYS_fcntl,
	SYS_ftruncate,
	SYS_fallocate,
	SYS_fsync,
	SYS_fdatasync,
	SYS_dup,
	SYS_dup3,
	/* sockets that are connected */
	SYS_sendto,
	SYS_recvfrom,
	SYS_sendmsg,
	SYS_recvmsg,
	SYS_shutdown,
	SYS_getsockopt,
	/* waiting */
	SYS_epoll_pwait,
	SYS_epoll_ctl,
	SYS_ppoll,
	SYS_eventfd2,
	SYS_timerfd_settime,
	SYS_clock_gettime,
	SYS_clock_nanosleep,
	SYS_nanosleep,
	SYS_gettimeofday,
	/* a process beside this one: when it has ended */
	SYS_pidfd_open,
	SYS_waitid,
	SYS_wait4,
	/* chance; what this process is; more of this */
	SYS_getrandom,
	SYS_getuid,
	SYS_geteuid,
	SYS_getpgid,
	SYS_seccomp,
#ifdef __x86_64__
	SYS_getpgrp,
	SYS_poll,
	SYS_epoll_wait,
	SYS_time,
#endif
};

static const struct {
	unsigned short nr, arg;
	uint64_t mask, value;
} calls_if[] = {
	{ SYS_mmap, 2, PROT_EXEC, 0 },
	{ SYS_mprotect, 2, PROT_EXEC, 0 },
	/* fstat(3) is one of these with an empty path. */
	{ SYS_newfstatat, 3, ALL, AT_EMPTY_PATH },
	{ SYS_statx, 2, ALL, AT_EMPTY_PATH },
	/* futimens(3) */
	{ SYS_utimensat, 1, ALL, 0 },
	/* a thread's own name, to tell who was refused */
	{ SYS_prctl, 0, ALL, PR_GET_NAME },
};

static const unsigned short threads[] = {
	SYS_clone,
	SYS_clone3,
#ifdef __x86_64__
	SYS_fork,
	SYS_vfork,
#endif
};

/* On any descriptor: they mean something on a terminal only. TIOCSTI is not among them. */
static const unsigned long terminal[] = {
	TCGETS,  TCSETS,   TCSETSW,  TCSETSF,    TCGETS2,
	TCSETS2, TCSETSW2, TCSETSF2, TIOCGWINSZ, TIOCGPGRP,
};

/* The requests of one kind of descriptor, each once. */
static unsigned requests_of(unsigned kind, unsigned long *ret, unsigned room)
{
	const struct explain_row *row;
	unsigned n = 0;

	for (unsigned i = 0; (row = explain_row_at(i)); i++)
		if (row->when == SEAL_AFTER && row->on & kind && n < room)
			ret[n++] = row->request;
	return n;
}

static void ioctls(struct filter *f, const struct seal_facts *facts)
{
	for (unsigned k = 0; k < SEAL_KINDS; k++) {
		unsigned long requests[64];
		int fds[SEAL_FDS_MAX];
		unsigned n = 0, n_requests = requests_of(BIT(k), requests, ARRAY_SIZE(requests));

		for (unsigned i = 0; i < facts->n_fds; i++)
			if (facts->fds[i].kind == BIT(k))
				fds[n++] = facts->fds[i].fd;
		if (n && n_requests)
			filter_ioctl(f, requests, n_requests, fds, n, false, ALLOW);
	}
	filter_ioctl(f, terminal, ARRAY_SIZE(terminal), NULL, 0, true, ALLOW);
}

void rules_process(struct filter *f, const struct seal_facts *facts, uint32_t refused)
{
	filter_begin(f, refused);
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++)
		filter_call(f, calls[i], ALLOW);
	ioctls(f, facts);
	for (unsigned i = 0; i < ARRAY_SIZE(calls_if); i++)
		filter_call_if(f, calls_if[i].nr, calls_if[i].arg, calls_if[i].mask,
			       calls_if[i].value, ALLOW);
	/* A signal for a thread of ours, or the end of a process that we started. */
	filter_call_if(f, SYS_tgkill, 0, UINT32_MAX, (uint32_t)facts->pid, ALLOW);
	for (unsigned i = 0; i < facts->n_groups; i++)
		filter_call_if(f, SYS_kill, 0, UINT32_MAX, (uint32_t)-facts->groups[i], ALLOW);
	if (facts->renames) {
		filter_call(f, SYS_renameat2, ALLOW);
		filter_call(f, SYS_renameat, ALLOW);
#ifdef __x86_64__
		filter_call(f, SYS_rename, ALLOW);
#endif
	}
	if (facts->names) {
		filter_call(f, SYS_readlinkat, ALLOW);
#ifdef __x86_64__
		filter_call(f, SYS_readlink, ALLOW);
#endif
	}
	if (facts->listener) {
		const unsigned long listen[] = { SECCOMP_IOCTL_NOTIF_RECV,
						 SECCOMP_IOCTL_NOTIF_SEND };

		filter_ioctl(f, listen, ARRAY_SIZE(listen), NULL, 0, true, ALLOW);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(threads); i++)
		filter_call(f, threads[i], SECCOMP_RET_ERRNO | EPERM);
	filter_end(f, refused);
}

/* On top of the process's: it may only be less. */
void rules_vcpu(struct filter *f, int vcpu_fd, uint32_t refused)
{
	const unsigned long run = KVM_RUN;

	filter_begin(f, refused);
	filter_ioctl(f, &run, 1, &vcpu_fd, 1, false, ALLOW);
	filter_ioctl(f, &run, 1, NULL, 0, true, refused);
	filter_end(f, ALLOW);
}

static const unsigned short child_calls[] = {
	SYS_futex,        SYS_exit_group,    SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_gettid,
	SYS_getpid,       SYS_brk,           SYS_munmap,       SYS_mremap,         SYS_madvise,
	SYS_read,         SYS_write,         SYS_pread64,      SYS_pwrite64,       SYS_lseek,
	SYS_close,        SYS_dup,           SYS_fstat,        SYS_sendfile,       SYS_ftruncate,
	SYS_memfd_create, SYS_clock_gettime, SYS_getrandom,    SYS_tgkill,
};

/* A file of memory, for a kernel that is unpacked; nothing else is made. */
void rules_child(struct filter *f, uint32_t refused)
{
	filter_begin(f, refused);
	for (unsigned i = 0; i < ARRAY_SIZE(child_calls); i++)
		filter_call(f, child_calls[i], ALLOW);
	for (unsigned i = 0; i < ARRAY_SIZE(calls_if); i++)
		filter_call_if(f, calls_if[i].nr, calls_if[i].arg, calls_if[i].mask,
			       calls_if[i].value, ALLOW);
	filter_end(f, refused);
}

#define NAME(call)                \
	{                         \
		SYS_##call, #call \
	}

/* What somebody would try who must not; the rest is told by its number. */
static const struct {
	unsigned short nr;
	const char *name;
} names[] = {
	NAME(openat),
	NAME(openat2),
	NAME(execve),
	NAME(execveat),
	NAME(socket),
	NAME(connect),
	NAME(bind),
	NAME(listen),
	NAME(accept4),
	NAME(ptrace),
	NAME(mmap),
	NAME(mprotect),
	NAME(ioctl),
	NAME(kill),
	NAME(tgkill),
	NAME(unlinkat),
	NAME(mkdirat),
	NAME(renameat2),
	NAME(linkat),
	NAME(symlinkat),
	NAME(fchmodat),
	NAME(fchownat),
	NAME(mount),
	NAME(unshare),
	NAME(setns),
	NAME(prctl),
	NAME(capset),
	NAME(setuid),
	NAME(bpf),
	NAME(perf_event_open),
	NAME(io_uring_setup),
	NAME(userfaultfd),
	NAME(process_vm_readv),
	NAME(process_vm_writev),
	NAME(pidfd_getfd),
	NAME(pidfd_send_signal),
	NAME(memfd_create),
	NAME(readlinkat),
	NAME(faccessat),
	NAME(newfstatat),
	NAME(getdents64),
	NAME(socketpair),
	NAME(pipe2),
	NAME(sendfile),
	NAME(utimensat),
	NAME(statx),
	NAME(prlimit64),
	NAME(sched_setaffinity),
	NAME(sched_getaffinity),
	NAME(sysinfo),
	NAME(uname),
	NAME(rt_sigaction),
	NAME(sigaltstack),
	NAME(setsockopt),
	NAME(timerfd_create),
	NAME(signalfd4),
	NAME(epoll_create1),
	NAME(clone),
	NAME(clone3),
#ifdef __x86_64__
	NAME(open),
	NAME(stat),
	NAME(lstat),
	NAME(access),
	NAME(readlink),
	NAME(unlink),
	NAME(rename),
	NAME(mkdir),
	NAME(rmdir),
	NAME(fork),
	NAME(vfork),
	NAME(getdents),
	NAME(pipe),
	NAME(dup2),
#endif
};

const char *rules_call_name(unsigned nr)
{
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].nr == nr)
			return names[i].name;
	return NULL;
}
