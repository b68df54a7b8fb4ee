/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What only KVM of arm64 is asked, and its arguments in words. Pure functions of their arguments.
 */
#include "args.h"

#include <inttypes.h>
#include <linux/kvm.h>
#include <string.h>

/* Core registers are named by where they are in struct kvm_regs, in words of 32 bits (api.rst 4.68). */
#define CORE        (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE)
#define CORE_SP     KVM_REG_ARM_CORE_REG(regs.sp)
#define CORE_PC     KVM_REG_ARM_CORE_REG(regs.pc)
#define CORE_PSTATE KVM_REG_ARM_CORE_REG(regs.pstate)

static void tell_one_reg(struct told *t, const void *arg, int result)
{
	const struct kvm_one_reg *reg = arg;
	uint64_t at = reg->id - CORE, value;

	if (at < CORE_SP && !(at & 1))
		told_add(t, "X%u", (unsigned)at / 2);
	else if (at == CORE_SP)
		told_add(t, "SP");
	else if (at == CORE_PC)
		told_add(t, "PC");
	else if (at == CORE_PSTATE)
		told_add(t, "PSTATE");
	else
		told_add(t, "register %#llx", reg->id);
	if (result || at > CORE_PSTATE)
		return;
	memcpy(&value, (const void *)(uintptr_t)reg->addr, sizeof(value));
	told_add(t, " is %#" PRIx64, value);
}

static void tell_vcpu_init(struct told *t, const void *arg, int result)
{
	static const struct told_name features[] = {
		{ BIT(KVM_ARM_VCPU_POWER_OFF), "POWER_OFF", NULL },
		{ BIT(KVM_ARM_VCPU_EL1_32BIT), "EL1_32BIT", NULL },
		{ BIT(KVM_ARM_VCPU_PSCI_0_2), "PSCI_0_2", NULL },
		{ BIT(KVM_ARM_VCPU_PMU_V3), "PMU_V3", NULL },
		{ BIT(KVM_ARM_VCPU_SVE), "SVE", NULL },
		{ BIT(KVM_ARM_VCPU_PTRAUTH_ADDRESS), "PTRAUTH_ADDRESS", NULL },
		{ BIT(KVM_ARM_VCPU_PTRAUTH_GENERIC), "PTRAUTH_GENERIC", NULL },
		{ BIT(KVM_ARM_VCPU_HAS_EL2), "HAS_EL2", NULL },
	};
	const struct kvm_vcpu_init *init = arg;

	told_add(t, "target %u, ", init->target);
	TELL_FLAGS(t, init->features[0], features);
}

static void vgic_attr(struct told *t, const struct kvm_device_attr *attr)
{
	static const char *const parts[] = {
		[KVM_VGIC_V2_ADDR_TYPE_DIST] = "GICv2 distributor",
		[KVM_VGIC_V2_ADDR_TYPE_CPU] = "GICv2 CPU interface",
		[KVM_VGIC_V3_ADDR_TYPE_DIST] = "distributor",
		[KVM_VGIC_V3_ADDR_TYPE_REDIST] = "redistributors",
		[KVM_VGIC_ITS_ADDR_TYPE] = "ITS",
	};
	uint64_t address;
	uint32_t n;

	t->see = strstr(t->on, "its")  ? DEVICES "arm-vgic-its.rst"
		 : strstr(t->on, "v3") ? DEVICES "arm-vgic-v3.rst"
				       : DEVICES "arm-vgic.rst";
	if (attr->group == KVM_DEV_ARM_VGIC_GRP_ADDR && attr->attr < ARRAY_SIZE(parts) &&
	    attr->addr) {
		memcpy(&address, (const void *)(uintptr_t)attr->addr, sizeof(address));
		told_add(t, "KVM_DEV_ARM_VGIC_GRP_ADDR %s at %#" PRIx64, parts[attr->attr],
			 address);
		t->why = "Where the guest finds this part of its interrupt controller.";
	} else if (attr->group == KVM_DEV_ARM_VGIC_GRP_NR_IRQS && attr->addr) {
		memcpy(&n, (const void *)(uintptr_t)attr->addr, sizeof(n));
		told_add(t, "KVM_DEV_ARM_VGIC_GRP_NR_IRQS %u", n);
		t->why = "How many interrupts it has, those of each processor included.";
	} else if (attr->group == KVM_DEV_ARM_VGIC_GRP_CTRL &&
		   attr->attr == KVM_DEV_ARM_VGIC_CTRL_INIT) {
		told_add(t, "KVM_DEV_ARM_VGIC_CTRL_INIT");
		t->why = "It is whole: its parts are placed and the processors are there.";
	} else {
		told_add(t, "group %u, attribute %llu", attr->group, attr->attr);
	}
}

static void vcpu_attr(struct told *t, const struct kvm_device_attr *attr)
{
	int32_t irq;

	t->see = DEVICES "vcpu.rst";
	if (attr->group == KVM_ARM_VCPU_PMU_V3_CTRL && attr->attr == KVM_ARM_VCPU_PMU_V3_IRQ &&
	    attr->addr) {
		memcpy(&irq, (const void *)(uintptr_t)attr->addr, sizeof(irq));
		told_add(t, "KVM_ARM_VCPU_PMU_V3_IRQ %d", irq);
		t->why = "The interrupt by which the guest's performance counters tell that one is "
			 "full.";
	} else if (attr->group == KVM_ARM_VCPU_PMU_V3_CTRL &&
		   attr->attr == KVM_ARM_VCPU_PMU_V3_INIT) {
		told_add(t, "KVM_ARM_VCPU_PMU_V3_INIT");
		t->why = "The performance counters are ready, once the interrupt controller is.";
	} else {
		told_add(t, "group %u, attribute %llu", attr->group, attr->attr);
	}
}

bool explain_arch_attr(struct told *t, const struct kvm_device_attr *attr)
{
	if (!strncmp(t->on, "kvm-arm-vgic", 12))
		vgic_attr(t, attr);
	else if (!strncmp(t->on, "kvm-vcpu", 8))
		vcpu_attr(t, attr);
	else
		return false;
	return true;
}

/* In the order in which a VM meets them. */
static const struct explain_row rows[] = {
	{ CALL(KVM_ARM_PREFERRED_TARGET, SEAL_ON_VM, SEAL_BEFORE),
	  "The kind of processor that this host is.", API ": KVM_ARM_PREFERRED_TARGET" },
	{ CALL(KVM_ARM_VCPU_INIT, SEAL_ON_VCPU, SEAL_BEFORE),
	  "A processor of that kind, with what it can do.", API ": KVM_ARM_VCPU_INIT",
	  tell_vcpu_init },
	{ CALL(KVM_ARM_VCPU_FINALIZE, SEAL_ON_VCPU, SEAL_BEFORE),
	  "Its vector registers are as they shall be.", API ": KVM_ARM_VCPU_FINALIZE" },
	{ CALL(KVM_SET_ONE_REG, SEAL_ON_VCPU, SEAL_BEFORE),
	  "A register as the boot protocol wants it.", API ": KVM_SET_ONE_REG", tell_one_reg },
	{ CALL(KVM_GET_ONE_REG, SEAL_ON_VCPU, SEAL_AFTER), "A register, for a message.",
	  API ": KVM_GET_ONE_REG", tell_one_reg },
	{ CALL(KVM_SET_VCPU_EVENTS, SEAL_ON_VCPU, SEAL_AFTER),
	  "An external abort for the guest: it accessed a device as no bus could carry.",
	  API ": KVM_SET_VCPU_EVENTS" },
};

const struct explain_row *explain_arch_rows(unsigned *ret_n)
{
	*ret_n = ARRAY_SIZE(rows);
	return rows;
}
