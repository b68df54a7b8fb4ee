/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seal (vmm/host/seal): what its programs answer, run as the kernel would; and, in children, the kernel itself with
 * them.
 */
#include "test.h"

#include <base/fd.h>
#include <errno.h>
#include <fcntl.h>
#include <host/seal.h>
#include <linux/audit.h>
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <vmm/host/explain/tell.h>
#include <vmm/host/seal/rules.h>

#if defined(__x86_64__)
#define ARCH       AUDIT_ARCH_X86_64
#define OTHER_ARCH AUDIT_ARCH_I386
#else
#define ARCH       AUDIT_ARCH_AARCH64
#define OTHER_ARCH AUDIT_ARCH_ARM
#endif

#define REFUSED 0x1234u

static struct filter f;
static struct seal_facts facts;

static uint32_t asked(long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	const struct seccomp_data data = { .nr = (int)nr, .arch = ARCH, .args = { a, b, c, d } };

	return filter_run(&f, &data);
}

static bool allowed(long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return asked(nr, a, b, c, d) == SECCOMP_RET_ALLOW;
}

static void make(void)
{
	facts = (struct seal_facts){
		.fds = { { 3, SEAL_ON_KVM },
			 { 4, SEAL_ON_VM },
			 { 5, SEAL_ON_VCPU },
			 { 6, SEAL_ON_VCPU },
			 { 7, SEAL_ON_DEVICE },
			 { 8, SEAL_ON_IOMMUFD },
			 { 300, SEAL_ON_DEVICE } },
		.n_fds = 7,
		.pid = 4711,
	};
	rules_process(&f, &facts, REFUSED);
	CHECK(!f.full);
}

/* Each row of the table that --explain has is a number, a kind of descriptor, and a time. */
static void each_call_has_its_rule(void)
{
	const struct explain_row *row;
	unsigned n = 0;

	for (unsigned i = 0; (row = explain_row_at(i)); i++) {
		bool is_ioctl = row->name[0] >= 'A' && row->name[0] <= 'Z';

		CHECK_EQ(!!row->request, is_ioctl);
		CHECK_EQ(!!row->on, is_ioctl);
		CHECK_EQ(row->when == SEAL_BEFORE || row->when == SEAL_AFTER, is_ioctl);
		CHECK(row->on < BIT(SEAL_KINDS));
		n += is_ioctl;
	}
	CHECK(n > 60);
}

/* By number and by descriptor. */
static void ioctls(void)
{
	make();
	CHECK(allowed(SYS_ioctl, 5, KVM_RUN, 0, 0));
	CHECK(allowed(SYS_ioctl, 6, KVM_RUN, 0, 0));
	CHECK(!allowed(SYS_ioctl, 4, KVM_RUN, 0, 0));
	CHECK(!allowed(SYS_ioctl, 9, KVM_RUN, 0, 0));
	CHECK(allowed(SYS_ioctl, 4, KVM_IRQFD, 0, 0));
	CHECK(!allowed(SYS_ioctl, 5, KVM_IRQFD, 0, 0));
	CHECK(allowed(SYS_ioctl, 7, VFIO_DEVICE_SET_IRQS, 0, 0));
	CHECK(allowed(SYS_ioctl, 300, VFIO_DEVICE_RESET, 0, 0));
	CHECK(!allowed(SYS_ioctl, 4, VFIO_DEVICE_RESET, 0, 0));
	/* What belongs to the start is over, on the right descriptor, too. */
	CHECK(!allowed(SYS_ioctl, 3, KVM_CREATE_VM, 0, 0));
	CHECK(!allowed(SYS_ioctl, 4, KVM_CREATE_VCPU, 0, 0));
	CHECK(!allowed(SYS_ioctl, 7, VFIO_DEVICE_BIND_IOMMUFD, 0, 0));
	CHECK(allowed(SYS_ioctl, 1, TCGETS, 0, 0));
	CHECK(!allowed(SYS_ioctl, 0, TIOCSTI, 0, 0));
	/* The kernel takes 32 bits of both; what is above them changes nothing. */
	CHECK(allowed(SYS_ioctl, 5 | 1ull << 32, KVM_RUN | 1ull << 40, 0, 0));
}

static void calls(void)
{
	static const long never[] = {
		SYS_openat,  SYS_execve,   SYS_socket,         SYS_connect,
		SYS_ptrace,  SYS_unlinkat, SYS_renameat2,      SYS_bpf,
		SYS_setuid,  SYS_kill,     SYS_io_uring_setup, SYS_mount,
		SYS_unshare, SYS_openat2,  SYS_pidfd_getfd,    SYS_readlinkat
	};
	struct seccomp_data data = { .nr = SYS_read, .arch = OTHER_ARCH };

	make();
	for (unsigned i = 0; i < ARRAY_SIZE(never); i++)
		CHECK_EQ(asked(never[i], 0, 0, 0, 0), REFUSED);
	CHECK(allowed(SYS_read, 0, 0, 0, 0));
	CHECK(allowed(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, 0));
	CHECK(!allowed(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, 0));
	CHECK(!allowed(SYS_mprotect, 0, 4096, PROT_EXEC, 0));
	CHECK(allowed(SYS_newfstatat, 1, 0, 0, AT_EMPTY_PATH));
	CHECK(!allowed(SYS_newfstatat, 1, 0, 0, 0));
	CHECK(allowed(SYS_utimensat, 1, 0, 0, 0));
	CHECK(!allowed(SYS_utimensat, 1, 0x7fffull << 32, 0, 0));
	CHECK(allowed(SYS_tgkill, 4711, 1, 1, 0));
	CHECK(!allowed(SYS_tgkill, 4712, 1, 1, 0));
	CHECK(allowed(SYS_prctl, PR_GET_NAME, 0, 0, 0));
	CHECK(!allowed(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0));
	CHECK_EQ(asked(SYS_clone, 0, 0, 0, 0), SECCOMP_RET_ERRNO | EPERM);
	CHECK_EQ(asked(SYS_clone3, 0, 0, 0, 0), SECCOMP_RET_ERRNO | EPERM);
	CHECK_EQ(filter_run(&f, &data), REFUSED);
#if defined(__x86_64__)
	CHECK_EQ(asked(SYS_read | 0x40000000, 0, 0, 0, 0), REFUSED);
#endif
}

/* What this process said that it will still do. */
static void permits(void)
{
	make();
	facts.groups[0] = 77;
	facts.n_groups = 1;
	facts.renames = facts.names = true;
	rules_process(&f, &facts, REFUSED);
	CHECK(allowed(SYS_kill, (uint64_t)-77, 9, 0, 0));
	CHECK(!allowed(SYS_kill, 77, 9, 0, 0));
	CHECK(!allowed(SYS_kill, (uint64_t)-1, 9, 0, 0));
	CHECK(allowed(SYS_renameat2, 0, 0, 0, 0));
	CHECK(allowed(SYS_readlinkat, 0, 0, 0, 0));
	CHECK(!allowed(SYS_openat, 0, 0, 0, 0));
}

static void vcpus(void)
{
	rules_vcpu(&f, 5, REFUSED);
	CHECK(!f.full);
	CHECK(allowed(SYS_ioctl, 5, KVM_RUN, 0, 0));
	CHECK_EQ(asked(SYS_ioctl, 6, KVM_RUN, 0, 0), REFUSED);
	CHECK(allowed(SYS_ioctl, 4, KVM_IRQFD, 0, 0)); /* the process's rules look at that */
}

/* As many descriptors as there may be, and then more rules than the kernel takes. */
static void many(void)
{
	make();
	facts.n_fds = 1000;
	for (unsigned i = 0; i < facts.n_fds; i++)
		facts.fds[i] = (struct seal_fd){ .fd = (int)i + 10, .kind = SEAL_ON_VCPU };
	rules_process(&f, &facts, REFUSED);
	CHECK(!f.full);
	CHECK(allowed(SYS_ioctl, 1009, KVM_RUN, 0, 0));
	CHECK(!allowed(SYS_ioctl, 1010, KVM_RUN, 0, 0));
	CHECK(allowed(SYS_tgkill, 4711, 1, 1, 0));
	facts.n_fds = SEAL_FDS_MAX;
	for (unsigned i = 0; i < facts.n_fds; i++)
		facts.fds[i] = (struct seal_fd){ .fd = (int)i + 10, .kind = SEAL_ON_VCPU };
	rules_process(&f, &facts, REFUSED);
	CHECK(f.full);
}

/* --- with the kernel --- */

static int ended(int (*work)(void))
{
	int status = 0;
	pid_t child = fork();

	if (!child) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, STDERR_FILENO);
		_exit(work());
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool sealed(enum seal_mode mode)
{
	seal_prepare(mode, NULL);
	return !seal_process() && seal_is_on() == (mode != SEAL_OFF);
}

static int nothing(void)
{
	if (!sealed(SEAL_ON))
		return 1;
	return write(STDERR_FILENO, "x", 1) == 1 ? 0 : 2;
}

static int opens(void)
{
	return sealed(SEAL_ON) && open("/etc/passwd", O_RDONLY) >= 0 ? 0 : 1;
}

static int connects(void)
{
	return sealed(SEAL_ON) && socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : 1;
}

static int executes(void)
{
	char word[] = "true", *words[] = { word, NULL };

	if (sealed(SEAL_ON))
		execv("/bin/true", words);
	return 1;
}

static void *try(void *arg)
{
	sem_t *go = arg;

	sem_wait(go);
	open("/etc/passwd", O_RDONLY);
	return NULL;
}

/* A thread that was there before is sealed, too. */
static int another_thread_opens(void)
{
	pthread_t thread;
	sem_t go;

	sem_init(&go, 0, 0);
	if (pthread_create(&thread, NULL, try, &go) || !sealed(SEAL_ON))
		return 1;
	sem_post(&go);
	pthread_join(thread, NULL);
	return 2;
}

static int forks(void)
{
	return sealed(SEAL_ON) && fork() < 0 && errno == EPERM ? 7 : 1;
}

static int makes_code(void)
{
	return sealed(SEAL_ON) && mmap(NULL, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
		       ? 0
		       : 1;
}

static int has_capabilities(void)
{
	char text[4096] = "", *at;
	int fd = open("/proc/self/status", O_RDONLY);

	if (!sealed(SEAL_ON) || pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return 1;
	at = strstr(text, "CapEff:");
	return at && strtoull(at + 7, NULL, 16) == 0 && strstr(text, "NoNewPrivs:\t1") ? 7 : 2;
}

static int told(void)
{
	int fd;

	if (!sealed(SEAL_LOG))
		return 1;
	fd = open("/etc/passwd", O_RDONLY);
	return fd >= 0 && socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 7 : 2;
}

static int reader(void)
{
	int fd = open("/etc/passwd", O_RDONLY), other = open("/etc/passwd", O_RDONLY);
	char c;

	seal_prepare(SEAL_ON, NULL);
	if (seal_child(&fd, 1))
		return 1;
	return read(fd, &c, 1) == 1 && read(other, &c, 1) < 0 && errno == EBADF ? 7 : 2;
}

static int reader_opens(void)
{
	seal_prepare(SEAL_ON, NULL);
	return seal_child(NULL, 0) || open("/etc/passwd", O_RDONLY) < 0 ? 1 : 0;
}

static void by_the_kernel(void)
{
	seal_prepare(SEAL_ON, NULL);
	if (!seal_wanted())
		SKIP("a sanitizer makes calls of its own");
	if (!seal_has_seccomp())
		SKIP("this kernel has no seccomp");
	CHECK_EQ(ended(nothing), 0);
	CHECK_EQ(ended(opens), STATUS_SEALED);
	CHECK_EQ(ended(connects), STATUS_SEALED);
	CHECK_EQ(ended(executes), STATUS_SEALED);
	CHECK_EQ(ended(another_thread_opens), STATUS_SEALED);
	CHECK_EQ(ended(makes_code), STATUS_SEALED);
	CHECK_EQ(ended(forks), 7);
	CHECK_EQ(ended(has_capabilities), 7);
	CHECK_EQ(ended(told), 7);
	CHECK_EQ(ended(reader), 7);
	CHECK_EQ(ended(reader_opens), STATUS_SEALED);
}

static const struct test tests[] = {
	TEST(each_call_has_its_rule),
	TEST(ioctls),
	TEST(calls),
	TEST(permits),
	TEST(vcpus),
	TEST(many),
	TEST(by_the_kernel),
};

TEST_MAIN(tests)
