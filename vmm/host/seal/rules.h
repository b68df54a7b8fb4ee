/* SPDX-License-Identifier: BSD-2-Clause */
/* What is allowed after the seal, as programs for seccomp. Pure functions. */
#pragma once

#include "filter.h"

#include <host/seal.h>
#include <sys/types.h>

#define SEAL_FDS_MAX   2048
#define SEAL_KILLS_MAX 16

/* What the process has, once all is open. */
struct seal_facts {
	struct seal_fd {
		int fd;
		unsigned kind; /* one SEAL_ON_* */
	} fds[SEAL_FDS_MAX];
	unsigned n_fds;
	pid_t pid;
	pid_t groups[SEAL_KILLS_MAX]; /* process groups that may be ended */
	unsigned n_groups;
	bool renames; /* files may change their names; where is landlock's to say */
	bool names;   /* --explain asks what a descriptor is called */
	bool listener; /* a thread of ours is told of each refused call, and lets it go on (SEAL_LOG) */
};

/* `refused`: SECCOMP_RET_* of what has no rule. */
void rules_process(struct filter *f, const struct seal_facts *facts, uint32_t refused);
void rules_vcpu(struct filter *f, int vcpu_fd, uint32_t refused);
void rules_child(struct filter *f, uint32_t refused);

/* "openat", or NULL where it has no name here. */
const char *rules_call_name(unsigned nr);
