/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vcpu threads. Each runs KVM_RUN, takes the device lock for the time of an exit, and never
 * touches the data path.
 */
#pragma once

#include <arch/arch.h>
#include <machine/gate.h>
#include <pthread.h>

#define VCPU_EXITS 64

struct vcpu_set {
	struct board *board;
	struct vcpu *vcpus;
	pthread_t *threads;
	unsigned n;                    /* created */
	unsigned running;              /* threads started */
	bool stop;                     /* atomic */
	struct gate gate;              /* before the first run */
	uint64_t (*exits)[VCPU_EXITS]; /* of each vcpu, by KVM_EXIT_*, the last for all others */
};

/* The index of the vcpu whose thread this is. */
unsigned vcpu_current(void);

/* Create `n` vcpus on the board and initialise each (arch_vcpu_init). */
int vcpu_set_init(struct vcpu_set *set, struct board *board, unsigned n) _must_check_;

/* Set boot registers, start the threads, seal the process (host/seal.h), let them run. */
int vcpu_set_run(struct vcpu_set *set) _must_check_;

/* Stop and join the threads; no vcpu runs afterwards. Without the lock held. */
void vcpu_set_stop(struct vcpu_set *set);
void vcpu_set_deinit(struct vcpu_set *set);
