/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtual processors: what the host's processors have, minus what does not go with passed devices.
 * PSCI 0.2 and later in the kernel starts the others (secondaries wait powered off) and ends the VM.
 * The main thread creates them; arch_vcpu_exit() runs on the vcpu's own.
 *
 * Left out: 32-bit guests; nested virtualisation; the memory tagging extension. In a VM that has it
 * each memory slot must be able to hold tags, which RAM is (shmem) and a mapped BAR is not: EINVAL
 * from kvm_arch_prepare_memory_region() (arch/arm64/kvm/mmu.c of Linux 7.2, line 2655). A processor that
 * changes with what is passed would be worse than one without; so KVM_CAP_ARM_MTE stays off, and KVM
 * then shows guests none in ID_AA64PFR1_EL1 (sanitise_id_aa64pfr1_el1() in sys_regs.c).
 */
#include "board.h"

#include <base/error.h>
#include <errno.h>
#include <host/call.h>
#include <host/kvm.h>
#include <string.h>

#include "layout.h"

#define FIRST_PPI 16

/* KVM_SET_ONE_REG's names for the core registers (api.rst 4.68): offsets in 32-bit units. */
#define CORE_REG(name) \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(regs.name))

static int set_reg(struct vcpu *vcpu, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };
	int r = HOST_IOCTL(vcpu->fd, KVM_SET_ONE_REG, &reg);

	if (r < 0)
		return fail(STATUS_FAILURE, -r, "KVM: register %#llx of vcpu %u refused: %s",
			    (unsigned long long)id, vcpu->index, strerror(-r));
	return 0;
}

/* For messages: 0 when KVM does not say. */
static uint64_t program_counter(struct vcpu *vcpu)
{
	uint64_t value = 0;
	struct kvm_one_reg reg = { .id = CORE_REG(pc), .addr = (uintptr_t)&value };

	return HOST_IOCTL(vcpu->fd, KVM_GET_ONE_REG, &reg) < 0 ? 0 : value;
}

static void offer(struct vcpu *vcpu, struct kvm_vcpu_init *init, unsigned cap, unsigned feature)
{
	if (kvm_check(vcpu->board->vm_fd, cap))
		init->features[0] |= BIT(feature);
}

static void choose_features(struct vcpu *vcpu, struct kvm_vcpu_init *init)
{
	int vm = vcpu->board->vm_fd;

	init->features[0] |= BIT(KVM_ARM_VCPU_PSCI_0_2);
	if (vcpu->index)
		init->features[0] |= BIT(KVM_ARM_VCPU_POWER_OFF);
	if (vcpu->board->config->pmu)
		offer(vcpu, init, KVM_CAP_ARM_PMU_V3, KVM_ARM_VCPU_PMU_V3);
	offer(vcpu, init, KVM_CAP_ARM_SVE, KVM_ARM_VCPU_SVE);
	/* Both or neither (api.rst 4.82). */
	if (kvm_check(vm, KVM_CAP_ARM_PTRAUTH_ADDRESS) &&
	    kvm_check(vm, KVM_CAP_ARM_PTRAUTH_GENERIC))
		init->features[0] |= BIT(KVM_ARM_VCPU_PTRAUTH_ADDRESS) |
				     BIT(KVM_ARM_VCPU_PTRAUTH_GENERIC);
}

static int vcpu_call(struct vcpu *vcpu, int fd, unsigned long request, void *arg, const char *name)
{
	int r = host_ioctl(fd, request, arg, name);

	return r < 0 ? fail(STATUS_FAILURE, -r, "KVM: %s for vcpu %u failed: %s", name, vcpu->index,
			    strerror(-r))
		     : 0;
}

static int check_extras(const struct board *board)
{
	if (board->config->nested)
		return fail(STATUS_HOST, ENOTSUP,
			    "--cpu-nested: thru has it on x86_64 only; leave it out");
	if (board->config->pci_cf8 == PCI_CF8_ON)
		return fail(STATUS_HOST, ENOTSUP,
			    "--pci-cf8 on: this machine has no ports; leave it out");
	if (board->config->pmu && !kvm_check(board->vm_fd, KVM_CAP_ARM_PMU_V3))
		return fail(
			STATUS_HOST, ENODEV,
			"--pmu: this host's KVM has no performance counters for guests; leave it "
			"out");
	return 0;
}

int arch_vcpu_init(struct vcpu *vcpu)
{
	struct board *board = vcpu->board;
	struct kvm_vcpu_init init = { 0 };
	int sve = KVM_ARM_VCPU_SVE;
	int irq = FIRST_PPI + LAYOUT_PPI_PMU;
	int r;

	/* Ask to be told of what KVM cannot decode, rather than a bare ENOSYS. Linux 5.5 and later. */
	if (!vcpu->index && kvm_check(board->vm_fd, KVM_CAP_ARM_NISV_TO_USER)) {
		r = kvm_enable_cap(board->vm_fd, KVM_CAP_ARM_NISV_TO_USER, 0);
		if (r)
			return r;
	}
	r = check_extras(board);
	if (r)
		return r;
	r = vcpu_call(vcpu, board->vm_fd, KVM_ARM_PREFERRED_TARGET, &init,
		      "KVM_ARM_PREFERRED_TARGET");
	if (r)
		return r;
	choose_features(vcpu, &init);
	r = vcpu_call(vcpu, vcpu->fd, KVM_ARM_VCPU_INIT, &init, "KVM_ARM_VCPU_INIT");
	if (!r && init.features[0] & BIT(KVM_ARM_VCPU_SVE))
		r = vcpu_call(vcpu, vcpu->fd, KVM_ARM_VCPU_FINALIZE, &sve, "KVM_ARM_VCPU_FINALIZE");
	board->arch->pmu = init.features[0] & BIT(KVM_ARM_VCPU_PMU_V3);
	if (!r && board->arch->pmu)
		r = kvm_device_set(vcpu->fd, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_IRQ,
				   &irq);
	return r;
}

/* booting.rst, "Call the kernel image". x1 to x3 are 0 and PSTATE is EL1h, masked, from reset. */
int arch_vcpu_boot(struct vcpu *vcpu)
{
	const struct boot_info *boot = &vcpu->board->boot;
	int r = 0;

	/* Here rather than at init because the counters' interrupt needs the finished GIC. */
	if (vcpu->board->arch->pmu)
		r = kvm_device_set(vcpu->fd, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_INIT,
				   NULL);
	if (r || vcpu->index)
		return r;
	r = set_reg(vcpu, CORE_REG(pc), boot->entry);
	return r ? r : set_reg(vcpu, CORE_REG(regs[0]), boot->argument);
}

static void stuck(struct vcpu *vcpu, const char *what, uint64_t detail)
{
	loop_post_why(
		vcpu->board->loop, VM_EVENT_STUCK, STATUS_GUEST_STUCK,
		"guest: vcpu %u at pc %#llx: %s (%#llx); this is a bug in the guest, or in the "
		"host's KVM",
		vcpu->index, (unsigned long long)program_counter(vcpu), what,
		(unsigned long long)detail);
}

static void system_event(struct vcpu *vcpu)
{
	struct loop *loop = vcpu->board->loop;

	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		loop_post(loop, VM_EVENT_POWEROFF, 0);
		break;
	case KVM_SYSTEM_EVENT_RESET:
		loop_post(loop, VM_EVENT_REBOOT, 0);
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		loop_post(loop, VM_EVENT_CRASH, 0);
		break;
	default:
		stuck(vcpu, "a system event thru does not know", vcpu->run->system_event.type);
	}
}

/*
 * The processor described the access too vaguely to emulate (ESR_EL2.ISV is 0: load or store of a
 * pair, with writeback, of a vector register, or cache maintenance). A bus that cannot carry an access
 * answers with an external abort (api.rst, KVM_SET_VCPU_EVENTS, ext_dabt_pending): the guest's
 * affair then, and the instruction is not skipped. Linux itself stores pairs to devices since
 * 6.10 (__iowrite64_copy()), where a page of the BAR is mapped without harm. Returns whether the vcpu may
 * run on: a host before Linux 5.5 cannot tell its guest.
 */
static bool not_decodable(struct vcpu *vcpu)
{
	struct kvm_vcpu_events events = { .exception.ext_dabt_pending = 1 };
	unsigned long long pc = program_counter(vcpu), at = vcpu->run->arm_nisv.fault_ipa;
	int r = HOST_IOCTL(vcpu->fd, KVM_SET_VCPU_EVENTS, &events);

	if (r < 0) {
		stuck(vcpu, "an access that KVM cannot decode", at);
		return false;
	}
	log_guest(
		&vcpu->board->arch->undecodable,
		"guest: vcpu %u at pc %#llx touched %#llx, which is no memory, with an instruction "
		"that KVM cannot decode, and has an external abort for it; its driver must use "
		"single plain loads and stores for device registers",
		vcpu->index, pc, at);
	return true;
}

bool arch_vcpu_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_SYSTEM_EVENT:
		system_event(vcpu);
		break;
	case KVM_EXIT_ARM_NISV:
	case KVM_EXIT_ARM_LDST64B:
		return not_decodable(vcpu);
	case KVM_EXIT_FAIL_ENTRY:
		stuck(vcpu, "the host's processor refused to run it",
		      run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		stuck(vcpu, "KVM gave up", run->internal.suberror);
		break;
	default:
		stuck(vcpu, "an exit thru does not know", run->exit_reason);
	}
	return false;
}
