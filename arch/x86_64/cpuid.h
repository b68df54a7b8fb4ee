/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID as the guest sees it: what KVM offers, with the leaves that only a VMM can know put right.
 */
#pragma once

#include <base/types.h>
#include <linux/kvm.h>

#define CPUID_ENTRIES_MAX 256 /* KVM_MAX_CPUID_ENTRIES */

/* KVM_GET_SUPPORTED_CPUID with room for CPUID_ENTRIES_MAX entries; free(3) the result. */
int cpuid_supported(int kvm_fd, struct kvm_cpuid2 **ret) _must_check_;

/* Width of guest physical addresses, leaf 8000_0008h; 36 when there is no such leaf. */
unsigned cpuid_address_bits(const struct kvm_cpuid2 *cpuid);

/* What KVM does not say: what the operator asked for, and how fast the TSC is. */
struct cpuid_extras {
	bool nested;      /* VMX or SVM */
	bool pmu;         /* performance counters, and what builds on them */
	unsigned tsc_khz; /* 0: not known */
};

/*
 * Fill `out` (room for CPUID_ENTRIES_MAX) for vcpu `index` of `cpus`, whose APIC id is its index,
 * from what KVM supports. Pure.
 */
void cpuid_for_vcpu(const struct kvm_cpuid2 *supported, unsigned index, unsigned cpus,
		    struct cpuid_extras extras, struct kvm_cpuid2 *out);

/* Whether KVM could give a guest VMX or SVM. */
bool cpuid_has_nested(const struct kvm_cpuid2 *supported);

/* The guest's vendor is Intel: some model-specific registers are only theirs. */
bool cpuid_is_intel(const struct kvm_cpuid2 *cpuid);
