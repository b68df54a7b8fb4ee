/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arguments of KVM's calls in words: those that all architectures have. What only one has is in
 * kvm_<architecture>.c, of which that of this program's is built. Pure functions of their arguments.
 */
#include "args.h"

#include <inttypes.h>
#include <linux/kvm.h>
#include <string.h>

void tell_check_extension(struct told *t, const void *arg, int result)
{
	static const struct told_name caps[] = {
		{ KVM_CAP_NR_MEMSLOTS, "KVM_CAP_NR_MEMSLOTS",
		  "How many memory slots a VM may have: RAM takes a few, every mapped piece of a BAR "
		  "one more." },
		{ KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING",
		  "How many interrupt routes there may be: one for each MSI vector in use, besides "
		  "the irqchip's pins." },
		{ KVM_CAP_MAX_VCPUS, "KVM_CAP_MAX_VCPUS",
		  "The most vcpus that this KVM can give a VM; --cpus is checked against it." },
		{ KVM_CAP_NR_VCPUS, "KVM_CAP_NR_VCPUS", NULL },
		{ KVM_CAP_MSI_DEVID, "KVM_CAP_MSI_DEVID",
		  "Whether a message must say which device sent it, as the GIC's ITS wants." },
		{ KVM_CAP_ARM_VM_IPA_SIZE, "KVM_CAP_ARM_VM_IPA_SIZE",
		  "How many bits of guest physical address this host can translate." },
		{ KVM_CAP_ARM_NISV_TO_USER, "KVM_CAP_ARM_NISV_TO_USER",
		  "Whether KVM hands over an access that it cannot decode, rather than fail." },
		{ KVM_CAP_ARM_PMU_V3, "KVM_CAP_ARM_PMU_V3", NULL },
		{ KVM_CAP_ARM_SVE, "KVM_CAP_ARM_SVE", NULL },
		{ KVM_CAP_ARM_PTRAUTH_ADDRESS, "KVM_CAP_ARM_PTRAUTH_ADDRESS", NULL },
		{ KVM_CAP_ARM_PTRAUTH_GENERIC, "KVM_CAP_ARM_PTRAUTH_GENERIC", NULL },
		{ KVM_CAP_READONLY_MEM, "KVM_CAP_READONLY_MEM", NULL },
		{ KVM_CAP_IRQFD, "KVM_CAP_IRQFD", NULL },
		{ KVM_CAP_IRQFD_RESAMPLE, "KVM_CAP_IRQFD_RESAMPLE", NULL },
		{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT", NULL },
	};
	const struct told_name *cap = told_name(caps, ARRAY_SIZE(caps), (uintptr_t)arg);

	if (cap)
		told_add(t, "%s", cap->name);
	else
		told_add(t, "capability %ju", (uintmax_t)(uintptr_t)arg);
	if (cap && cap->why)
		t->why = cap->why;
}

void tell_create_vm(struct told *t, const void *arg, int result)
{
	unsigned long type = (uintptr_t)arg;

	told_add(t, "type %lu", type);
	/* aarch64: KVM_VM_TYPE_ARM_IPA_SIZE(). */
	if (type >= 32 && type <= 64)
		told_add(t, " (bits of guest physical address)");
}

void tell_enable_cap(struct told *t, const void *arg, int result)
{
	const struct kvm_enable_cap *cap = arg;

	if (cap->cap == KVM_CAP_ARM_NISV_TO_USER)
		told_add(t, "KVM_CAP_ARM_NISV_TO_USER");
	else if (cap->cap == KVM_CAP_PMU_CAPABILITY)
		told_add(t, "KVM_CAP_PMU_CAPABILITY%s",
			 cap->args[0] & KVM_PMU_CAP_DISABLE ? ", KVM_PMU_CAP_DISABLE" : "");
	else
		told_add(t, "capability %u, args %#llx", cap->cap, cap->args[0]);
}

void tell_set_memory(struct told *t, const void *arg, int result)
{
	static const struct told_name flags[] = { TOLD_NAME(KVM_MEM_LOG_DIRTY_PAGES),
						  TOLD_NAME(KVM_MEM_READONLY) };
	const struct kvm_userspace_memory_region *r = arg;

	told_add(t, "slot %u", r->slot);
	if (!r->memory_size) {
		told_add(t, " removed");
		t->why = "Size 0 removes a slot: a BAR moved or went away, and the guest must not "
			 "reach its old place.";
		return;
	}
	told_add(t, ", guest ");
	told_span(t, r->guest_phys_addr, r->memory_size);
	told_add(t, " at host %#llx, flags ", r->userspace_addr);
	TELL_FLAGS(t, r->flags, flags);
}

void tell_irqfd(struct told *t, const void *arg, int result)
{
	const struct kvm_irqfd *irq = arg;

	told_fd(t, (int)irq->fd);
	if (irq->flags & KVM_IRQFD_FLAG_DEASSIGN) {
		told_add(t, " off GSI %u", irq->gsi);
		t->why =
			"KVM listens no more: this kind of interrupt goes off, or the guest masked "
			"the vector; what then arrives stays in the eventfd as its pending bit.";
		return;
	}
	told_add(t, " raises GSI %u", irq->gsi);
	if (!(irq->flags & KVM_IRQFD_FLAG_RESAMPLE))
		return;
	told_add(t, ", its end of interrupt signals ");
	told_fd(t, (int)irq->resamplefd);
	t->why = "INTx is a level: KVM keeps the line up until the guest acknowledges it, then "
		 "signals the second eventfd, with which VFIO unmasks the device's line.";
	t->see = API ": KVM_IRQFD, KVM_CAP_IRQFD_RESAMPLE";
}

void tell_ioeventfd(struct told *t, const void *arg, int result)
{
	const struct kvm_ioeventfd *bell = arg;

	told_fd(t, bell->fd);
	told_add(t, bell->flags & KVM_IOEVENTFD_FLAG_DEASSIGN ? " no more at %#llx" : " at %#llx",
		 (unsigned long long)bell->addr);
}

void tell_gsi_routing(struct told *t, const void *arg, int result)
{
	const struct kvm_irq_routing *table = arg;
	unsigned pins = 0, shown = 0;

	for (unsigned i = 0; i < table->nr; i++)
		pins += table->entries[i].type == KVM_IRQ_ROUTING_IRQCHIP;
	told_add(t, "%u pin%s, %u message%s", pins, pins == 1 ? "" : "s", table->nr - pins,
		 table->nr - pins == 1 ? "" : "s");
	/* The newest is last: it is why the call is made. */
	for (unsigned i = table->nr; i-- && shown < 1;) {
		const struct kvm_irq_routing_entry *e = &table->entries[i];

		if (e->type != KVM_IRQ_ROUTING_MSI)
			break;
		told_add(t, "; GSI %u writes %#x to %#" PRIx64, e->gsi, e->u.msi.data,
			 (uint64_t)e->u.msi.address_hi << 32 | e->u.msi.address_lo);
		shown++;
	}
}

void tell_irq_line(struct told *t, const void *arg, int result)
{
	const struct kvm_irq_level *line = arg;

	told_add(t, "%#x %s", line->irq, line->level ? "up" : "down");
}

void tell_create_device(struct told *t, const void *arg, int result)
{
	static const struct told_name types[] = {
		{ KVM_DEV_TYPE_VFIO, "KVM_DEV_TYPE_VFIO",
		  "The kvm-vfio pseudo device: through it KVM learns which VFIO files this VM owns. "
		  "That makes DMA coherency and posted interrupts come out right." },
		{ KVM_DEV_TYPE_ARM_VGIC_V2, "KVM_DEV_TYPE_ARM_VGIC_V2",
		  "The interrupt controller (GICv2), in the kernel." },
		{ KVM_DEV_TYPE_ARM_VGIC_V3, "KVM_DEV_TYPE_ARM_VGIC_V3",
		  "The interrupt controller (GICv3), in the kernel." },
		{ KVM_DEV_TYPE_ARM_VGIC_ITS, "KVM_DEV_TYPE_ARM_VGIC_ITS",
		  "The ITS turns a message and the device that sent it into an interrupt." },
	};
	const struct kvm_create_device *device = arg;
	const struct told_name *type = told_name(types, ARRAY_SIZE(types), device->type);

	if (type)
		told_add(t, "%s", type->name);
	else
		told_add(t, "type %u", device->type);
	if (device->flags & KVM_CREATE_DEVICE_TEST)
		told_add(t, ", only asking");
	else if (!result)
		told_add(t, ", fd %u", device->fd);
	if (type)
		t->why = type->why;
}

static void vfio_file(struct told *t, const struct kvm_device_attr *attr)
{
	int32_t fd;

	memcpy(&fd, (const void *)(uintptr_t)attr->addr, sizeof(fd));
	if (attr->attr == KVM_DEV_VFIO_FILE_ADD) {
		told_add(t, "KVM_DEV_VFIO_FILE_ADD ");
		t->why = "KVM is told of the device before it is bound: a driver that needs the VM "
			 "when it opens finds it, and the VM cannot go away under the device.";
	} else {
		told_add(t, "KVM_DEV_VFIO_FILE_DEL ");
		t->why = "This VM ends; the device stays open for the next one, or is closed.";
	}
	told_fd(t, fd);
	t->see = DEVICES "vfio.rst";
}

/* The numbers of groups and attributes mean what the device that they are set on says. */
void tell_device_attr(struct told *t, const void *arg, int result)
{
	const struct kvm_device_attr *attr = arg;

	if (explain_arch_attr(t, attr))
		return;
	if (attr->group == KVM_DEV_VFIO_FILE && attr->addr &&
	    (attr->attr == KVM_DEV_VFIO_FILE_ADD || attr->attr == KVM_DEV_VFIO_FILE_DEL))
		vfio_file(t, attr);
	else
		told_add(t, "group %u, attribute %llu", attr->group, attr->attr);
}

void tell_vcpu_id(struct told *t, const void *arg, int result)
{
	told_add(t, "id %ju", (uintmax_t)(uintptr_t)arg);
}
