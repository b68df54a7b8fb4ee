/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID fix-ups of arch/x86_64 on made-up processors of both vendors, and on this host's KVM where
 * there is one. Only on x86_64: the structures are KVM's of that architecture.
 */
#include "test.h"

#include "arch/x86_64/cpuid.h"

#include <fcntl.h>
#include <host/kvm.h>
#include <unistd.h>

struct processor {
	const char *vendor; /* in the order of EBX, EDX, ECX */
	unsigned n;
	struct kvm_cpuid_entry2 leaves[24];
};

static const struct processor intel = {
	"GenuineIntel",
	10,
	{
		{ .function = 0, .eax = 0x20 },
		{ .function = 1, .ebx = 0x7f0a0800, .ecx = 0x80000001, .edx = 0x0fabfbff },
		{ .function = 4, .index = 0, .flags = 1, .eax = 0x1c000121, .ebx = 0x02c0003f },
		{ .function = 4, .index = 1, .flags = 1, .eax = 0x1c00c143, .ebx = 0x04c0003f },
		{ .function = 4, .index = 2, .flags = 1, .eax = 0x1c03c163, .ebx = 0x05c0003f },
		{ .function = 4, .index = 3, .flags = 1 },
		{ .function = 7, .flags = 1, .ebx = 0xffffffff, .ecx = 0xffffffff },
		{ .function = 0xb, .flags = 1, .eax = 1, .ebx = 2, .ecx = 0x100, .edx = 77 },
		{ .function = 0x1f, .flags = 1, .eax = 1, .ebx = 2, .ecx = 0x100, .edx = 77 },
		{ .function = 0x80000008, .eax = 0x3039 },
	},
};

static const struct processor amd = {
	"AuthenticAMD",
	9,
	{
		{ .function = 0, .eax = 0xa },
		{ .function = 1, .ebx = 0x01020800, .ecx = 1, .edx = 0x178bfbff },
		{ .function = 0x80000001, .ecx = 0x75c237fe },
		{ .function = 0x80000008, .eax = 0x00303034, .ecx = 0x707f },
		{ .function = 0x8000001d, .index = 3, .flags = 1, .eax = 0x0003c163 },
		{ .function = 0x8000001e, .eax = 9, .ebx = 0x105, .ecx = 3 },
		{ .function = 0x8000001f, .eax = 0xf },
		{ .function = 0x40000001, .eax = 0x01007efb },
		{ .function = 0x40000000, .eax = 0x40000001 },
	},
};

static struct cpuid_extras extras;

static struct kvm_cpuid2 *blank(void)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + CPUID_ENTRIES_MAX * sizeof(c->entries[0]));

	if (!c)
		abort();
	return c;
}

/* What vcpu `index` of `cpus` gets on this processor; free(3) it. */
static struct kvm_cpuid2 *guest(const struct processor *p, unsigned index, unsigned cpus)
{
	struct kvm_cpuid2 *host = blank(), *out = blank();

	host->nent = p->n;
	memcpy(host->entries, p->leaves, p->n * sizeof(p->leaves[0]));
	memcpy(&host->entries[0].ebx, p->vendor, 4);
	memcpy(&host->entries[0].edx, p->vendor + 4, 4);
	memcpy(&host->entries[0].ecx, p->vendor + 8, 4);
	cpuid_for_vcpu(host, index, cpus, extras, out);
	free(host);
	return out;
}

static struct kvm_cpuid_entry2 leaf(const struct kvm_cpuid2 *c, uint32_t function, uint32_t index)
{
	for (unsigned i = 0; i < c->nent; i++)
		if (c->entries[i].function == function && c->entries[i].index == index)
			return c->entries[i];
	return (struct kvm_cpuid_entry2){ .function = UINT32_MAX };
}

static void intel_topology(void)
{
	struct kvm_cpuid2 *c = guest(&intel, 5, 6);
	struct kvm_cpuid_entry2 one = leaf(c, 1, 0);

	CHECK_EQ(leaf(c, 0, 0).eax, 0x20);
	CHECK_EQ(one.ebx, 0x05080800); /* APIC id, ids in the package, the host's CLFLUSH line */
	CHECK_EQ(one.ecx, 0x81200001);
	CHECK_EQ(one.edx & 1 << 28, 1 << 28);
	CHECK_EQ(leaf(c, 4, 0).eax, 7u << 26 | 0x121); /* 8 core ids, the cache is one core's */
	CHECK_EQ(leaf(c, 4, 1).eax, 7u << 26 | 0x143);
	CHECK_EQ(leaf(c, 4, 2).eax, 7u << 26 | 7 << 14 | 0x163);
	CHECK_EQ(leaf(c, 4, 3).eax, 0);
	CHECK_EQ(leaf(c, 0xb, 0).ecx, 0x100);
	CHECK_EQ(leaf(c, 0xb, 0).eax, 0);
	CHECK_EQ(leaf(c, 0xb, 0).ebx, 1);
	CHECK_EQ(leaf(c, 0xb, 0).edx, 5);
	CHECK_EQ(leaf(c, 0xb, 1).ecx, 0x201);
	CHECK_EQ(leaf(c, 0xb, 1).eax, 3);
	CHECK_EQ(leaf(c, 0xb, 1).ebx, 6);
	CHECK_EQ(leaf(c, 0xb, 1).edx, 5);
	CHECK_EQ(leaf(c, 0xb, 2).ecx, 2);
	CHECK_EQ(leaf(c, 0x1f, 0).function, UINT32_MAX);
	CHECK_EQ(leaf(c, 7, 0).ebx & 1 << 2, 0);
	CHECK_EQ(leaf(c, 0x80000008, 0).ecx, 0);
	free(c);
}

static void amd_topology(void)
{
	struct kvm_cpuid2 *c = guest(&amd, 2, 3);

	CHECK_EQ(leaf(c, 0, 0).eax, 0xb); /* raised: leaf 0Bh is there now */
	CHECK_EQ(leaf(c, 1, 0).ebx, 0x02040800);
	CHECK_EQ(leaf(c, 0x80000001, 0).ecx & 2, 2);
	CHECK_EQ(leaf(c, 0x80000008, 0).ecx, 0x2002);
	CHECK_EQ(leaf(c, 0x80000008, 0).eax, 0x00303034);
	CHECK_EQ(leaf(c, 0x8000001d, 3).eax, 3 << 14 | 0x163);
	CHECK_EQ(leaf(c, 0x8000001e, 0).eax, 2);
	CHECK_EQ(leaf(c, 0x8000001e, 0).ebx, 2);
	CHECK_EQ(leaf(c, 0x8000001e, 0).ecx, 0);
	CHECK_EQ(leaf(c, 0x8000001f, 0).eax, 0);
	CHECK_EQ(leaf(c, 0xb, 1).ebx, 3);
	CHECK_EQ(leaf(c, 0x40000001, 0).eax, 0x01007efb); /* as KVM offers it */
	free(c);
}

static void one_cpu(void)
{
	struct kvm_cpuid2 *c = guest(&intel, 0, 1);

	CHECK_EQ(leaf(c, 1, 0).ebx, 0x00010800);
	CHECK_EQ(leaf(c, 1, 0).edx & 1 << 28, 0);
	CHECK_EQ(leaf(c, 4, 2).eax, 0x163);
	CHECK_EQ(leaf(c, 0xb, 1).eax, 0);
	CHECK_EQ(leaf(c, 0xb, 1).ebx, 1);
	free(c);
	c = guest(&amd, 0, 1);
	CHECK_EQ(leaf(c, 0x80000001, 0).ecx & 2, 0);
	CHECK_EQ(leaf(c, 0x80000008, 0).ecx, 0);
	free(c);
}

static void many_cpus(void)
{
	struct kvm_cpuid2 *c = guest(&intel, 254, 255);

	CHECK_EQ(leaf(c, 1, 0).ebx, 0xfeff0800);
	CHECK_EQ(leaf(c, 4, 2).eax, 63u << 26 | 255 << 14 | 0x163);
	CHECK_EQ(leaf(c, 0xb, 1).eax, 8);
	CHECK_EQ(leaf(c, 0xb, 1).ebx, 255);
	CHECK_EQ(leaf(c, 0xb, 1).edx, 254);
	free(c);
}

static void address_bits(void)
{
	struct kvm_cpuid2 *c = blank();

	CHECK_EQ(cpuid_address_bits(c), 36);
	c->nent = 1;
	c->entries[0] = (struct kvm_cpuid_entry2){ .function = 0x80000008, .eax = 0x3028 };
	CHECK_EQ(cpuid_address_bits(c), 40);
	c->entries[0].eax = 0x303034; /* the processor has 52, nested page tables reach 48 */
	CHECK_EQ(cpuid_address_bits(c), 48);
	free(c);
}

/* Intel's alone: 2.4 GHz of a crystal of 1 GHz. */
static void tsc_frequency(void)
{
	struct kvm_cpuid2 *c = guest(&intel, 0, 1);

	CHECK_EQ(leaf(c, 0x15, 0).function, UINT32_MAX);
	free(c);
	extras.tsc_khz = 2400000;
	c = guest(&intel, 0, 1);
	CHECK_EQ((uint64_t)leaf(c, 0x15, 0).ecx * leaf(c, 0x15, 0).ebx / leaf(c, 0x15, 0).eax,
		 2400000000);
	CHECK_EQ(leaf(c, 0x15, 0).ecx, 1000000000);
	CHECK_EQ(leaf(c, 0, 0).eax, 0x20);
	free(c);
	c = guest(&amd, 0, 1);
	CHECK_EQ(leaf(c, 0x15, 0).function, UINT32_MAX);
	CHECK_EQ(leaf(c, 0, 0).eax, 0xb);
	/* By the hypervisor's leaf on both. */
	CHECK_EQ(leaf(c, 0x40000010, 0).eax, 2400000);
	CHECK_EQ(leaf(c, 0x40000010, 0).ebx, 1000000);
	CHECK_EQ(leaf(c, 0x40000000, 0).eax, 0x40000010);
	free(c);
	extras.tsc_khz = 0;
	c = guest(&amd, 0, 1);
	CHECK_EQ(leaf(c, 0x40000010, 0).function, UINT32_MAX);
	CHECK_EQ(leaf(c, 0x40000000, 0).eax, 0x40000001);
	free(c);
}

/* Hidden unless asked for, each by itself, and nothing else with them. */
static void extras_of_intel(void)
{
	static const struct processor all = {
		"GenuineIntel",
		6,
		{
			{ .function = 0, .eax = 0x23 },
			{ .function = 1, .ecx = UINT32_MAX, .edx = UINT32_MAX },
			{ .function = 7, .flags = 1, .edx = UINT32_MAX },
			{ .function = 0xa, .eax = 0x07300805, .ebx = 1, .ecx = 1, .edx = 0x8603 },
			{ .function = 0x1c, .flags = 1, .eax = 7 },
			{ .function = 0x23, .flags = 1, .eax = 7 },
		},
	};

	for (unsigned i = 0; i < 4; i++) {
		struct kvm_cpuid2 *c;

		extras = (struct cpuid_extras){ .nested = i & 1, .pmu = i & 2 };
		c = guest(&all, 0, 2);
		CHECK_EQ(leaf(c, 1, 0).ecx,
			 UINT32_MAX & ~(i & 1 ? 0u : 1u << 5) & ~(i & 2 ? 0u : 1u << 15 | 1u << 2));
		CHECK_EQ(leaf(c, 1, 0).edx, UINT32_MAX & ~(i & 2 ? 0u : 1u << 21));
		CHECK_EQ(leaf(c, 7, 0).edx, UINT32_MAX & ~(i & 2 ? 0u : 1u << 19));
		CHECK_EQ(leaf(c, 0xa, 0).eax, i & 2 ? 0x07300805 : 0);
		CHECK_EQ(leaf(c, 0xa, 0).edx, i & 2 ? 0x8603 : 0);
		CHECK_EQ(leaf(c, 0x1c, 0).eax, i & 2 ? 7 : 0);
		CHECK_EQ(leaf(c, 0x23, 0).eax, i & 2 ? 7 : 0);
		free(c);
	}
	extras = (struct cpuid_extras){ 0 };
}

static void extras_of_amd(void)
{
	static const struct processor all = {
		"AuthenticAMD",
		4,
		{
			{ .function = 0, .eax = 0xd },
			{ .function = 0x80000001, .ecx = UINT32_MAX, .edx = UINT32_MAX },
			{ .function = 0x8000000a, .eax = 1, .ebx = 8, .edx = 0x1bff },
			{ .function = 0x80000022, .eax = 1, .ebx = 6 },
		},
	};

	for (unsigned i = 0; i < 4; i++) {
		struct kvm_cpuid2 *c;

		extras = (struct cpuid_extras){ .nested = i & 1, .pmu = i & 2 };
		c = guest(&all, 0, 2);
		CHECK_EQ(leaf(c, 0x80000001, 0).ecx,
			 UINT32_MAX & ~(i & 1 ? 0u : 1u << 2) &
				 ~(i & 2 ? 0u : 1u << 23 | 1u << 24 | 1u << 28));
		CHECK_EQ(leaf(c, 0x8000000a, 0).edx, i & 1 ? 0x1bff : 0);
		CHECK_EQ(leaf(c, 0x8000000a, 0).ebx, i & 1 ? 8 : 0);
		CHECK_EQ(leaf(c, 0x80000022, 0).ebx, i & 2 ? 6 : 0);
		free(c);
	}
	extras = (struct cpuid_extras){ 0 };
}

/* As many leaves as there can be, all of them: nothing is written past the end. */
static void table_full(void)
{
	struct kvm_cpuid2 *host = blank(), *out = blank();

	host->nent = CPUID_ENTRIES_MAX;
	for (unsigned i = 0; i < host->nent; i++)
		host->entries[i].function = i == 0xb ? 0x100 : i;
	cpuid_for_vcpu(host, 0, 1, extras, out);
	CHECK(out->nent <= CPUID_ENTRIES_MAX);
	free(host);
	free(out);
}

static void this_host(void)
{
	struct kvm_cpuid2 *host, *c = blank();
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		SKIP("no usable /dev/kvm");
	CHECK_EQ(cpuid_supported(fd, &host), 0);
	close(fd);
	CHECK(cpuid_address_bits(host) >= 32);
	cpuid_for_vcpu(host, 1, 2, extras, c);
	CHECK_EQ(leaf(c, 1, 0).ebx >> 24, 1);
	CHECK_EQ(leaf(c, 0x40000000, 0).ebx, 0x4b4d564b); /* KVMK */
	CHECK(leaf(c, 0x40000001, 0).eax & 1 << 3);       /* kvm-clock */
	CHECK_EQ(leaf(c, 0xb, 1).edx, 1);
	free(host);
	free(c);
}

static const struct test tests[] = {
	TEST(intel_topology), TEST(amd_topology),    TEST(one_cpu),       TEST(many_cpus),
	TEST(address_bits),   TEST(extras_of_intel), TEST(tsc_frequency), TEST(extras_of_amd),
	TEST(table_full),     TEST(this_host),
};
TEST_MAIN(tests)
