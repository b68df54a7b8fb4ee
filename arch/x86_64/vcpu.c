/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vcpus of x86_64: CPUID and the model-specific registers that firmware would have set, the boot
 * processor's registers at the kernel's entry, and the exits that are not I/O.
 *
 * The other processors need nothing: KVM's in-kernel APIC holds them in wait-for-SIPI until the
 * guest starts them (api.rst 4.38, KVM_MP_STATE_UNINITIALIZED).
 *
 * arch_vcpu_init() and arch_vcpu_boot() run on the main thread, arch_vcpu_exit() on the vcpu's with
 * the lock held.
 */
#include "board.h"
#include "boot_room.h"
#include "layout.h"

#include <base/error.h>
#include <errno.h>
#include <host/call.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Intel SDM vol. 3A §2.5 and §3.4.5, AMD APM vol. 2 §3.1 */
enum {
	CR0_PE = BIT(0),
	CR0_ET = BIT(4),
	CR0_NE = BIT(5),
	CR4_PAE = BIT(5),
	EFER_LME = BIT(8),
	EFER_LMA = BIT(10),
	RFLAGS_ONE = BIT(1), /* the bit that is always set */
	SEG_DATA = 3,        /* read, write, accessed */
	SEG_CODE = 11,       /* execute, read, accessed */
	SEG_TSS_BUSY = 11,
	BOOT_CS = 0x10, /* boot.rst */
	BOOT_DS = 0x18,
};
#define CR0_PG BIT(31)

enum {
	MSR_MISC_ENABLE = 0x1a0,
	MSR_MTRR_DEF_TYPE = 0x2ff,
	MISC_ENABLE_FAST_STRINGS = BIT(0),
	MTRR_ENABLE = BIT(11),
	MTRR_WRITE_BACK = 6,
};

static int set_up(struct vcpu *vcpu, int result, const char *what)
{
	if (result >= 0)
		return 0;
	return fail(STATUS_FAILURE, -result, "vcpu %u: %s: %s", vcpu->index, what,
		    strerror(-result));
}
#define SET_UP(vcpu, request, arg) \
	set_up(vcpu, host_ioctl((vcpu)->fd, request, arg, #request), "KVM refused " #request)

static int set_cpuid(struct vcpu *vcpu)
{
	const struct kvm_cpuid2 *supported = vcpu->board->arch->cpuid;
	const struct board_config *config = vcpu->board->config;
	int khz = HOST_IOCTL(vcpu->fd, KVM_GET_TSC_KHZ, NULL);
	struct kvm_cpuid2 *cpuid;
	int r;

	vcpu->board->arch->tsc_khz = khz > 0 ? (unsigned)khz : 0;
	cpuid = calloc(1, sizeof(*cpuid) + CPUID_ENTRIES_MAX * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return fail(STATUS_FAILURE, ENOMEM, "vcpu %u: out of memory", vcpu->index);
	cpuid_for_vcpu(supported, vcpu->index, config->cpus,
		       (struct cpuid_extras){ .nested = config->nested,
					      .pmu = config->pmu,
					      .tsc_khz = vcpu->board->arch->tsc_khz },
		       cpuid);
	r = SET_UP(vcpu, KVM_SET_CPUID2, cpuid);
	free(cpuid);
	return r;
}

/* One register; *value is read or written. KVM answers how many of the one it took. */
static int msr(struct vcpu *vcpu, bool write, uint32_t index, uint64_t *value)
{
	union {
		struct kvm_msrs msrs;
		uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} arg = { .room = { 0 } };
	struct kvm_msr_entry *entry = (void *)(arg.room + sizeof(struct kvm_msrs));
	int r;

	arg.msrs.nmsrs = 1;
	*entry = (struct kvm_msr_entry){ .index = index, .data = *value };
	r = write ? HOST_IOCTL(vcpu->fd, KVM_SET_MSRS, &arg)
		  : HOST_IOCTL(vcpu->fd, KVM_GET_MSRS, &arg);
	if (r != 1)
		return fail(STATUS_FAILURE, r < 0 ? -r : EINVAL,
			    "vcpu %u: KVM refused model-specific register %#x: %s", vcpu->index,
			    index, strerror(r < 0 ? -r : EINVAL));
	*value = entry->data;
	return 0;
}

/*
 * What firmware leaves behind: memory is write-back unless PAT says otherwise (a guest that finds
 * the MTRRs off takes PAT for unusable too, and has no write-combining BARs), and on Intel `rep
 * movs` is as fast as CPUID says.
 */
static int set_msrs(struct vcpu *vcpu)
{
	uint64_t mtrr = MTRR_ENABLE | MTRR_WRITE_BACK, misc = 0;
	int r = msr(vcpu, true, MSR_MTRR_DEF_TYPE, &mtrr);

	if (r || !cpuid_is_intel(vcpu->board->arch->cpuid))
		return r;
	r = msr(vcpu, false, MSR_MISC_ENABLE, &misc);
	misc |= MISC_ENABLE_FAST_STRINGS;
	return r ? r : msr(vcpu, true, MSR_MISC_ENABLE, &misc);
}

int arch_vcpu_init(struct vcpu *vcpu)
{
	int r = set_cpuid(vcpu);

	return r ? r : set_msrs(vcpu);
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, bool is_system)
{
	return (struct kvm_segment){
		.selector = selector,
		.limit = is_system ? 0x67 : 0xffffffff,
		.type = type,
		.s = !is_system,
		.g = !is_system,
		.db = !is_system,
		.present = 1,
	};
}

static void set_flat(struct kvm_sregs *sregs)
{
	struct kvm_segment data = segment(BOOT_DS, SEG_DATA, false);

	sregs->cs = segment(BOOT_CS, SEG_CODE, false);
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	sregs->tr = segment(0, SEG_TSS_BUSY, true);
}

/* PVH: 32-bit flat segments, paging off, CR0.PE alone, EBX names the start info. */
static void enter_pvh(const struct boot_info *boot, struct kvm_regs *regs, struct kvm_sregs *sregs)
{
	set_flat(sregs);
	sregs->cr0 = CR0_PE | CR0_ET;
	sregs->cr4 = 0;
	regs->rbx = boot->argument;
}

/* The 64-bit boot protocol (boot.rst): long mode, identity pages, RSI names boot_params. */
static void enter_64(const struct boot_info *boot, struct kvm_regs *regs, struct kvm_sregs *sregs)
{
	set_flat(sregs);
	sregs->cs.l = 1;
	sregs->cs.db = 0;
	sregs->gdt.base = LAYOUT_GDT;
	sregs->gdt.limit = 4 * 8 - 1;
	sregs->cr3 = LAYOUT_PAGE_TABLES;
	sregs->cr4 = CR4_PAE;
	sregs->efer = EFER_LME | EFER_LMA;
	sregs->cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG;
	regs->rsi = boot->argument;
}

int arch_vcpu_boot(struct vcpu *vcpu)
{
	const struct boot_info *boot = &vcpu->board->boot;
	struct kvm_regs regs = { .rip = boot->entry, .rflags = RFLAGS_ONE };
	struct kvm_sregs sregs;
	int r;

	if (vcpu->index)
		return 0;
	if (!cpuid_is_intel(vcpu->board->arch->cpuid)) /* which has it in leaf 15h */
		boot_tell_tsc(vcpu->board, vcpu->board->arch->tsc_khz);
	r = SET_UP(vcpu, KVM_GET_SREGS, &sregs);
	if (r)
		return r;
	if (boot->pvh)
		enter_pvh(boot, &regs, &sregs);
	else
		enter_64(boot, &regs, &sregs);
	r = SET_UP(vcpu, KVM_SET_SREGS, &sregs);
	return r ? r : SET_UP(vcpu, KVM_SET_REGS, &regs);
}

/* The bytes at the instruction pointer as the guest's own page tables show them. */
static unsigned instruction(const struct vcpu *vcpu, uint64_t linear, uint8_t bytes[15])
{
	struct kvm_translation at = { .linear_address = linear };
	const uint8_t *hva;
	unsigned n;

	if (HOST_IOCTL(vcpu->fd, KVM_TRANSLATE, &at) < 0 || !at.valid)
		return 0;
	for (n = 0; n < 15; n++) {
		hva = memory_at(&vcpu->board->memory, at.physical_address + n, 1);
		if (!hva || ((linear + n) ^ linear) >> 12) /* the next page may lie elsewhere */
			break;
		bytes[n] = *hva;
	}
	return n;
}

/* KVM cannot run this vcpu on: say where it stands, so that a report is worth something. */
static bool stuck(struct vcpu *vcpu, const char *why, uint64_t detail)
{
	struct kvm_regs regs = { 0 };
	struct kvm_sregs sregs = { 0 };
	uint8_t bytes[15];
	char hex[15 * 3 + 1] = " none";
	unsigned n;

	if (HOST_IOCTL(vcpu->fd, KVM_GET_REGS, &regs) < 0 ||
	    HOST_IOCTL(vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
		regs.rip = 0;
	n = instruction(vcpu, (sregs.cs.l ? 0 : sregs.cs.base) + regs.rip, bytes);
	for (unsigned i = 0; i < n; i++)
		snprintf(hex + 3 * i, 4, " %02x", bytes[i]);
	loop_post_why(vcpu->board->loop, VM_EVENT_STUCK, STATUS_GUEST_STUCK,
		      "vcpu %u: %s (%#" PRIx64 ") at rip %#" PRIx64 ", cr0 %#" PRIx64
		      ", instruction bytes%s; this is a bug in the guest, or in the host's KVM",
		      vcpu->index, why, detail, (uint64_t)regs.rip, (uint64_t)sregs.cr0, hex);
	return false;
}

static bool on_shutdown(struct vcpu *vcpu)
{
	loop_post(vcpu->board->loop, VM_EVENT_CRASH, 0); /* triple fault */
	return false;
}

static bool on_internal_error(struct vcpu *vcpu)
{
	static const char *const why[] = {
		[KVM_INTERNAL_ERROR_EMULATION] = "KVM cannot emulate an instruction",
		[KVM_INTERNAL_ERROR_SIMUL_EX] = "KVM met an exception inside an exception",
		[KVM_INTERNAL_ERROR_DELIVERY_EV] = "KVM could not deliver an event",
		[KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON] = "KVM met an exit it does not know",
	};
	uint32_t error = vcpu->run->internal.suberror;

	return stuck(vcpu,
		     error < ARRAY_SIZE(why) && why[error] ? why[error] : "KVM internal error",
		     error);
}

static bool on_fail_entry(struct vcpu *vcpu)
{
	return stuck(vcpu, "the processor refused to enter the guest",
		     vcpu->run->fail_entry.hardware_entry_failure_reason);
}

static bool on_system_event(struct vcpu *vcpu)
{
	static const enum vm_event events[] = {
		[KVM_SYSTEM_EVENT_SHUTDOWN] = VM_EVENT_POWEROFF,
		[KVM_SYSTEM_EVENT_RESET] = VM_EVENT_REBOOT,
		[KVM_SYSTEM_EVENT_CRASH] = VM_EVENT_PANIC,
	};
	uint32_t type = vcpu->run->system_event.type;

	if (type >= ARRAY_SIZE(events) || !events[type])
		return stuck(vcpu, "system event that thru does not know", type);
	loop_post(vcpu->board->loop, events[type], 0);
	return false;
}

static bool on_nothing(struct vcpu *vcpu)
{
	return true;
}

static const struct {
	uint32_t reason;
	bool (*handle)(struct vcpu *vcpu);
} exits[] = {
	{ KVM_EXIT_SHUTDOWN, on_shutdown },       { KVM_EXIT_INTERNAL_ERROR, on_internal_error },
	{ KVM_EXIT_FAIL_ENTRY, on_fail_entry },   { KVM_EXIT_SYSTEM_EVENT, on_system_event },
	{ KVM_EXIT_IRQ_WINDOW_OPEN, on_nothing }, { KVM_EXIT_SET_TPR, on_nothing },
};

bool arch_vcpu_exit(struct vcpu *vcpu)
{
	for (unsigned i = 0; i < ARRAY_SIZE(exits); i++)
		if (exits[i].reason == vcpu->run->exit_reason)
			return exits[i].handle(vcpu);
	return stuck(vcpu, "exit that thru does not know", vcpu->run->exit_reason);
}
