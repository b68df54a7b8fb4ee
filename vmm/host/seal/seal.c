/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Putting the seal on (host/seal.h): what is known of the descriptors, and the order: threads' own restrictions first
 * (restrict.h), for they need calls that the filter (rules.h) refuses. What follows a refused call is refused.h's.
 */
#include "refused.h"
#include "restrict.h"
#include "rules.h"

#include "explain/tell.h"

#include <base/error.h>
#include <base/fd.h>
#include <base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

bool seal_learning;

static struct {
	enum seal_mode mode;
	pthread_mutex_t lock; /* of what is learnt */
	struct seal_facts facts;
	const char *folder; /* where files may be renamed; NULL: nowhere */
} seal = { .lock = PTHREAD_MUTEX_INITIALIZER };

bool seal_wanted(void)
{
	return seal.mode != SEAL_OFF;
}

bool seal_is_on(void)
{
	return seal_wanted() && !seal_learning;
}

/* --- what is known --- */

static unsigned kinds_of(unsigned long request)
{
	const struct explain_row *row;

	for (unsigned i = 0; (row = explain_row_at(i)); i++)
		if (row->request == request)
			return row->on;
	return 0;
}

static struct seal_fd *known(int fd)
{
	for (unsigned i = 0; i < seal.facts.n_fds; i++)
		if (seal.facts.fds[i].fd == fd)
			return &seal.facts.fds[i];
	return NULL;
}

/*
 * A request that is made on one kind only says which; one that could be two says nothing of a descriptor that is known
 * already, else the first. So the last word counts, when a number was closed and came again.
 */
void seal_learn(int fd, unsigned long request)
{
	unsigned kinds = kinds_of(request);
	struct seal_fd *slot;

	pthread_mutex_lock(&seal.lock);
	slot = known(fd);
	if (!slot && kinds && seal.facts.n_fds < SEAL_FDS_MAX) {
		slot = &seal.facts.fds[seal.facts.n_fds++];
		*slot = (struct seal_fd){ .fd = fd };
	}
	if (slot && kinds && (!slot->kind || is_power_of_two(kinds)))
		slot->kind = kinds & -kinds;
	pthread_mutex_unlock(&seal.lock);
}

void seal_permit_kill(pid_t group)
{
	if (seal_wanted() && seal.facts.n_groups < SEAL_KILLS_MAX)
		seal.facts.groups[seal.facts.n_groups++] = group;
}

void seal_permit_rename(const char *folder)
{
	seal.folder = folder;
	seal.facts.renames = true;
}

static void forget_closed(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < seal.facts.n_fds; i++)
		if (fcntl(seal.facts.fds[i].fd, F_GETFD) >= 0)
			seal.facts.fds[n++] = seal.facts.fds[i];
	seal.facts.n_fds = n;
}

/* --- sealing --- */

/* Whoever is not root may have a filter once no exec gives him more rights. */
static int no_new_privs(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}

static int install(const struct filter *f, unsigned flags)
{
	struct sock_fprog program = { .len = (unsigned short)f->n,
				      .filter = (struct sock_filter *)(uintptr_t)f->code };
	long r;

	if (f->full)
		return -E2BIG;
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	/* With TSYNC alone a positive number is a thread that has filters of its own. */
	return r < 0 ? -errno : (int)r;
}

static uint32_t answer(void)
{
	return seal.mode == SEAL_LOG ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_TRAP;
}

static int seal_log(const struct filter *f)
{
	int r = refused_listen_start();

	if (!r)
		r = no_new_privs();
	if (r)
		return r;
	r = install(f, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH |
			       SECCOMP_FILTER_FLAG_NEW_LISTENER);
	if (r < 0)
		return r;
	refused_listen(r);
	return 0;
}

static void no_core(void)
{
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static int seal_on(const struct filter *f)
{
	_cleanup_fd_ int ruleset = -1;
	int r = restrict_prepare(seal.folder, seal.facts.n_groups, &ruleset);

	if (!r && ruleset < 0)
		log_warn(
			"sandbox: this kernel has no landlock (CONFIG_SECURITY_LANDLOCK, lsm=landlock,...); it "
			"goes on with seccomp alone");
	no_core();
	if (!r)
		r = restrict_threads(ruleset);
	if (!r)
		r = install(f, SECCOMP_FILTER_FLAG_TSYNC);
	return r > 0 ? -EBUSY : r;
}

int seal_process(void)
{
	struct filter *f;
	int r;

	if (!seal_wanted())
		return 0;
	seal_learning = false;
	f = malloc(sizeof(*f));
	if (!f)
		return fail(STATUS_FAILURE, ENOMEM, "sandbox: out of memory");
	forget_closed();
	seal.facts.pid = getpid();
	seal.facts.names = explain_on;
	seal.facts.listener = seal.mode == SEAL_LOG;
	rules_process(f, &seal.facts, answer());
	r = seal.mode == SEAL_LOG ? seal_log(f) : seal_on(f);
	free(f);
	return r ? fail(STATUS_HOST, -r,
			"sandbox: it cannot be put on: %s; a kernel with CONFIG_SECCOMP_FILTER can, or run "
			"without: --sandbox off",
			strerror(-r))
		 : 0;
}

int seal_vcpu(int fd)
{
	struct filter *f;
	int r;

	if (seal.mode != SEAL_ON)
		return 0;
	f = malloc(sizeof(*f));
	if (!f)
		return -ENOMEM;
	rules_vcpu(f, fd, SECCOMP_RET_TRAP);
	r = install(f, 0);
	free(f);
	return r;
}

static int keep_only(const int *fds, unsigned n)
{
	for (unsigned from = 0; from <= INT_MAX;) {
		unsigned next = INT_MAX + 1u;

		for (unsigned i = 0; i < n; i++)
			if (fds[i] >= (int)from && (unsigned)fds[i] < next)
				next = (unsigned)fds[i];
		if (from <= STDERR_FILENO && next > STDERR_FILENO)
			next = STDERR_FILENO;
		if (next > from && close_range(from, next - 1, 0))
			return -errno;
		from = next + 1;
	}
	return 0;
}

int seal_child(const int *fds, unsigned n)
{
	struct filter *f = malloc(sizeof(*f));
	int r = f ? keep_only(fds, n) : -ENOMEM;

	refused_watch(NULL);
	prctl(PR_SET_NAME, "loader", 0, 0, 0);
	if (!r)
		r = no_new_privs();
	if (!r) {
		no_core();
		rules_child(f, seal.mode == SEAL_LOG ? SECCOMP_RET_LOG : SECCOMP_RET_TRAP);
		r = install(f, 0);
	}
	free(f);
	return r;
}

void seal_prepare(enum seal_mode mode, void (*undo)(void))
{
	/* A sanitizer makes calls of its own, at any time. */
	seal.mode = SANITIZED ? SEAL_OFF : mode;
	seal_learning = seal_wanted();
#ifdef M_ARENA_MAX
	/* A thread's own heap is not given back before glibc has read /proc/sys/vm/overcommit_memory (malloc/arena.c). */
	if (seal_wanted())
		mallopt(M_ARENA_MAX, 1);
#endif
	if (seal_wanted())
		refused_watch(undo);
}

bool seal_has_seccomp(void)
{
	uint32_t action = SECCOMP_RET_TRAP;

	return !syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
}
