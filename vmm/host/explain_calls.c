/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `--explain` knows of each call: why a VMM makes it, where the kernel documents it, and how
 * to read its argument. One row for each request that passes the door (tests/lint/explain). Rows are
 * found by name and not by number: requests of one architecture are known on all.
 *
 * Sections of api.rst are named by the call, as their titles are. Pure functions of their arguments,
 * which are ours: nothing here is chosen by a guest.
 */
#include "explain.h"

#include <inttypes.h>
#include <linux/iommufd.h>
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <string.h>

#define API     "Documentation/virt/kvm/api.rst"
#define KVMVFIO "Documentation/virt/kvm/devices/vfio.rst"
#define VFIO    "Documentation/driver-api/vfio.rst"
#define IOMMUFD "Documentation/userspace-api/iommufd.rst"
#define UAPI    "include/uapi/linux/vfio.h"

struct name {
	uint64_t value;
	const char *name, *why;
};
#define NAME(n)             \
	{                   \
		n, #n, NULL \
	}

static const struct name *name_of(const struct name *table, unsigned n, uint64_t value)
{
	for (unsigned i = 0; i < n; i++)
		if (table[i].value == value)
			return &table[i];
	return NULL;
}

/* "A | B | 0x40": the bits of a word by name, what has none as a number. */
static void add_flags(struct told *t, uint64_t value, const struct name *table, unsigned n)
{
	const char *separator = "";

	if (!value)
		told_add(t, "none");
	for (unsigned i = 0; i < n; i++) {
		if (!(value & table[i].value))
			continue;
		told_add(t, "%s%s", separator, table[i].name);
		value &= ~table[i].value;
		separator = " | ";
	}
	if (value)
		told_add(t, "%s%#" PRIx64, separator, value);
}
#define FLAGS(t, value, table) add_flags(t, value, table, ARRAY_SIZE(table))

static void add_size(struct told *t, uint64_t size)
{
	if (size >= GIB(1) && is_aligned(size, GIB(1)))
		told_add(t, "%" PRIu64 " GiB", size >> 30);
	else if (size >= MIB(1) && is_aligned(size, MIB(1)))
		told_add(t, "%" PRIu64 " MiB", size >> 20);
	else if (size >= KIB(1) && is_aligned(size, KIB(1)))
		told_add(t, "%" PRIu64 " KiB", size >> 10);
	else
		told_add(t, "%" PRIu64 " bytes", size);
}

/* "0x100000-0x1fffff (1 MiB)" */
static void add_span(struct told *t, uint64_t base, uint64_t size)
{
	told_add(t, "%#" PRIx64 "-%#" PRIx64 " (", base, base + size - !!size);
	add_size(t, size);
	told_add(t, ")");
}

/* KVM */

static void check_extension(struct told *t, const void *arg, int result)
{
	static const struct name caps[] = {
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
	const struct name *cap = name_of(caps, ARRAY_SIZE(caps), (uintptr_t)arg);

	if (cap)
		told_add(t, "%s", cap->name);
	else
		told_add(t, "capability %ju", (uintmax_t)(uintptr_t)arg);
	if (cap && cap->why)
		t->why = cap->why;
}

static void create_vm(struct told *t, const void *arg, int result)
{
	told_add(t, "type %ju", (uintmax_t)(uintptr_t)arg);
}

static void enable_cap(struct told *t, const void *arg, int result)
{
	const struct kvm_enable_cap *cap = arg;

	if (cap->cap == KVM_CAP_ARM_NISV_TO_USER)
		told_add(t, "KVM_CAP_ARM_NISV_TO_USER");
	else
		told_add(t, "capability %u, args %#llx", cap->cap, cap->args[0]);
}

static void set_memory(struct told *t, const void *arg, int result)
{
	static const struct name flags[] = { NAME(KVM_MEM_LOG_DIRTY_PAGES),
					     NAME(KVM_MEM_READONLY) };
	const struct kvm_userspace_memory_region *r = arg;

	told_add(t, "slot %u", r->slot);
	if (!r->memory_size) {
		told_add(t, " removed");
		t->why = "Size 0 removes a slot: a BAR moved or went away, and the guest must not "
			 "reach its old place.";
		return;
	}
	told_add(t, ", guest ");
	add_span(t, r->guest_phys_addr, r->memory_size);
	told_add(t, " at host %#llx, flags ", r->userspace_addr);
	FLAGS(t, r->flags, flags);
}

static void irqfd(struct told *t, const void *arg, int result)
{
	const struct kvm_irqfd *irq = arg;

	told_fd(t, (int)irq->fd);
	if (irq->flags & KVM_IRQFD_FLAG_DEASSIGN) {
		told_add(t, " off GSI %u", irq->gsi);
		t->why = "The guest masked the vector, or turns this kind of interrupt off: what "
			 "arrives now stays in the eventfd and is the vector's pending bit.";
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

static void gsi_routing(struct told *t, const void *arg, int result)
{
	const struct kvm_irq_routing *table = arg;
	unsigned pins = 0, shown = 0;

	for (unsigned i = 0; i < table->nr; i++)
		pins += table->entries[i].type == KVM_IRQ_ROUTING_IRQCHIP;
	told_add(t, "%u pins, %u messages", pins, table->nr - pins);
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

static void irq_line(struct told *t, const void *arg, int result)
{
	const struct kvm_irq_level *line = arg;

	told_add(t, "%#x %s", line->irq, line->level ? "up" : "down");
}

static void create_device(struct told *t, const void *arg, int result)
{
	static const struct name types[] = {
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
	const struct name *type = name_of(types, ARRAY_SIZE(types), device->type);

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

static void device_attr(struct told *t, const void *arg, int result)
{
	const struct kvm_device_attr *attr = arg;
	int32_t fd;

	if (attr->group != KVM_DEV_VFIO_FILE || !attr->addr ||
	    (attr->attr != KVM_DEV_VFIO_FILE_ADD && attr->attr != KVM_DEV_VFIO_FILE_DEL)) {
		told_add(t, "group %u, attribute %llu", attr->group, attr->attr);
		return;
	}
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
	t->see = KVMVFIO;
}

static void by_value(struct told *t, const void *arg, int result)
{
	told_add(t, "%#jx", (uintmax_t)(uintptr_t)arg);
}

static void address(struct told *t, const void *arg, int result)
{
	told_add(t, "%#" PRIx64, *(const uint64_t *)arg);
}

static void vcpu_id(struct told *t, const void *arg, int result)
{
	told_add(t, "id %ju", (uintmax_t)(uintptr_t)arg);
}

/* struct kvm_cpuid2, struct kvm_msrs: a count first, whatever the architecture. */
static void entries(struct told *t, const void *arg, int result)
{
	told_add(t, "%u entries", *(const uint32_t *)arg);
}

/* struct kvm_msrs of x86: count, padding, then index and value, 16 bytes each. */
static void msrs(struct told *t, const void *arg, int result)
{
	const uint8_t *p = arg;
	uint32_t n, index;
	uint64_t value;

	memcpy(&n, p, sizeof(n));
	for (uint32_t i = 0; i < MIN(n, 4u); i++) {
		memcpy(&index, p + 8 + 16ul * i, sizeof(index));
		memcpy(&value, p + 16 + 16ul * i, sizeof(value));
		told_add(t, "%sMSR %#x: %#" PRIx64, i ? ", " : "", index, value);
	}
	if (n > 4)
		told_add(t, ", and %u more", n - 4);
}

static void one_reg(struct told *t, const void *arg, int result)
{
	const struct kvm_one_reg *reg = arg;

	told_add(t, "register %#llx", reg->id);
}

/* VFIO */

static void bind_iommufd(struct told *t, const void *arg, int result)
{
	const struct vfio_device_bind_iommufd *bind = arg;

	told_fd(t, bind->iommufd);
	if (bind->flags & VFIO_DEVICE_BIND_FLAG_TOKEN)
		told_add(t, ", with a VF token");
	if (!result)
		told_add(t, ", is now device %u there", bind->out_devid);
}

static void attach(struct told *t, const void *arg, int result)
{
	const struct vfio_device_attach_iommufd_pt *pt = arg;

	told_add(t, "to page table %u", pt->pt_id);
}

static void device_info(struct told *t, const void *arg, int result)
{
	static const struct name flags[] = { NAME(VFIO_DEVICE_FLAGS_RESET),
					     NAME(VFIO_DEVICE_FLAGS_PCI),
					     NAME(VFIO_DEVICE_FLAGS_CAPS) };
	const struct vfio_device_info *info = arg;

	if (result)
		return;
	told_add(t, "%u regions, %u interrupt kinds, ", info->num_regions, info->num_irqs);
	FLAGS(t, info->flags, flags);
}

static const char *region_name(unsigned index)
{
	static const char *const names[] = { "BAR 0", "BAR 1", "BAR 2",        "BAR 3", "BAR 4",
					     "BAR 5", "ROM",   "config space", "VGA" };

	return index < ARRAY_SIZE(names) ? names[index] : "a region of its driver";
}

static void region_info(struct told *t, const void *arg, int result)
{
	static const struct name flags[] = {
		{ VFIO_REGION_INFO_FLAG_READ, "read", NULL },
		{ VFIO_REGION_INFO_FLAG_WRITE, "write", NULL },
		{ VFIO_REGION_INFO_FLAG_MMAP, "mmap", NULL },
		{ VFIO_REGION_INFO_FLAG_CAPS, "more (capabilities)", NULL },
	};
	const struct vfio_region_info *info = arg;

	told_add(t, "%u (%s)", info->index, region_name(info->index));
	if (result)
		return;
	told_add(t, ": ");
	add_size(t, info->size);
	if (!info->size)
		return;
	told_add(t, " at %#llx, ", info->offset);
	FLAGS(t, info->flags, flags);
}

static const char *irq_name(unsigned index)
{
	static const char *const names[] = { "INTx", "MSI", "MSI-X", "error", "request" };

	return index < ARRAY_SIZE(names) ? names[index] : "?";
}

static void irq_info(struct told *t, const void *arg, int result)
{
	static const struct name flags[] = {
		{ VFIO_IRQ_INFO_EVENTFD, "eventfd", NULL },
		{ VFIO_IRQ_INFO_MASKABLE, "maskable", NULL },
		{ VFIO_IRQ_INFO_AUTOMASKED, "masks itself", NULL },
		{ VFIO_IRQ_INFO_NORESIZE, "fixed number", NULL },
	};
	const struct vfio_irq_info *info = arg;

	told_add(t, "%s", irq_name(info->index));
	if (result)
		return;
	told_add(t, ": %u, ", info->count);
	FLAGS(t, info->flags, flags);
}

static void set_irqs_why(struct told *t, const struct vfio_irq_set *set, unsigned live)
{
	bool trigger = set->flags & VFIO_IRQ_SET_ACTION_TRIGGER;

	if (trigger && !set->count)
		t->why = "Count 0 turns this kind of interrupt off in the device and frees the "
			 "host's handlers.";
	else if (set->flags & VFIO_IRQ_SET_ACTION_UNMASK)
		t->why = "KVM signals this eventfd when the guest has acknowledged INTx; VFIO then "
			 "unmasks the line, in the kernel.";
	else if (set->index == VFIO_PCI_INTX_IRQ_INDEX)
		t->why = "INTx is on whenever MSI and MSI-X are off: VFIO masks the line when it "
			 "fires and signals the eventfd that KVM raises the guest's line from.";
	else if (set->index == VFIO_PCI_MSIX_IRQ_INDEX && !live)
		t->why = "MSI-X is on in the device, without a handler in the host for any vector: "
			 "drivers of devices with hundreds of them use a few.";
	else if (set->index == VFIO_PCI_MSIX_IRQ_INDEX)
		t->why = "The guest unmasked this vector: the host's interrupt handler signals the "
			 "eventfd and KVM injects from it, with no VMM in between.";
	else if (set->index == VFIO_PCI_MSI_IRQ_INDEX)
		t->why =
			"MSI is given all its vectors at once, an eventfd each: the host's handler "
			"signals it, KVM injects.";
	else if (set->index == VFIO_PCI_ERR_IRQ_INDEX)
		t->why =
			"Told of an uncorrectable PCI Express error (AER): the guest is stopped, for "
			"the device's state is unknown.";
	else if (set->index == VFIO_PCI_REQ_IRQ_INDEX)
		t->why =
			"Told when the host wants the device back: whoever asks waits in the kernel "
			"until it is closed.";
}

static int32_t set_irqs_fd(const struct vfio_irq_set *set, unsigned i)
{
	int32_t fd = -1;

	if (set->flags & VFIO_IRQ_SET_DATA_EVENTFD)
		memcpy(&fd, set->data + i * sizeof(fd), sizeof(fd));
	return fd;
}

static void set_irqs(struct told *t, const void *arg, int result)
{
	const struct vfio_irq_set *set = arg;
	const char *action = set->flags & VFIO_IRQ_SET_ACTION_MASK     ? "mask"
			     : set->flags & VFIO_IRQ_SET_ACTION_UNMASK ? "unmask"
								       : "trigger";
	unsigned live = 0;

	told_add(t, "%s %s", irq_name(set->index), action);
	if (!set->count)
		told_add(t, ", off");
	else if (set->count == 1)
		told_add(t, " %u", set->start);
	else
		told_add(t, " %u-%u", set->start, set->start + set->count - 1);
	for (unsigned i = 0; i < set->count; i++) {
		int32_t fd = set_irqs_fd(set, i);

		if (fd < 0)
			continue;
		if (++live > 4)
			continue;
		told_add(t, live > 1 ? ", " : " by ");
		told_fd(t, fd);
	}
	if (live > 4)
		told_add(t, ", and %u more", live - 4);
	else if (set->count && !live)
		told_add(t, " by none");
	set_irqs_why(t, set, live);
}

static void feature(struct told *t, const void *arg, int result)
{
	static const struct name features[] = {
		{ VFIO_DEVICE_FEATURE_PCI_VF_TOKEN, "PCI_VF_TOKEN",
		  "Who opens a VF must show the token that its physical function's owner set." },
		{ VFIO_DEVICE_FEATURE_MIGRATION, "MIGRATION", NULL },
		{ VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY, "LOW_POWER_ENTRY",
		  "The guest put the device to sleep: the host may now take its power away." },
		{ VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP, "LOW_POWER_ENTRY_WITH_WAKEUP",
		  "As LOW_POWER_ENTRY, and an eventfd tells when the device wants to wake." },
		{ VFIO_DEVICE_FEATURE_LOW_POWER_EXIT, "LOW_POWER_EXIT",
		  "The guest wakes the device: it must have power before it is touched." },
		{ VFIO_DEVICE_FEATURE_DMA_LOGGING_START, "DMA_LOGGING_START", NULL },
		{ VFIO_DEVICE_FEATURE_DMA_BUF, "DMA_BUF",
		  "A BAR as a dma-buf: the only form in which iommufd maps one for other devices "
		  "(peer to peer)." },
	};
	static const struct name flags[] = {
		{ VFIO_DEVICE_FEATURE_GET, "get", NULL },
		{ VFIO_DEVICE_FEATURE_SET, "set", NULL },
		{ VFIO_DEVICE_FEATURE_PROBE, "only asking", NULL },
	};
	const struct vfio_device_feature *f = arg;
	const struct name *known = name_of(features, ARRAY_SIZE(features),
					   f->flags & VFIO_DEVICE_FEATURE_MASK);

	if (known)
		told_add(t, "%s: ", known->name);
	else
		told_add(t, "%u: ", f->flags & VFIO_DEVICE_FEATURE_MASK);
	FLAGS(t, f->flags & ~VFIO_DEVICE_FEATURE_MASK, flags);
	if (known && known->why)
		t->why = known->why;
}

static void hot_reset_info(struct told *t, const void *arg, int result)
{
	const struct vfio_pci_hot_reset_info *info = arg;

	told_add(t, "%u devices", info->count);
	for (unsigned i = 0; !result && i < MIN(info->count, 8u); i++) {
		const struct vfio_pci_dependent_device *d = &info->devices[i];

		told_add(t, "%s%04x:%02x:%02x.%x", i ? ", " : ": ", d->segment, d->bus,
			 d->devfn >> 3, d->devfn & 7);
	}
}

static void hot_reset(struct told *t, const void *arg, int result)
{
	const struct vfio_pci_hot_reset *reset = arg;

	told_add(t, "%u group descriptors", reset->count);
}

/* iommufd */

static void ioas_alloc_(struct told *t, const void *arg, int result)
{
	const struct iommu_ioas_alloc *a = arg;

	if (!result)
		told_add(t, "IOAS %u", a->out_ioas_id);
}

static void destroy(struct told *t, const void *arg, int result)
{
	told_add(t, "object %u", ((const struct iommu_destroy *)arg)->id);
}

static void iova_ranges(struct told *t, const void *arg, int result)
{
	const struct iommu_ioas_iova_ranges *r = arg;
	const struct iommu_iova_range *list = (const void *)(uintptr_t)r->allowed_iovas;

	told_add(t, "IOAS %u", r->ioas_id);
	for (unsigned i = 0; !result && i < MIN(r->num_iovas, 8u); i++)
		told_add(t, "%s%#llx-%#llx", i ? ", " : ": ", list[i].start, list[i].last);
}

static void allow_iovas(struct told *t, const void *arg, int result)
{
	const struct iommu_ioas_allow_iovas *r = arg;
	const struct iommu_iova_range *list = (const void *)(uintptr_t)r->allowed_iovas;

	told_add(t, "IOAS %u", r->ioas_id);
	for (unsigned i = 0; i < MIN(r->num_iovas, 8u); i++)
		told_add(t, "%s%#llx-%#llx", i ? ", " : ": ", list[i].start, list[i].last);
}

static const struct name map_flags[] = {
	{ IOMMU_IOAS_MAP_FIXED_IOVA, "fixed", NULL },
	{ IOMMU_IOAS_MAP_READABLE, "read", NULL },
	{ IOMMU_IOAS_MAP_WRITEABLE, "write", NULL },
};

static void ioas_map_file_(struct told *t, const void *arg, int result)
{
	const struct iommu_ioas_map_file *m = arg;

	told_add(t, "IOAS %u, iova ", m->ioas_id);
	add_span(t, m->iova, m->length);
	told_add(t, " is ");
	told_fd(t, m->fd);
	told_add(t, " from %#llx, ", m->start);
	FLAGS(t, m->flags, map_flags);
}

static void ioas_map_(struct told *t, const void *arg, int result)
{
	const struct iommu_ioas_map *m = arg;

	told_add(t, "IOAS %u, iova ", m->ioas_id);
	add_span(t, m->iova, m->length);
	told_add(t, " is host %#llx, ", m->user_va);
	FLAGS(t, m->flags, map_flags);
}

static void ioas_unmap_(struct told *t, const void *arg, int result)
{
	const struct iommu_ioas_unmap *m = arg;

	/* On success the length is how much was unmapped. */
	told_add(t, "IOAS %u, iova ", m->ioas_id);
	add_span(t, m->iova, m->length);
}

static void option(struct told *t, const void *arg, int result)
{
	const struct iommu_option *o = arg;

	told_add(t, "%s %s: %llu", o->op == IOMMU_OPTION_OP_SET ? "set" : "get",
		 o->option_id == IOMMU_OPTION_RLIMIT_MODE  ? "RLIMIT_MODE"
		 : o->option_id == IOMMU_OPTION_HUGE_PAGES ? "HUGE_PAGES"
							   : "?",
		 o->val64);
}

static void hwpt_alloc(struct told *t, const void *arg, int result)
{
	static const struct name flags[] = {
		{ IOMMU_HWPT_ALLOC_NEST_PARENT, "NEST_PARENT", NULL },
		{ IOMMU_HWPT_ALLOC_DIRTY_TRACKING, "DIRTY_TRACKING", NULL },
		{ IOMMU_HWPT_FAULT_ID_VALID, "FAULT_ID_VALID", NULL },
		{ IOMMU_HWPT_ALLOC_PASID, "PASID", NULL },
	};
	const struct iommu_hwpt_alloc *a = arg;

	told_add(t, "device %u, IOAS %u, ", a->dev_id, a->pt_id);
	FLAGS(t, a->flags, flags);
}

static void hw_info(struct told *t, const void *arg, int result)
{
	const struct iommu_hw_info *info = arg;

	told_add(t, "device %u", info->dev_id);
	if (!result)
		told_add(t, ", type %u, capabilities %#llx", info->out_data_type,
			 info->out_capabilities);
}

/* In the order in which a VM meets them. */
static const struct explain_row rows[] = {
	{ "/dev/kvm", "All of KVM hangs on this descriptor: without it there is no VM.",
	  API ": General description", NULL, true },
	{ "/dev/iommu",
	  "iommufd: the I/O address space that devices see. One for the whole process; nothing is "
	  "mapped in it yet.",
	  IOMMUFD, NULL, true },
	{ "open",
	  "The device's own file. Until it is bound to an iommufd it answers nothing but the bind.",
	  VFIO ": VFIO device cdev", NULL, true },
	{ "KVM_GET_API_VERSION",
	  "It has been 12 since 2007: anything else is not KVM as documented.",
	  API ": KVM_GET_API_VERSION" },
	{ "KVM_CHECK_EXTENSION", "What this KVM has, or how much of it; 0 is no.",
	  API ": KVM_CHECK_EXTENSION", check_extension },
	{ "KVM_CREATE_VM",
	  "A VM without memory and processors. Its descriptor is its life: when the last one "
	  "closes, the VM is gone.",
	  API ": KVM_CREATE_VM", create_vm, true },
	{ "KVM_ENABLE_CAP", "Behaviour that is off unless a VMM asks for it.",
	  API ": KVM_ENABLE_CAP", enable_cap },
	{ "KVM_CREATE_DEVICE", "A device that the kernel emulates.", API ": KVM_CREATE_DEVICE",
	  create_device },
	{ "KVM_SET_DEVICE_ATTR", "An attribute of a device that the kernel emulates.",
	  API ": KVM_SET_DEVICE_ATTR", device_attr },
	{ "KVM_HAS_DEVICE_ATTR", "Whether a device has the attribute.", API ": KVM_HAS_DEVICE_ATTR",
	  device_attr },
	{ "IOMMU_IOAS_ALLOC",
	  "An I/O address space: the translation that every device of the guest goes through, one "
	  "for all.",
	  IOMMUFD ": IOMMUFD_OBJ_IOAS", ioas_alloc_ },
	{ "IOMMU_OPTION", "How iommufd accounts for pinned memory, and the like.", IOMMUFD,
	  option },
	{ "VFIO_DEVICE_BIND_IOMMUFD",
	  "Takes ownership: the host has no more business with the device and its DMA is blocked. "
	  "The kernel resets the device here (an FLR takes 100 ms).",
	  VFIO ": VFIO device cdev", bind_iommufd },
	{ "VFIO_DEVICE_ATTACH_IOMMUFD_PT",
	  "The device's DMA now goes through this address space: what is not mapped in it is an "
	  "abort. The id that comes back is the hardware page table's.",
	  VFIO ": VFIO device cdev", attach },
	{ "VFIO_DEVICE_DETACH_IOMMUFD_PT", "The device's DMA is blocked again.",
	  VFIO ": VFIO device cdev", NULL },
	{ "VFIO_DEVICE_GET_IRQ_INFO",
	  "How many interrupts of a kind the device has, and whether vectors can be added later.",
	  UAPI ": VFIO_DEVICE_GET_IRQ_INFO", irq_info },
	{ "VFIO_DEVICE_SET_IRQS", "Which eventfd an interrupt of the device signals.",
	  UAPI ": VFIO_DEVICE_SET_IRQS", set_irqs },
	{ "KVM_SET_USER_MEMORY_REGION",
	  "Guest physical memory is memory of this process: RAM, and later the BARs of devices, "
	  "which the guest then reaches without an exit.",
	  API ": KVM_SET_USER_MEMORY_REGION", set_memory },
	{ "IOMMU_IOAS_IOVA_RANGES",
	  "What all the attached devices can address. RAM must lie inside; holes are the IOMMU's "
	  "reserved windows, such as that for MSI.",
	  IOMMUFD, iova_ranges },
	{ "IOMMU_IOAS_ALLOW_IOVAS",
	  "Pins that answer: an attachment that would take these addresses away is refused.",
	  IOMMUFD, allow_iovas },
	{ "IOMMU_IOAS_MAP_FILE",
	  "A device's DMA addresses are the guest's physical ones, so all of RAM is mapped there, "
	  "from the memfd, and pinned: a device cannot wait for a page.",
	  IOMMUFD, ioas_map_file_ },
	{ "IOMMU_IOAS_MAP",
	  "As IOMMU_IOAS_MAP_FILE, by address: for kernels before 6.13, or memory that is no file.",
	  IOMMUFD, ioas_map_ },
	{ "KVM_SET_IDENTITY_MAP_ADDR",
	  "A page that Intel processors without unrestricted guest mode need; nobody else may use "
	  "it.",
	  API ": KVM_SET_IDENTITY_MAP_ADDR", address },
	{ "KVM_SET_TSS_ADDR", "Three pages, for the same reason.", API ": KVM_SET_TSS_ADDR",
	  by_value },
	{ "KVM_CREATE_IRQCHIP",
	  "The interrupt controllers (PIC, IOAPIC, a local APIC for each vcpu) in the kernel: "
	  "without them no interrupt reaches the guest but through us.",
	  API ": KVM_CREATE_IRQCHIP" },
	{ "KVM_SET_GSI_ROUTING",
	  "What each interrupt number (GSI) means: a pin of the irqchip, or a message. The table is "
	  "always given whole.",
	  API ": KVM_SET_GSI_ROUTING", gsi_routing },
	{ "KVM_IRQFD",
	  "KVM listens to the eventfd that the device's interrupt signals, and injects without "
	  "waking this process.",
	  API ": KVM_IRQFD", irqfd },
	{ "KVM_IRQ_LINE", "The interrupt line of an emulated device, such as the serial port.",
	  API ": KVM_IRQ_LINE", irq_line, .often = true },
	{ "VFIO_DEVICE_GET_INFO", "What kind of device it is, and whether it can be reset.",
	  UAPI ": VFIO_DEVICE_GET_INFO", device_info },
	{ "VFIO_DEVICE_GET_REGION_INFO",
	  "Where in the file a BAR or configuration space is, how large, and whether it may be "
	  "mapped.",
	  UAPI ": VFIO_DEVICE_GET_REGION_INFO", region_info },
	{ "VFIO_DEVICE_RESET",
	  "The function's own reset: what one guest left in it, the next does not find.",
	  UAPI ": VFIO_DEVICE_RESET" },
	{ "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO",
	  "Which functions a reset of the bus or slot would hit: all must be ours.",
	  UAPI ": VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", hot_reset_info },
	{ "VFIO_DEVICE_PCI_HOT_RESET",
	  "A reset of the bus or slot, for functions that have no reset of their own. No group "
	  "descriptors: with cdevs iommufd knows what is ours.",
	  UAPI ": VFIO_DEVICE_PCI_HOT_RESET", hot_reset },
	{ "VFIO_DEVICE_FEATURE", "Asks for a feature of the device, or uses it.",
	  UAPI ": VFIO_DEVICE_FEATURE", feature },
	{ "mmap",
	  "The device's own pages in this process: as a memory slot they become the guest's. The "
	  "MSI-X table is left out: it holds the host's messages.",
	  UAPI ": VFIO_REGION_INFO_FLAG_MMAP" },
	{ "pread", "A region that cannot be mapped, or may not be.", VFIO, NULL, .often = true },
	{ "pwrite", "A region that cannot be mapped, or may not be.", VFIO, NULL, .often = true },
	{ "KVM_GET_VCPU_MMAP_SIZE",
	  "How large struct kvm_run is, in which KVM says why a vcpu left the guest.",
	  API ": KVM_GET_VCPU_MMAP_SIZE" },
	{ "KVM_CREATE_VCPU", "A processor; a thread of ours runs it.", API ": KVM_CREATE_VCPU",
	  vcpu_id, true },
	{ "KVM_GET_SUPPORTED_CPUID", "What this processor and KVM can show a guest.",
	  API ": KVM_GET_SUPPORTED_CPUID", entries },
	{ "KVM_SET_CPUID2",
	  "What the guest's CPUID instruction answers: the host's, with our topology.",
	  API ": KVM_SET_CPUID2", entries },
	{ "KVM_SET_MSRS", "Registers that firmware would have set: memory types, for one.",
	  API ": KVM_SET_MSRS", msrs },
	{ "KVM_GET_MSRS", "Registers that firmware would have set.", API ": KVM_GET_MSRS", msrs },
	{ "KVM_GET_SREGS", "Segments and control registers as reset leaves them.",
	  API ": KVM_GET_SREGS" },
	{ "KVM_SET_SREGS", "The mode in which the kernel's boot protocol wants to be entered.",
	  API ": KVM_SET_SREGS" },
	{ "KVM_GET_REGS", "Where the vcpu is: for a message about one that is stuck.",
	  API ": KVM_GET_REGS" },
	{ "KVM_SET_REGS", "The kernel's entry point and its argument.", API ": KVM_SET_REGS" },
	{ "KVM_TRANSLATE", "Where a guest's address is: for a message about a vcpu that is stuck.",
	  API ": KVM_TRANSLATE" },
	{ "KVM_ARM_PREFERRED_TARGET", "The kind of processor that this host is.",
	  API ": KVM_ARM_PREFERRED_TARGET" },
	{ "KVM_ARM_VCPU_INIT", "A processor of that kind, with what it can do.",
	  API ": KVM_ARM_VCPU_INIT" },
	{ "KVM_ARM_VCPU_FINALIZE", "Its vector registers are as they shall be.",
	  API ": KVM_ARM_VCPU_FINALIZE" },
	{ "KVM_SET_ONE_REG", "A register as the boot protocol wants it.", API ": KVM_SET_ONE_REG",
	  one_reg },
	{ "KVM_GET_ONE_REG", "A register, for a message.", API ": KVM_GET_ONE_REG", one_reg },
	{ "IOMMU_HWPT_ALLOC", "A hardware page table with a property: asked for by thru probe.",
	  IOMMUFD ": IOMMUFD_OBJ_HWPT_PAGING", hwpt_alloc },
	{ "IOMMU_HWPT_SET_DIRTY_TRACKING",
	  "Whether the kernel knows the call: asked by thru probe.", IOMMUFD },
	{ "IOMMU_GET_HW_INFO", "What the device's IOMMU can do.", IOMMUFD, hw_info },
	{ "IOMMU_IOAS_UNMAP",
	  "No device reaches RAM any more and its pages are unpinned. The length is what was "
	  "mapped.",
	  IOMMUFD, ioas_unmap_ },
	{ "IOMMU_DESTROY", "The address space ends, once no device is attached.", IOMMUFD,
	  destroy },
};

const struct explain_row *explain_row(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}
