/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks that only calls answer. A request that the kernel does not know is ENOTTY, one that it knows
 * and that is given nonsense ENOENT, EINVAL or EFAULT: so what is there is found out without doing
 * it. A function is bound to an iommufd of this process and attached, which is what a guest's start
 * does, resets it, and is undone when its file closes. One that somebody uses is left alone: the
 * bind is refused (EBUSY, or EINVAL of a cdev that is open already). Main thread.
 */
#include <hostfn/probe.h>

#include <arch/arch.h>
#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <host/call.h>
#include <host/iommufd.h>
#include <host/way.h>
#include <host/seal.h>
#include <hostfn/hostfn.h>
#include <hostfn/hostway.h>
#include <host/kvm.h>
#include <host/vfio.h>
#include <inttypes.h>
#include <linux/iommufd.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The recorded reason as a row; a function's name is above it already. */
static void add_error(struct probe *p, const char *key, const char *name)
{
	const char *text = error_message(), *mend;

	if (!strncmp(text, name, strlen(name)) && !strncmp(text + strlen(name), ": ", 2))
		text += strlen(name) + 2;
	mend = strchr(text, ';');
	probe_add(p, key, PROBE_BAD, "%.*s", mend ? (int)(mend - text) : 250, text);
	if (mend)
		probe_mend(p, "%s", mend + 2);
	error_clear();
}

static void probe_capability(struct probe *p, int kvm, const char *key, unsigned cap, bool number)
{
	int n = kvm_check(kvm, cap);

	if (n && number)
		probe_add(p, key, PROBE_OK, "%d", n);
	else
		probe_add(p, key, n ? PROBE_OK : PROBE_BAD, "%s", n ? "yes" : "no");
	if (!n)
		probe_mend(p, "a newer kernel");
}

static void probe_kvm(struct probe *p)
{
	struct kvm_create_device vfio = { .type = KVM_DEV_TYPE_VFIO,
					  .flags = KVM_CREATE_DEVICE_TEST };
	_cleanup_fd_ int kvm = -1, vm = -1;
	unsigned bits;

	if (kvm_open(&kvm)) {
		add_error(p, "kvm", "/dev");
		return;
	}
	probe_add(p, "kvm", PROBE_OK, "API version %d", KVM_API_VERSION);
	probe_capability(p, kvm, "kvm_irqfd", KVM_CAP_IRQFD, false);
	probe_capability(p, kvm, "kvm_irqfd_resample", KVM_CAP_IRQFD_RESAMPLE, false);
	probe_capability(p, kvm, "kvm_irq_routes", KVM_CAP_IRQ_ROUTING, true);
	probe_capability(p, kvm, "kvm_memory_slots", KVM_CAP_NR_MEMSLOTS, true);
	probe_capability(p, kvm, "kvm_immediate_exit", KVM_CAP_IMMEDIATE_EXIT, false);
	probe_capability(p, kvm, "kvm_vcpus", KVM_CAP_MAX_VCPUS, true);
	if (arch_address_bits(kvm, &bits) || kvm_vm_create(kvm, 0, &vm)) {
		add_error(p, "kvm_vm", "/dev");
		return;
	}
	probe_add(p, "kvm_vm", PROBE_OK, "%u bits of guest address", bits);
	if (HOST_IOCTL(vm, KVM_CREATE_DEVICE, &vfio)) {
		probe_add(p, "kvm_vfio", PROBE_BAD, "no kvm-vfio device");
		probe_mend(p, "a kernel with CONFIG_KVM_VFIO");
	} else {
		probe_add(p, "kvm_vfio", PROBE_OK, "yes");
	}
}

static void probe_iommufd(struct probe *p)
{
	struct iommu_ioas_map_file file = { .size = sizeof(file) };
	struct iommu_hwpt_alloc nest = { .size = sizeof(nest),
					 .flags = IOMMU_HWPT_ALLOC_NEST_PARENT };
	struct iommu_hwpt_set_dirty_tracking dirty = { .size = sizeof(dirty) };
	struct iommu_option mode = { .size = sizeof(mode),
				     .option_id = IOMMU_OPTION_RLIMIT_MODE,
				     .op = IOMMU_OPTION_OP_GET };
	_cleanup_fd_ int fd = -1;
	int r;

	if (!hostway_offered(VFIO_WAY_CDEV) && hostway_offered(VFIO_WAY_GROUP)) {
		probe_add(p, "iommufd", PROBE_NO, "there is none; containers do as well");
		probe_mend(p, "a kernel with CONFIG_IOMMUFD");
		return;
	}
	if (iommufd_open(&fd)) {
		add_error(p, "iommufd", "/dev");
		return;
	}
	probe_add(p, "iommufd", PROBE_OK, "/dev/iommu");
	r = HOST_IOCTL(fd, IOMMU_IOAS_MAP_FILE, &file);
	probe_add(p, "map_file", r == -ENOTTY || r == -EOPNOTSUPP ? PROBE_NO : PROBE_OK, "%s",
		  r == -ENOTTY || r == -EOPNOTSUPP ? "IOMMU_IOAS_MAP serves as well"
						   : "IOMMU_IOAS_MAP_FILE");
	r = HOST_IOCTL(fd, IOMMU_OPTION, &mode);
	probe_add(p, "memlock_accounting", r ? PROBE_NO : PROBE_OK, "%s",
		  r            ? "by user"
		  : mode.val64 ? "by process"
			       : "by user; by process on request");
	r = HOST_IOCTL(fd, IOMMU_HWPT_ALLOC, &nest);
	probe_add(p, "nesting", r == -ENOTTY ? PROBE_NO : PROBE_UNKNOWN, "%s",
		  r == -ENOTTY ? "the kernel has no such call" : "the kernel can, the IOMMU may");
	if (r != -ENOTTY)
		probe_mend(p, "ask with a function that is bound: thru probe BDF");
	r = HOST_IOCTL(fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &dirty);
	probe_add(p, "dirty_tracking", r == -ENOTTY ? PROBE_NO : PROBE_UNKNOWN, "%s",
		  r == -ENOTTY ? "the kernel has no such call" : "the kernel can, the IOMMU may");
	if (r != -ENOTTY)
		probe_mend(p, "ask with a function that is bound: thru probe BDF");
}

static void probe_sandbox(struct probe *p)
{
	int abi = seal_landlock_abi();

	if (seal_has_seccomp()) {
		probe_add(p, "seccomp", PROBE_OK, "yes");
	} else {
		probe_add(p, "seccomp", PROBE_BAD, "no filters");
		probe_mend(p, "a kernel with CONFIG_SECCOMP_FILTER; or thru run --sandbox off");
	}
	if (abi) {
		probe_add(p, "landlock", PROBE_OK, "ABI %d", abi);
	} else {
		probe_add(p, "landlock", PROBE_NO, "the sandbox does without");
		probe_mend(p,
			   "a kernel with CONFIG_SECURITY_LANDLOCK, and landlock among its lsm=");
	}
}

void probe_kernel(struct probe *p)
{
	probe_kvm(p);
	probe_iommufd(p);
	probe_sandbox(p);
}

/* Of a function. */

static void probe_token(struct probe *p, int cdev, int iommufd)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.flags = VFIO_DEVICE_BIND_FLAG_TOKEN,
		.iommufd = iommufd,
		.token_uuid_ptr = 1, /* no address: a kernel that knows the flag finds that out */
	};
	int r = HOST_IOCTL(cdev, VFIO_DEVICE_BIND_IOMMUFD, &bind);

	if (r == -EFAULT)
		probe_add(p, "bind_token", PROBE_OK, "yes");
	else if (r == -EINVAL)
		probe_add(p, "bind_token", PROBE_NO,
			  "virtual functions whose token is set are refused");
	else
		probe_add(p, "bind_token", PROBE_UNKNOWN, "%s", strerror(-r));
}

static void probe_feature(struct probe *p, int cdev, const char *key, unsigned feature,
			  unsigned how)
{
	struct vfio_device_feature arg = {
		.argsz = sizeof(arg),
		.flags = feature | how | VFIO_DEVICE_FEATURE_PROBE,
	};
	int r = HOST_IOCTL(cdev, VFIO_DEVICE_FEATURE, &arg);

	probe_add(p, key, r ? PROBE_NO : PROBE_OK, "%s",
		  !r             ? "yes"
		  : r == -ENOTTY ? "not in this kernel, or not with this device"
				 : strerror(-r));
}

static void probe_page_table(struct probe *p, int iommufd, const struct vfio_device *dev,
			     uint32_t ioas, const char *key, uint32_t flag)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg), .flags = flag, .dev_id = dev->devid, .pt_id = ioas
	};
	int r = HOST_IOCTL(iommufd, IOMMU_HWPT_ALLOC, &arg);

	probe_add(p, key, r ? PROBE_NO : PROBE_OK, "%s",
		  !r                 ? "yes"
		  : r == -EOPNOTSUPP ? "the IOMMU cannot"
				     : strerror(-r));
	if (!r && iommufd_destroy(iommufd, arg.out_hwpt_id))
		error_clear();
}

static void probe_iovas(struct probe *p, struct vfio_space *space)
{
	struct range ranges[32];
	unsigned n = ARRAY_SIZE(ranges);
	char text[240] = "";
	size_t used = 0;

	if (vfio_space_ranges(space, ranges, &n)) {
		error_clear();
		return;
	}
	for (unsigned i = 0; i < n && used < sizeof(text) - 48; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s%#" PRIx64 "-%#" PRIx64, i ? ", " : "", ranges[i].base,
					 ranges[i].base + ranges[i].size - 1);
	probe_add(p, "iova_ranges", n ? PROBE_OK : PROBE_BAD, "%s", text);
}

/* What there is, and what is too small to be mapped on this host (devices/vfio/bar.c). */
static void probe_bars(struct probe *p, const struct vfio_device *dev)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char text[256] = "";
	size_t n = 0;

	for (unsigned i = 0; i < PCI_STD_NUM_BARS; i++) {
		unsigned no_mmaps = 0;
		struct vfio_region_info info;
		bool small;

		if (vfio_region_info(dev, VFIO_PCI_BAR0_REGION_INDEX + i, &info, NULL, &no_mmaps)) {
			error_clear();
			continue;
		}
		if (!info.size)
			continue;
		small = !(info.flags & VFIO_REGION_INFO_FLAG_MMAP) || info.size < page;
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%u: %llu %s%s", n ? ", " : "",
				      i, info.size >> (info.size < 1024 ? 0 : 10),
				      info.size < 1024 ? "bytes" : "KiB", small ? " trapped" : "");
	}
	probe_add(p, "bars", PROBE_OK, "%s", n ? text : "none");
}

static void probe_irqs(struct probe *p, const struct vfio_device *dev)
{
	struct vfio_irq_info intx, msi, msix;

	if (vfio_irq_info(dev, VFIO_PCI_INTX_IRQ_INDEX, &intx) ||
	    vfio_irq_info(dev, VFIO_PCI_MSI_IRQ_INDEX, &msi) ||
	    vfio_irq_info(dev, VFIO_PCI_MSIX_IRQ_INDEX, &msix)) {
		error_clear();
		return;
	}
	probe_add(p, "interrupts", PROBE_OK, "INTx %u, MSI %u, MSI-X %u%s", intx.count, msi.count,
		  msix.count,
		  msix.count && !(msix.flags & VFIO_IRQ_INFO_NORESIZE) ? ", added when needed"
								       : "");
}

static void probe_bound(struct probe *p, struct vfio_device *dev, struct vfio_space *space)
{
	if (vfio_space_attach(space, dev)) {
		add_error(p, "attach", dev->name);
	} else {
		probe_add(p, "attach", PROBE_OK, "DMA through an address space of its own");
		probe_iovas(p, space);
	}
	/* Groups keep the device's number in the iommufd to themselves. */
	if (space->way == VFIO_WAY_CDEV) {
		probe_page_table(p, space->fd, dev, space->ioas, "nesting",
				 IOMMU_HWPT_ALLOC_NEST_PARENT);
		probe_page_table(p, space->fd, dev, space->ioas, "dirty_tracking",
				 IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
	}
	probe_feature(p, dev->fd, "dma_buf", VFIO_DEVICE_FEATURE_DMA_BUF, VFIO_DEVICE_FEATURE_GET);
	probe_feature(p, dev->fd, "low_power", VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
		      VFIO_DEVICE_FEATURE_SET);
	probe_feature(p, dev->fd, "low_power_wakeup",
		      VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP, VFIO_DEVICE_FEATURE_SET);
	probe_feature(p, dev->fd, "migration", VFIO_DEVICE_FEATURE_MIGRATION,
		      VFIO_DEVICE_FEATURE_GET);
	probe_bars(p, dev);
	probe_irqs(p, dev);
	if (vfio_space_detach(space, dev))
		error_clear();
}

static void probe_taken(struct probe *p, struct vfio_device *dev, struct vfio_space *space)
{
	struct vfio_device_info info;
	int r;

	if (space->way == VFIO_WAY_CDEV)
		probe_token(p, dev->fd, space->fd);
	else
		probe_add(p, "bind_token", PROBE_OK, "in the name that a group is asked for");
	if (vfio_space_bind(space, dev)) {
		add_error(p, "bind", dev->name);
		return;
	}
	r = vfio_device_info(dev, &info);
	if (r)
		error_clear();
	probe_add(p, "bind", PROBE_OK, "taken, and %sreset",
		  r || info.flags & VFIO_DEVICE_FLAGS_RESET ? "" : "not ");
	probe_bound(p, dev, space);
}

void probe_function_calls(struct probe *p, const struct host_function *fn)
{
	struct vfio_device dev = { .fd = -1 };
	struct vfio_space space;
	char why[HOSTFN_WHY];

	bdf_format(fn->bdf, dev.name);
	vfio_space_init(&space);
	if (hostway_find(fn, 1, HOSTWAY_ANY, &space.way, why, sizeof(why))) {
		probe_add(p, "way", PROBE_BAD, "%s", why);
		return;
	}
	probe_add(p, "way", PROBE_OK, "%s", hostway_words(space.way));
	if (*hostway_lacks(space.way))
		probe_mend(p, "for a better one %s", hostway_lacks(space.way));
	if (vfio_space_open_device(&space, fn, &dev) || vfio_space_open(&space))
		add_error(p, "bind", dev.name);
	else
		probe_taken(p, &dev, &space);
	fd_close(&dev.fd);
	vfio_space_close(&space);
}
