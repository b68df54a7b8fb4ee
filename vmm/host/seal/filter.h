/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A classic BPF program over struct seccomp_data, put together rule by rule
 * (Documentation/userspace-api/seccomp_filter.rst; Documentation/networking/filter.rst has the instructions).
 * Each rule ends in an answer or falls through to the next, so no jump leaves its rule. No library: what there is to
 * do are comparisons of 32 bits, and libseccomp could not say "these descriptors" without a rule for each.
 */
#pragma once

#include <base/types.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#define FILTER_MAX BPF_MAXINSNS /* what the kernel takes: 4,096 */

struct filter {
	struct sock_filter code[FILTER_MAX];
	unsigned n;
	bool full; /* something did not fit */
};

/* Another architecture's calls, and x32's, get `answer` (SECCOMP_RET_*). First. */
void filter_begin(struct filter *f, uint32_t answer);

void filter_call(struct filter *f, unsigned nr, uint32_t answer);

/* The call where all of argument `arg`'s bits that are in `mask` are `value`. 64 bits are looked at. */
void filter_call_if(struct filter *f, unsigned nr, unsigned arg, uint64_t mask, uint64_t value,
		    uint32_t answer);

/*
 * ioctl(2): these requests on these descriptors. Both are ints to the kernel: 32 bits are looked at. No descriptors
 * and `any`: on each.
 */
void filter_ioctl(struct filter *f, const unsigned long *requests, unsigned n_requests,
		  const int *fds, unsigned n_fds, bool any, uint32_t answer);

/* What no rule had. Last. */
void filter_end(struct filter *f, uint32_t answer);

/* What the kernel would answer: for tests. */
uint32_t filter_run(const struct filter *f, const struct seccomp_data *data);
