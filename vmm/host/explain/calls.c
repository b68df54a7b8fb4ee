/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `--explain` knows of each call: why a VMM makes it, where the kernel documents it, and how
 * to read its argument. One row for each request that passes the door (tests/lint/explain); what only one
 * architecture is asked has its row in kvm_<architecture>.c.
 *
 * Sections of api.rst are named by the call, as their titles are. Arguments are ours: nothing here is
 * chosen by a guest.
 */
#include "args.h"

#include <linux/if_tun.h>
#include <linux/iommufd.h>
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <linux/vhost.h>
#include <string.h>

#define VFIO    "Documentation/driver-api/vfio.rst"
#define IOMMUFD "Documentation/userspace-api/iommufd.rst"
#define UAPI    "include/uapi/linux/vfio.h"
#define VHOST   "include/uapi/linux/vhost.h"
#define TUN     "Documentation/networking/tuntap.rst"

/* In the order in which a VM meets them. */
static const struct explain_row rows[] = {
	{ NO_IOCTL("/dev/kvm"), "All of KVM hangs on this descriptor: without it there is no VM.",
	  API ": General description", NULL, true },
	{ NO_IOCTL("/dev/iommu"),
	  "iommufd: the I/O address space that devices see. One for the whole process; nothing is "
	  "mapped in it yet.",
	  IOMMUFD, NULL, true },
	{ NO_IOCTL("open"),
	  "The device's own file. Until it is bound to an iommufd it answers nothing but the bind.",
	  VFIO ": VFIO device cdev", NULL, true },
	{ CALL(KVM_GET_API_VERSION, SEAL_ON_KVM, SEAL_BEFORE),
	  "It has been 12 since 2007: anything else is not KVM as documented.",
	  API ": KVM_GET_API_VERSION" },
	{ CALL(KVM_CHECK_EXTENSION, SEAL_ON_KVM | SEAL_ON_VM, SEAL_AFTER),
	  "What this KVM has, or how much of it; 0 is no.", API ": KVM_CHECK_EXTENSION",
	  tell_check_extension },
	{ CALL(KVM_CREATE_VM, SEAL_ON_KVM, SEAL_BEFORE),
	  "A VM without memory and processors. Its descriptor is its life: when the last one "
	  "closes, the VM is gone.",
	  API ": KVM_CREATE_VM", tell_create_vm, true },
	{ CALL(KVM_ENABLE_CAP, SEAL_ON_VM | SEAL_ON_VCPU, SEAL_BEFORE),
	  "Behaviour that is off unless a VMM asks for it.", API ": KVM_ENABLE_CAP",
	  tell_enable_cap },
	{ CALL(KVM_CREATE_DEVICE, SEAL_ON_VM, SEAL_BEFORE), "A device that the kernel emulates.",
	  API ": KVM_CREATE_DEVICE", tell_create_device },
	{ CALL(KVM_SET_DEVICE_ATTR, SEAL_ON_KVM_DEVICE | SEAL_ON_VCPU, SEAL_AFTER),
	  "An attribute of a device that the kernel emulates.", API ": KVM_SET_DEVICE_ATTR",
	  tell_device_attr },
	{ CALL(KVM_HAS_DEVICE_ATTR, SEAL_ON_KVM_DEVICE | SEAL_ON_VCPU, SEAL_BEFORE),
	  "Whether a device has the attribute.", API ": KVM_HAS_DEVICE_ATTR", tell_device_attr },
	{ CALL(IOMMU_IOAS_ALLOC, SEAL_ON_IOMMUFD, SEAL_BEFORE),
	  "An I/O address space: the translation that every device of the guest goes through, one "
	  "for all.",
	  IOMMUFD ": IOMMUFD_OBJ_IOAS", tell_ioas_alloc },
	{ CALL(IOMMU_OPTION, SEAL_ON_IOMMUFD, SEAL_BEFORE),
	  "How iommufd accounts for pinned memory, and the like.", IOMMUFD, tell_option },
	{ CALL(VFIO_DEVICE_BIND_IOMMUFD, SEAL_ON_DEVICE, SEAL_BEFORE),
	  "Takes ownership: the host has no more business with the device and its DMA is blocked. "
	  "The kernel resets the device here (an FLR takes 100 ms).",
	  VFIO ": VFIO device cdev", tell_bind_iommufd },
	{ CALL(VFIO_DEVICE_ATTACH_IOMMUFD_PT, SEAL_ON_DEVICE, SEAL_BEFORE),
	  "The device's DMA now goes through this address space: what is not mapped in it is an "
	  "abort. The IOAS is given; the id of the page table behind it comes back.",
	  VFIO ": VFIO device cdev", tell_attach },
	{ CALL(VFIO_DEVICE_DETACH_IOMMUFD_PT, SEAL_ON_DEVICE, SEAL_AFTER),
	  "The device's DMA is blocked again.", VFIO ": VFIO device cdev", NULL },
	{ NO_IOCTL("/dev/vfio/GROUP"),
	  "The file of the device's IOMMU group: only one process has it. Without a container it "
	  "gives no device.",
	  VFIO, NULL, true },
	{ NO_IOCTL("/dev/vfio/vfio"),
	  "A container: the I/O address space of the groups that are put into it. Empty, it answers "
	  "nothing but what it could be.",
	  VFIO, NULL, true },
	{ CALL(VFIO_GET_API_VERSION, SEAL_ON_CONTAINER, SEAL_BEFORE), "It has always been 0.",
	  UAPI ": VFIO_GET_API_VERSION" },
	{ CALL(VFIO_CHECK_EXTENSION, SEAL_ON_CONTAINER, SEAL_BEFORE),
	  "Whether VFIO has this IOMMU driver for its containers.", UAPI ": VFIO_CHECK_EXTENSION",
	  tell_by_value },
	{ CALL(VFIO_GROUP_GET_STATUS, SEAL_ON_GROUP, SEAL_BEFORE),
	  "Whether the group is viable: no driver of the host has any of its devices, which could "
	  "reach each other behind the IOMMU's back.",
	  UAPI ": VFIO_GROUP_GET_STATUS", tell_group_status },
	{ CALL(VFIO_GROUP_SET_CONTAINER, SEAL_ON_GROUP, SEAL_BEFORE),
	  "The group's devices have this address space now, one for all groups of the guest. A "
	  "container, or an iommufd in its place.",
	  VFIO, tell_set_container },
	{ CALL(VFIO_SET_IOMMU, SEAL_ON_CONTAINER, SEAL_BEFORE),
	  "The container's IOMMU driver is chosen: type1 version 2. The groups in it are attached "
	  "here; those that come later as they come.",
	  VFIO, tell_by_value },
	{ CALL(VFIO_GROUP_GET_DEVICE_FD, SEAL_ON_GROUP, SEAL_BEFORE),
	  "The device's file, by its name on its bus. The kernel resets the device here (an FLR takes "
	  "100 ms).",
	  VFIO, tell_device_fd, true },
	{ CALL(IOMMU_VFIO_IOAS, SEAL_ON_IOMMUFD, SEAL_BEFORE),
	  "Which address space the group found, or made, in the iommufd that is its container.",
	  IOMMUFD, tell_vfio_ioas },
	{ CALL(VFIO_IOMMU_GET_INFO, SEAL_ON_CONTAINER, SEAL_BEFORE),
	  "What all the attached groups can address, as capabilities behind the answer.",
	  UAPI ": VFIO_IOMMU_GET_INFO" },
	{ CALL(VFIO_IOMMU_MAP_DMA, SEAL_ON_CONTAINER, SEAL_AFTER),
	  "A device's DMA addresses are the guest's physical ones, so all of RAM is mapped there, by "
	  "its address in this process, and pinned: a device cannot wait for a page.",
	  UAPI ": VFIO_IOMMU_MAP_DMA", tell_map_dma },
	{ CALL(VFIO_IOMMU_UNMAP_DMA, SEAL_ON_CONTAINER, SEAL_AFTER),
	  "No device reaches it any more and its pages are unpinned.",
	  UAPI ": VFIO_IOMMU_UNMAP_DMA", tell_unmap_dma },
	{ CALL(VFIO_DEVICE_GET_IRQ_INFO, SEAL_ON_DEVICE, SEAL_AFTER),
	  "How many interrupts of a kind the device has, and whether vectors can be added later.",
	  UAPI ": VFIO_DEVICE_GET_IRQ_INFO", tell_irq_info },
	{ CALL(VFIO_DEVICE_SET_IRQS, SEAL_ON_DEVICE, SEAL_AFTER),
	  "Which eventfd an interrupt of the device signals.", UAPI ": VFIO_DEVICE_SET_IRQS",
	  tell_set_irqs },
	{ CALL(KVM_SET_USER_MEMORY_REGION, SEAL_ON_VM, SEAL_AFTER),
	  "Guest physical memory is memory of this process: RAM, and later the BARs of devices, "
	  "which the guest then reaches without an exit.",
	  API ": KVM_SET_USER_MEMORY_REGION", tell_set_memory },
	{ CALL(IOMMU_IOAS_IOVA_RANGES, SEAL_ON_IOMMUFD, SEAL_BEFORE),
	  "What all the attached devices can address. RAM must lie inside; holes are the IOMMU's "
	  "reserved windows, such as that for MSI.",
	  IOMMUFD, tell_iova_ranges },
	{ CALL(IOMMU_IOAS_ALLOW_IOVAS, SEAL_ON_IOMMUFD, SEAL_BEFORE),
	  "Pins that answer: an attachment that would take these addresses away is refused.",
	  IOMMUFD, tell_allow_iovas },
	{ CALL(IOMMU_IOAS_MAP_FILE, SEAL_ON_IOMMUFD, SEAL_AFTER),
	  "A device's DMA addresses are the guest's physical ones, so all of RAM is mapped there, "
	  "from the memfd, and pinned: a device cannot wait for a page.",
	  IOMMUFD, tell_ioas_map_file },
	{ CALL(IOMMU_IOAS_MAP, SEAL_ON_IOMMUFD, SEAL_AFTER),
	  "As IOMMU_IOAS_MAP_FILE, by address: for kernels before 6.13, or memory that is no file.",
	  IOMMUFD, tell_ioas_map },
	{ CALL(KVM_SET_GSI_ROUTING, SEAL_ON_VM, SEAL_AFTER),
	  "What each interrupt number (GSI) means: a pin of the irqchip, or a message. The table is "
	  "always given whole.",
	  API ": KVM_SET_GSI_ROUTING", tell_gsi_routing },
	{ CALL(KVM_IRQFD, SEAL_ON_VM, SEAL_AFTER),
	  "KVM listens to the eventfd that the device's interrupt signals, and injects without "
	  "waking this process.",
	  API ": KVM_IRQFD", tell_irqfd },
	{ CALL(KVM_IOEVENTFD, SEAL_ON_VM, SEAL_AFTER),
	  "A doorbell of an emulated device: the guest's write signals the eventfd within the "
	  "kernel, and the vcpu runs on.",
	  API ": KVM_IOEVENTFD", tell_ioeventfd },
	{ NO_IOCTL("/dev/vhost-net"),
	  "vhost: the kernel moves the packets of a virtio card between guest RAM and a tap.",
	  VHOST, NULL, true },
	{ NO_IOCTL("/dev/vhost-vsock"), "vhost: the kernel serves the guest's sockets.", VHOST,
	  NULL, true },
	{ NO_IOCTL("/dev/net/tun"),
	  "Taps: a network interface of the host, whose other end is this descriptor.", TUN, NULL,
	  true },
	{ CALL(TUNSETIFF, SEAL_ON_TUN, SEAL_BEFORE),
	  "Which interface: whole frames, each behind a virtio header.", TUN },
	{ CALL(TUNGETIFF, SEAL_ON_TUN, SEAL_BEFORE),
	  "Which interface it is, and how it was opened.", TUN },
	{ CALL(TUNSETVNETHDRSZ, SEAL_ON_TUN, SEAL_AFTER),
	  "The header has 12 bytes, as virtio 1 has it.", TUN },
	{ CALL(TUNSETOFFLOAD, SEAL_ON_TUN, SEAL_AFTER),
	  "What the guest takes unfinished: checksums, frames that are to be cut.", TUN,
	  tell_by_value },
	{ CALL(VHOST_SET_OWNER, SEAL_ON_VHOST, SEAL_BEFORE),
	  "Guest memory is that of this process from now on; the kernel starts its thread.",
	  VHOST },
	{ CALL(VHOST_GET_FEATURES, SEAL_ON_VHOST, SEAL_BEFORE),
	  "Which virtio features the kernel can do.", VHOST },
	{ CALL(VHOST_SET_FEATURES, SEAL_ON_VHOST, SEAL_AFTER), "Those that the driver took.",
	  VHOST },
	{ CALL(VHOST_SET_MEM_TABLE, SEAL_ON_VHOST, SEAL_AFTER),
	  "Where guest RAM is in this process.", VHOST },
	{ CALL(VHOST_SET_VRING_NUM, SEAL_ON_VHOST, SEAL_AFTER), "A queue's size.", VHOST },
	{ CALL(VHOST_SET_VRING_BASE, SEAL_ON_VHOST, SEAL_AFTER),
	  "Where in the queue to begin: at its start.", VHOST },
	{ CALL(VHOST_SET_VRING_ADDR, SEAL_ON_VHOST, SEAL_AFTER), "Where its rings are.", VHOST },
	{ CALL(VHOST_SET_VRING_CALL, SEAL_ON_VHOST, SEAL_AFTER),
	  "The eventfd to signal for an interrupt: KVM listens to it, and this process does not wake.",
	  VHOST },
	{ CALL(VHOST_SET_VRING_KICK, SEAL_ON_VHOST, SEAL_AFTER),
	  "The eventfd of the queue's doorbell, which KVM signals.", VHOST },
	{ CALL(VHOST_NET_SET_BACKEND, SEAL_ON_VHOST, SEAL_AFTER),
	  "The tap of this queue: from now on packets move. -1 ends that.", VHOST },
	{ CALL(VHOST_VSOCK_SET_GUEST_CID, SEAL_ON_VHOST, SEAL_BEFORE),
	  "The guest's address, one in the whole host.", VHOST },
	{ CALL(VHOST_VSOCK_SET_RUNNING, SEAL_ON_VHOST, SEAL_AFTER),
	  "From now on packets move; 0 ends that.", VHOST },
	{ CALL(KVM_IRQ_LINE, SEAL_ON_VM, SEAL_AFTER),
	  "The interrupt line of an emulated device, such as the serial port.",
	  API ": KVM_IRQ_LINE", tell_irq_line, .often = true },
	{ CALL(VFIO_DEVICE_GET_INFO, SEAL_ON_DEVICE, SEAL_AFTER),
	  "What kind of device it is, and whether it can be reset.", UAPI ": VFIO_DEVICE_GET_INFO",
	  tell_device_info },
	{ CALL(VFIO_DEVICE_GET_REGION_INFO, SEAL_ON_DEVICE, SEAL_AFTER),
	  "Where in the file a BAR or configuration space is, how large, and whether it may be "
	  "mapped.",
	  UAPI ": VFIO_DEVICE_GET_REGION_INFO", tell_region_info },
	{ CALL(VFIO_DEVICE_RESET, SEAL_ON_DEVICE, SEAL_AFTER),
	  "The function's own reset: what one guest left in it, the next does not find.",
	  UAPI ": VFIO_DEVICE_RESET" },
	{ CALL(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, SEAL_ON_DEVICE, SEAL_AFTER),
	  "Which functions a reset of the bus or slot would hit: all must be ours. ENODEV: neither "
	  "has a reset.",
	  UAPI ": VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", tell_hot_reset_info },
	{ CALL(VFIO_DEVICE_PCI_HOT_RESET, SEAL_ON_DEVICE, SEAL_AFTER),
	  "A reset of the bus or slot, for functions that have no reset of their own. With cdevs "
	  "iommufd knows what is ours; else the groups' descriptors show it.",
	  UAPI ": VFIO_DEVICE_PCI_HOT_RESET", tell_hot_reset },
	{ CALL(VFIO_DEVICE_FEATURE, SEAL_ON_DEVICE, SEAL_AFTER),
	  "Asks for a feature of the device, or uses it.", UAPI ": VFIO_DEVICE_FEATURE",
	  tell_feature },
	{ NO_IOCTL("mmap"),
	  "The device's own pages in this process: as a memory slot they become the guest's. The "
	  "MSI-X table is left out: it holds the host's messages.",
	  UAPI ": VFIO_REGION_INFO_FLAG_MMAP" },
	{ NO_IOCTL("pread"), "A region that cannot be mapped, or may not be.", VFIO, NULL,
	  .often = true },
	{ NO_IOCTL("pwrite"), "A region that cannot be mapped, or may not be.", VFIO, NULL,
	  .often = true },
	{ CALL(KVM_GET_VCPU_MMAP_SIZE, SEAL_ON_KVM, SEAL_BEFORE),
	  "How large struct kvm_run is, in which KVM says why a vcpu left the guest.",
	  API ": KVM_GET_VCPU_MMAP_SIZE" },
	{ CALL(KVM_CREATE_VCPU, SEAL_ON_VM, SEAL_BEFORE), "A processor; a thread of ours runs it.",
	  API ": KVM_CREATE_VCPU", tell_vcpu_id, true },
	{ CALL(KVM_RUN, SEAL_ON_VCPU, SEAL_AFTER),
	  "The guest runs, until something is wanted of this process. Not told: it is all that a "
	  "vcpu's thread does.",
	  API ": KVM_RUN" },
	{ CALL(IOMMU_HWPT_ALLOC, SEAL_ON_IOMMUFD, SEAL_BEFORE),
	  "A hardware page table with a property: asked for by thru probe.",
	  IOMMUFD ": IOMMUFD_OBJ_HWPT_PAGING", tell_hwpt_alloc },
	{ CALL(IOMMU_HWPT_SET_DIRTY_TRACKING, SEAL_ON_IOMMUFD, SEAL_BEFORE),
	  "Whether the kernel knows the call: asked by thru probe.", IOMMUFD },
	{ CALL(IOMMU_GET_HW_INFO, SEAL_ON_IOMMUFD, SEAL_BEFORE), "What the device's IOMMU can do.",
	  IOMMUFD, tell_hw_info },
	{ CALL(IOMMU_IOAS_UNMAP, SEAL_ON_IOMMUFD, SEAL_AFTER),
	  "No device reaches RAM any more and its pages are unpinned. The length is what was "
	  "mapped.",
	  IOMMUFD, tell_ioas_unmap },
	{ CALL(IOMMU_DESTROY, SEAL_ON_IOMMUFD, SEAL_AFTER),
	  "The address space ends, once no device is attached.", IOMMUFD, tell_destroy },
};

static const struct explain_row *find(const struct explain_row *table, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}

const struct explain_row *explain_row(const char *name)
{
	const struct explain_row *row = find(rows, ARRAY_SIZE(rows), name);
	unsigned n;

	if (row)
		return row;
	row = explain_arch_rows(&n);
	return find(row, n, name);
}

const struct explain_row *explain_row_at(unsigned i)
{
	const struct explain_row *more;
	unsigned n;

	if (i < ARRAY_SIZE(rows))
		return &rows[i];
	more = explain_arch_rows(&n);
	return i - ARRAY_SIZE(rows) < n ? &more[i - ARRAY_SIZE(rows)] : NULL;
}
