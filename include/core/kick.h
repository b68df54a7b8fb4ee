/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calling a thread back from where it waits in the kernel, when the kernel lets it: a vcpu from KVM_RUN,
 * any other from what a signal ends (EINTR).
 */
#pragma once

#include <base/types.h>
#include <pthread.h>

/* For the whole process, before there are other threads. 0 or -errno with the reason recorded. */
int kick_init(void) _must_check_;

/* The thread has not been joined yet. */
void kick(pthread_t thread);
