/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seal: once everything is open, this process gives up what it does not need any more, so that a guest
 * or a device that took it over finds little to do. By seccomp (Documentation/userspace-api/seccomp_filter.rst)
 * system calls by number, ioctls by number and by descriptor; by landlock
 * (Documentation/userspace-api/landlock.rst) files and TCP; and capabilities, privileges by exec, and core dumps.
 *
 * Which ioctl is made on which kind of descriptor, and whether still after the seal, is in the table that
 * --explain has (vmm/host/explain/calls.c).
 */
#pragma once

#include <base/types.h>
#include <sys/types.h>

enum seal_mode {
	SEAL_OFF,
	SEAL_ON,
	SEAL_LOG, /* nothing is refused: what would have been is told */
};

/* What a descriptor is of. */
enum {
	SEAL_ON_KVM = BIT(0),
	SEAL_ON_VM = BIT(1),
	SEAL_ON_VCPU = BIT(2),
	SEAL_ON_KVM_DEVICE = BIT(3), /* that the kernel emulates */
	SEAL_ON_DEVICE = BIT(4),     /* VFIO's */
	SEAL_ON_GROUP = BIT(5),
	SEAL_ON_CONTAINER = BIT(6),
	SEAL_ON_IOMMUFD = BIT(7),
	SEAL_ON_VHOST = BIT(8),
	SEAL_ON_TUN = BIT(9),
};
#define SEAL_KINDS 10

enum seal_when { SEAL_BEFORE = 1, SEAL_AFTER };

/*
 * Main thread, before there are others: from here on descriptors are known by what is asked of them
 * (seal_learn()). `undo` is called before a refused call ends the process, on its thread, in a signal
 * handler: it puts back what the kernel does not, such as a terminal.
 */
void seal_prepare(enum seal_mode mode, void (*undo)(void));

/* Not SEAL_OFF; and whether it is done. */
bool seal_wanted(void);
bool seal_is_on(void);

/* For host_ioctl(): `request` is made on `fd`. Any thread; costs a branch when there is no seal, or it is done. */
extern bool seal_learning;
void seal_learn(int fd, unsigned long request);

/* Before the seal: what this process will still do. A process group that it may end; a folder where files change names. */
void seal_permit_kill(pid_t group);
void seal_permit_rename(const char *folder);

/*
 * Seal all threads; there are no new ones after this. Nothing that is asked of the kernel before, and is not in
 * the rules, works after: a call ends the process with STATUS_SEALED and one line, or is told (SEAL_LOG).
 * Machine's thread. 0 or -errno with the reason recorded (STATUS_HOST): then nothing may be let run.
 */
int seal_process(void) _must_check_;

/* Of a vcpu's thread, after seal_process(): KVM_RUN on no other than its own. 0 or -errno, recorded. */
int seal_vcpu(int fd) _must_check_;

/*
 * A child that reads what others wrote: no descriptor but standard error and these, no call but reading,
 * writing, memory and its end. 0 or -errno, nothing recorded.
 */
int seal_child(const int *fds, unsigned n) _must_check_;

/* What of this the host has, for `thru probe`. landlock: its ABI, or 0. */
bool seal_has_seccomp(void);
int seal_landlock_abi(void);
