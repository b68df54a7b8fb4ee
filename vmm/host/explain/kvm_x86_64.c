/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What only KVM of x86 is asked, and its arguments in words. Pure functions of their arguments.
 */
#include "args.h"

#include <inttypes.h>
#include <linux/kvm.h>

static void tell_cpuid(struct told *t, const void *arg, int result)
{
	const struct kvm_cpuid2 *cpuid = arg;

	told_add(t, "%u entries", cpuid->nent);
}

static void tell_msrs(struct told *t, const void *arg, int result)
{
	const struct kvm_msrs *msrs = arg;

	for (unsigned i = 0; i < MIN(msrs->nmsrs, 4u); i++)
		told_add(t, "%sMSR %#x: %#" PRIx64, i ? ", " : "", msrs->entries[i].index,
			 (uint64_t)msrs->entries[i].data);
	if (msrs->nmsrs > 4)
		told_add(t, ", and %u more", msrs->nmsrs - 4);
}

static void tell_regs(struct told *t, const void *arg, int result)
{
	const struct kvm_regs *regs = arg;

	if (!result)
		told_add(t, "RIP %#llx, RBX %#llx, RSI %#llx, RSP %#llx", regs->rip, regs->rbx,
			 regs->rsi, regs->rsp);
}

static void tell_sregs(struct told *t, const void *arg, int result)
{
	const struct kvm_sregs *sregs = arg;

	if (!result)
		told_add(t, "CS at %#llx, CR0 %#llx, CR3 %#llx, CR4 %#llx, EFER %#llx",
			 sregs->cs.base, sregs->cr0, sregs->cr3, sregs->cr4, sregs->efer);
}

/* In the order in which a VM meets them. */
static const struct explain_row rows[] = {
	{ CALL(KVM_SET_IDENTITY_MAP_ADDR, SEAL_ON_VM, SEAL_BEFORE),
	  "A page that Intel processors without unrestricted guest mode need; nobody else may use "
	  "it.",
	  API ": KVM_SET_IDENTITY_MAP_ADDR", tell_address },
	{ CALL(KVM_SET_TSS_ADDR, SEAL_ON_VM, SEAL_BEFORE), "Three pages, for the same reason.",
	  API ": KVM_SET_TSS_ADDR", tell_by_value },
	{ CALL(KVM_CREATE_IRQCHIP, SEAL_ON_VM, SEAL_BEFORE),
	  "The interrupt controllers (PIC, IOAPIC, a local APIC for each vcpu) in the kernel: "
	  "without them no interrupt reaches the guest but through us.",
	  API ": KVM_CREATE_IRQCHIP" },
	{ CALL(KVM_CREATE_PIT2, SEAL_ON_VM, SEAL_BEFORE),
	  "A PC's timer, for kernels without kvm-clock: it tells them how fast their TSC is.",
	  API ": KVM_CREATE_PIT2" },
	{ CALL(KVM_GET_IRQCHIP, SEAL_ON_VM, SEAL_BEFORE),
	  "The state of one 8259, to change its mask.", API ": KVM_GET_IRQCHIP" },
	{ CALL(KVM_SET_IRQCHIP, SEAL_ON_VM, SEAL_BEFORE),
	  "All its inputs masked, as a BIOS leaves them.", API ": KVM_SET_IRQCHIP" },
	{ CALL(KVM_GET_SUPPORTED_CPUID, SEAL_ON_KVM, SEAL_BEFORE),
	  "What this processor and KVM can show a guest.", API ": KVM_GET_SUPPORTED_CPUID",
	  tell_cpuid },
	{ CALL(KVM_GET_TSC_KHZ, SEAL_ON_VCPU, SEAL_BEFORE),
	  "For CPUID: a kernel without kvm-clock asks there.", API ": KVM_GET_TSC_KHZ" },
	{ CALL(KVM_SET_CPUID2, SEAL_ON_VCPU, SEAL_BEFORE),
	  "What the guest's CPUID instruction answers: the host's, with our topology.",
	  API ": KVM_SET_CPUID2", tell_cpuid },
	{ CALL(KVM_SET_MSRS, SEAL_ON_VCPU, SEAL_BEFORE),
	  "Registers that firmware would have set: memory types, for one. The result is how many "
	  "were taken.",
	  API ": KVM_SET_MSRS", tell_msrs },
	{ CALL(KVM_GET_MSRS, SEAL_ON_VCPU, SEAL_BEFORE), "Registers that firmware would have set.",
	  API ": KVM_GET_MSRS", tell_msrs },
	{ CALL(KVM_GET_SREGS, SEAL_ON_VCPU, SEAL_AFTER),
	  "Segments and control registers as reset leaves them.", API ": KVM_GET_SREGS",
	  tell_sregs },
	{ CALL(KVM_SET_SREGS, SEAL_ON_VCPU, SEAL_BEFORE),
	  "The mode in which the kernel's boot protocol wants to be entered.",
	  API ": KVM_SET_SREGS", tell_sregs },
	{ CALL(KVM_GET_REGS, SEAL_ON_VCPU, SEAL_AFTER),
	  "Where the vcpu is: for a message about one that is stuck.", API ": KVM_GET_REGS",
	  tell_regs },
	{ CALL(KVM_SET_REGS, SEAL_ON_VCPU, SEAL_BEFORE),
	  "The kernel's entry point and its argument.", API ": KVM_SET_REGS", tell_regs },
	{ CALL(KVM_TRANSLATE, SEAL_ON_VCPU, SEAL_AFTER),
	  "Where a guest's address is: for a message about a vcpu that is stuck.",
	  API ": KVM_TRANSLATE" },
};

const struct explain_row *explain_arch_rows(unsigned *ret_n)
{
	*ret_n = ARRAY_SIZE(rows);
	return rows;
}

/* No device of x86 has attributes that thru sets. */
bool explain_arch_attr(struct told *t, const struct kvm_device_attr *attr)
{
	return false;
}
