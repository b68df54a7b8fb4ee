/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID fix-ups. KVM_GET_SUPPORTED_CPUID (api.rst 4.46) says what KVM can virtualise on this host;
 * topology in it is the host's or empty, and a few bits must be switched on or off by whoever knows
 * the machine. The table below has one row per leaf and the reason; all else passes unchanged.
 *
 * The machine is one package of `cpus` cores with one thread each; the last-level cache is shared
 * by all, the others by none. Intel SDM vol. 2A "CPUID"; AMD APM vol. 3 appendix E.
 *
 * Calibration: kvm-clock (leaf 4000_0001h) gives the TSC's frequency, the TSC-deadline timer (leaf 1)
 * needs no other. Both must be on, or Linux spends 100 ms to measure the APIC timer. A kernel without
 * kvm-clock takes the frequency from leaf 15h (Intel), or from its command line (boot_tell_tsc()); there is
 * no HPET or PM timer.
 *
 * Nested virtualisation and performance counters are the host's to give away: they are hidden unless they
 * were asked for. KVM_SET_CPUID2 comes before any MSR is set, as KVM decides by it which there are.
 */
#include "cpuid.h"

#include <base/error.h>
#include <errno.h>
#include <host/call.h>
#include <stdlib.h>
#include <string.h>

struct topology {
	unsigned index, cpus;
	unsigned shift; /* bits of an APIC id that number the cores */
	bool intel;
	struct cpuid_extras extras;
};

typedef void (*fixup)(struct kvm_cpuid_entry2 *e, const struct topology *t);

static void set_field(uint32_t *reg, unsigned shift, unsigned width, uint32_t value)
{
	uint32_t mask = (width == 32 ? UINT32_MAX : BIT(width) - 1) << shift;

	*reg = (*reg & ~mask) | (value << shift & mask);
}

static void fix_1(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	set_field(&e->ebx, 24, 8, t->index);                 /* initial APIC id */
	set_field(&e->ebx, 16, 8, MIN(BIT(t->shift), 255u)); /* APIC ids in the package */
	set_field(&e->edx, 28, 1, t->cpus > 1);              /* HTT: the former is valid */
	e->ecx |= BIT(31) | BIT(21) | BIT(24);               /* hypervisor, x2APIC, TSC deadline */
	if (!t->extras.nested)
		e->ecx &= ~BIT(5); /* VMX */
	if (!t->extras.pmu) {
		e->ecx &= ~(BIT(15) | BIT(2)); /* PDCM, DTES64 */
		e->edx &= ~BIT(21);            /* DS: where counters leave their records */
	}
}

/* Deterministic caches, one subleaf each; 8000_001Dh is AMD's twin of leaf 4. */
static void fix_caches(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	unsigned type = e->eax & 0x1f, level = e->eax >> 5 & 7;

	if (!type)
		return;
	set_field(&e->eax, 14, 12, level >= 3 ? BIT(t->shift) - 1 : 0); /* sharing APIC ids - 1 */
	if (e->function == 4)
		set_field(&e->eax, 26, 6, MIN(BIT(t->shift) - 1, 63u)); /* cores - 1 */
}

static void fix_7(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	if (e->index)
		return;
	e->ebx &= ~BIT(2);  /* SGX: needs enclave memory that no table describes */
	e->ecx &= ~BIT(30); /* SGX_LC */
	if (!t->extras.pmu)
		e->edx &= ~BIT(19); /* architectural LBRs */
}

static void fix_clear(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	e->eax = e->ebx = e->ecx = e->edx = 0;
}

static void fix_80000001(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	if (!t->intel)
		set_field(&e->ecx, 1, 1, t->cpus > 1); /* CmpLegacy: HTT means cores, not threads */
	if (!t->extras.nested)
		e->ecx &= ~BIT(2); /* SVM */
	if (!t->extras.pmu)
		e->ecx &= ~(BIT(23) | BIT(24) | BIT(28)); /* counters: core, northbridge, L3 */
}

static void fix_nested(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	if (!t->extras.nested)
		fix_clear(e, t);
}

static void fix_pmu(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	if (!t->extras.pmu)
		fix_clear(e, t);
}

static void fix_80000008(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	if (t->intel)
		return;
	set_field(&e->ecx, 0, 8, t->cpus - 1);
	set_field(&e->ecx, 12, 4, t->shift); /* bits of an APIC id for cores */
}

static void fix_8000001e(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	fix_clear(e, t);
	if (t->intel)
		return;
	e->eax = t->index;                  /* extended APIC id */
	set_field(&e->ebx, 0, 8, t->index); /* core id; one thread (bits 15:8 are 0), one node */
}

#define TIMING 0x40000010u /* the last leaf of the hypervisor's that is told */

static void fix_40000000(struct kvm_cpuid_entry2 *e, const struct topology *t)
{
	if (t->extras.tsc_khz)
		e->eax = MAX(e->eax, TIMING);
}

static const struct {
	uint32_t function;
	fixup fix;
} fixups[] = {
	{ 0x00000001, fix_1 },        /* APIC id, and what the in-kernel APIC offers */
	{ 0x00000004, fix_caches },   /* Intel: the host's cores share the host's caches */
	{ 0x00000007, fix_7 },        /* SGX off */
	{ 0x0000000a, fix_pmu },      /* Intel's counters */
	{ 0x00000012, fix_clear },    /* SGX */
	{ 0x0000001c, fix_pmu },      /* Intel's architectural LBRs */
	{ 0x00000023, fix_pmu },      /* Intel's counters, in more words */
	{ 0x40000000, fix_40000000 }, /* KVM's signature, and its last leaf */
	{ 0x80000001, fix_80000001 }, /* AMD: cores or threads */
	{ 0x80000008, fix_80000008 }, /* AMD: core count. EAX, address widths, is as offered */
	{ 0x8000000a, fix_nested },   /* AMD: what SVM can do */
	{ 0x8000001d, fix_caches },   /* AMD's caches */
	{ 0x8000001e, fix_8000001e }, /* AMD: APIC id, core, node */
	{ 0x8000001f, fix_clear },    /* memory encryption: this machine starts no such guest */
	{ 0x80000022, fix_pmu },      /* AMD's counters, version 2 */
};

/* Built here whole, so KVM's are dropped: extended topology in Intel's and AMD's forms, the TSC's frequency. */
static bool is_dropped(uint32_t function)
{
	return function == 0xb || function == 0x15 || function == 0x1f || function == 0x80000026 ||
	       function == TIMING;
}

static const struct kvm_cpuid_entry2 *find(const struct kvm_cpuid2 *cpuid, uint32_t function)
{
	for (unsigned i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == function)
			return &cpuid->entries[i];
	return NULL;
}

static void append(struct kvm_cpuid2 *out, struct kvm_cpuid_entry2 entry)
{
	if (out->nent < CPUID_ENTRIES_MAX)
		out->entries[out->nent++] = entry;
}

/*
 * Leaf 0Bh: threads, cores, end. A leaf that any x2APIC processor has; 1Fh would say the same, and
 * software that finds none there falls back to this.
 */
static void append_topology(struct kvm_cpuid2 *out, const struct topology *t)
{
	const struct {
		uint32_t shift, count, type;
	} levels[] = { { 0, 1, 1 }, { t->shift, t->cpus, 2 }, { 0, 0, 0 } };

	for (unsigned i = 0; i < ARRAY_SIZE(levels); i++)
		append(out, (struct kvm_cpuid_entry2){
				    .function = 0xb,
				    .index = i,
				    .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
				    .eax = levels[i].shift,
				    .ebx = levels[i].count,
				    .ecx = levels[i].type << 8 | i,
				    .edx = t->index,
			    });
}

/*
 * Leaf 15h: TSC = crystal * EBX / EAX, crystal in ECX. The crystal feeds the local APIC's timer, and KVM's
 * counts nanoseconds (APIC_BUS_CYCLE_NS_DEFAULT). Linux believes it on Intel's processors only, and needs
 * nothing else then.
 */
static void append_tsc(struct kvm_cpuid2 *out, unsigned khz)
{
	append(out, (struct kvm_cpuid_entry2){
			    .function = 0x15, .eax = 1000000, .ebx = khz, .ecx = 1000000000 });
}

/*
 * The same for others than Linux (FreeBSD, firmware), on all processors: kHz of the TSC and of the local
 * APIC's timer. VMware's invention, which hypervisors share ("Mechanisms to determine if software is
 * running in a VMware virtual machine").
 */
static void append_timing(struct kvm_cpuid2 *out, unsigned khz)
{
	append(out, (struct kvm_cpuid_entry2){ .function = TIMING, .eax = khz, .ebx = 1000000 });
}

bool cpuid_is_intel(const struct kvm_cpuid2 *cpuid)
{
	const struct kvm_cpuid_entry2 *e = find(cpuid, 0);

	return e && e->ebx == 0x756e6547; /* "Genu" */
}

bool cpuid_has_nested(const struct kvm_cpuid2 *supported)
{
	const struct kvm_cpuid_entry2 *one = find(supported, 1);
	const struct kvm_cpuid_entry2 *extended = find(supported, 0x80000001);

	return (one && one->ecx & BIT(5)) || (extended && extended->ecx & BIT(2));
}

void cpuid_for_vcpu(const struct kvm_cpuid2 *supported, unsigned index, unsigned cpus,
		    struct cpuid_extras extras, struct kvm_cpuid2 *out)
{
	struct topology t = {
		.index = index, .cpus = cpus, .intel = cpuid_is_intel(supported), .extras = extras
	};

	bool has_tsc = t.intel && extras.tsc_khz;

	while (BIT(t.shift) < cpus)
		t.shift++;
	out->nent = 0;
	for (unsigned i = 0; i < supported->nent; i++) {
		struct kvm_cpuid_entry2 e = supported->entries[i];

		if (is_dropped(e.function))
			continue;
		if (e.function == 0)
			e.eax = MAX(e.eax, has_tsc ? 0x15u : 0xbu);
		for (unsigned j = 0; j < ARRAY_SIZE(fixups); j++)
			if (fixups[j].function == e.function)
				fixups[j].fix(&e, &t);
		append(out, e);
	}
	append_topology(out, &t);
	if (has_tsc)
		append_tsc(out, extras.tsc_khz);
	if (extras.tsc_khz)
		append_timing(out, extras.tsc_khz);
}

unsigned cpuid_address_bits(const struct kvm_cpuid2 *cpuid)
{
	const struct kvm_cpuid_entry2 *e = find(cpuid, 0x80000008);
	unsigned bits = e ? e->eax & 0xff : 36;
	unsigned guest = e ? e->eax >> 16 & 0xff : 0; /* what nested page tables reach, or 0 */

	return guest ? MIN(bits, guest) : bits;
}

int cpuid_supported(int kvm_fd, struct kvm_cpuid2 **ret)
{
	struct kvm_cpuid2 *cpuid;
	int r;

	cpuid = calloc(1, sizeof(*cpuid) + CPUID_ENTRIES_MAX * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return fail(STATUS_FAILURE, ENOMEM, "CPUID: out of memory");
	cpuid->nent = CPUID_ENTRIES_MAX;
	r = HOST_IOCTL(kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid);
	if (r < 0) {
		free(cpuid);
		return fail(STATUS_HOST, -r, "KVM: KVM_GET_SUPPORTED_CPUID: %s", strerror(-r));
	}
	*ret = cpuid;
	return 0;
}
