/* SPDX-License-Identifier: BSD-2-Clause */
/* Arguments of VFIO's calls in words. Pure functions of their arguments. */
#include "args.h"

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

void tell_bind_iommufd(struct told *t, const void *arg, int result)
{
	const struct vfio_device_bind_iommufd *bind = arg;

	told_fd(t, bind->iommufd);
	if (bind->flags & VFIO_DEVICE_BIND_FLAG_TOKEN)
		told_add(t, ", with a VF token");
	if (!result)
		told_add(t, ", is now device %u there", bind->out_devid);
}

void tell_attach(struct told *t, const void *arg, int result)
{
	const struct vfio_device_attach_iommufd_pt *pt = arg;

	/* In: the address space; out: the page table that the kernel made, or found, for it. */
	if (result)
		told_add(t, "to IOAS %u", pt->pt_id);
	else
		told_add(t, "now behind page table %u", pt->pt_id);
}

void tell_device_info(struct told *t, const void *arg, int result)
{
	static const struct told_name flags[] = { TOLD_NAME(VFIO_DEVICE_FLAGS_RESET),
						  TOLD_NAME(VFIO_DEVICE_FLAGS_PCI),
						  TOLD_NAME(VFIO_DEVICE_FLAGS_CAPS) };
	const struct vfio_device_info *info = arg;

	if (result)
		return;
	told_add(t, "%u regions, %u interrupt kinds, ", info->num_regions, info->num_irqs);
	TELL_FLAGS(t, info->flags, flags);
}

static const char *region_name(unsigned index)
{
	static const char *const names[] = { "BAR 0", "BAR 1", "BAR 2",        "BAR 3", "BAR 4",
					     "BAR 5", "ROM",   "config space", "VGA" };

	return index < ARRAY_SIZE(names) ? names[index] : "a region of its driver";
}

/* VFIO_REGION_INFO_CAP_*, a chain of offsets into the argument (include/uapi/linux/vfio.h). */
static void region_caps(struct told *t, const struct vfio_region_info *info)
{
	const uint8_t *base = (const uint8_t *)info;
	uint32_t at = info->cap_offset;

	for (unsigned n = 0; n < 8 && at && at + sizeof(struct vfio_info_cap_header) <= info->argsz;
	     n++) {
		const struct vfio_info_cap_header *cap = (const void *)(base + at);
		const struct vfio_region_info_cap_sparse_mmap *sparse = (const void *)cap;

		if (cap->id == VFIO_REGION_INFO_CAP_MSIX_MAPPABLE)
			told_add(t, ", the MSI-X table, too");
		else if (cap->id == VFIO_REGION_INFO_CAP_SPARSE_MMAP)
			told_add(t, ", in %u areas", sparse->nr_areas);
		else
			told_add(t, ", capability %u", cap->id);
		for (uint32_t i = 0;
		     cap->id == VFIO_REGION_INFO_CAP_SPARSE_MMAP && i < MIN(sparse->nr_areas, 4u);
		     i++)
			told_add(t, "%s%#llx-%#llx", i ? ", " : ": ", sparse->areas[i].offset,
				 sparse->areas[i].offset + sparse->areas[i].size - 1);
		at = cap->next;
	}
}

void tell_region_info(struct told *t, const void *arg, int result)
{
	static const struct told_name flags[] = {
		{ VFIO_REGION_INFO_FLAG_READ, "read", NULL },
		{ VFIO_REGION_INFO_FLAG_WRITE, "write", NULL },
		{ VFIO_REGION_INFO_FLAG_MMAP, "mmap", NULL },
	};
	const struct vfio_region_info *info = arg;

	told_add(t, "%u (%s)", info->index, region_name(info->index));
	if (result)
		return;
	told_add(t, ": ");
	told_size(t, info->size);
	if (!info->size)
		return;
	told_add(t, " at %#llx, ", info->offset);
	TELL_FLAGS(t, info->flags & ~VFIO_REGION_INFO_FLAG_CAPS, flags);
	if (!(info->flags & VFIO_REGION_INFO_FLAG_CAPS))
		return;
	if (info->cap_offset)
		region_caps(t, info);
	else
		told_add(t, ", and more that takes %u bytes", info->argsz);
}

static const char *irq_name(unsigned index)
{
	static const char *const names[] = { "INTx", "MSI", "MSI-X", "error", "request" };

	return index < ARRAY_SIZE(names) ? names[index] : "?";
}

void tell_irq_info(struct told *t, const void *arg, int result)
{
	static const struct told_name flags[] = {
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
	TELL_FLAGS(t, info->flags, flags);
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

void tell_set_irqs(struct told *t, const void *arg, int result)
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

void tell_feature(struct told *t, const void *arg, int result)
{
	static const struct told_name features[] = {
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
	static const struct told_name flags[] = {
		{ VFIO_DEVICE_FEATURE_GET, "get", NULL },
		{ VFIO_DEVICE_FEATURE_SET, "set", NULL },
		{ VFIO_DEVICE_FEATURE_PROBE, "only asking", NULL },
	};
	const struct vfio_device_feature *f = arg;
	const struct told_name *known = told_name(features, ARRAY_SIZE(features),
						  f->flags & VFIO_DEVICE_FEATURE_MASK);

	if (known)
		told_add(t, "%s: ", known->name);
	else
		told_add(t, "%u: ", f->flags & VFIO_DEVICE_FEATURE_MASK);
	TELL_FLAGS(t, f->flags & ~VFIO_DEVICE_FEATURE_MASK, flags);
	if (known && known->why)
		t->why = known->why;
}

void tell_hot_reset_info(struct told *t, const void *arg, int result)
{
	const struct vfio_pci_hot_reset_info *info = arg;

	if (result == -ENOSPC)
		told_add(t, "more room is needed");
	if (result)
		return;
	told_add(t, "%u function%s", info->count, info->count == 1 ? "" : "s");
	for (unsigned i = 0; i < MIN(info->count, 8u); i++) {
		const struct vfio_pci_dependent_device *d = &info->devices[i];
		char text[BDF_TEXT];

		told_add(t, "%s%s", i ? ", " : ": ",
			 bdf_format(bdf_near(t->bdf, d->segment, d->bus, d->devfn), text));
	}
}

void tell_hot_reset(struct told *t, const void *arg, int result)
{
	const struct vfio_pci_hot_reset *reset = arg;

	told_add(t, "%u group descriptors", reset->count);
}

void tell_group_status(struct told *t, const void *arg, int result)
{
	static const struct told_name flags[] = {
		{ VFIO_GROUP_FLAGS_VIABLE, "viable", NULL },
		{ VFIO_GROUP_FLAGS_CONTAINER_SET, "in a container", NULL },
	};
	const struct vfio_group_status *status = arg;

	if (!result)
		TELL_FLAGS(t, status->flags, flags);
}

void tell_set_container(struct told *t, const void *arg, int result)
{
	told_fd(t, *(const int32_t *)arg);
}

/* A VF token may follow the name; it is a secret of the functions' owner. */
void tell_device_fd(struct told *t, const void *arg, int result)
{
	const char *name = arg;

	told_add(t, "%.*s%s", (int)strcspn(name, " "), name,
		 strchr(name, ' ') ? ", with a VF token" : "");
}

void tell_map_dma(struct told *t, const void *arg, int result)
{
	static const struct told_name flags[] = {
		{ VFIO_DMA_MAP_FLAG_READ, "read", NULL },
		{ VFIO_DMA_MAP_FLAG_WRITE, "write", NULL },
	};
	const struct vfio_iommu_type1_dma_map *map = arg;

	told_add(t, "iova ");
	told_span(t, map->iova, map->size);
	told_add(t, " is memory at %#llx, ", map->vaddr);
	TELL_FLAGS(t, map->flags, flags);
}

void tell_unmap_dma(struct told *t, const void *arg, int result)
{
	const struct vfio_iommu_type1_dma_unmap *unmap = arg;

	told_add(t, "iova ");
	told_span(t, unmap->iova, unmap->size);
}
