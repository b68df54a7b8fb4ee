/* SPDX-License-Identifier: BSD-2-Clause */
/* The narrator of --explain: what is told of a call, and when; the arguments put into words. */
#include <host/explain.h>

#include <base/clock.h>
#include <base/fd.h>
#include <errno.h>
#include <host/call.h>
#include <linux/iommufd.h>
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"

static char text[65536];
static int out = -1;

static void start(void)
{
	fd_close(&out);
	out = memfd_create("told", MFD_CLOEXEC);
	explain_start(out);
	(void)!ftruncate(out, 0);
	lseek(out, 0, SEEK_SET);
}

static void stop(void)
{
	ssize_t n;

	explain_stop();
	n = pread(out, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = 0;
}

static unsigned count(const char *what)
{
	unsigned n = 0;

	for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
		n++;
	return n;
}

#define TELL(name, fd, arg, result) explain_ioctl(name, fd, arg, result, clock_ns())
#define CHECK_TOLD(what)                                                                           \
	do {                                                                                       \
		if (!strstr(text, what)) {                                                         \
			test_failed = true;                                                        \
			snprintf(test_why, sizeof(test_why), "%s:%d: \"%s\" is not in \"%.300s\"", \
				 __FILE__, __LINE__, what, text);                                  \
			return;                                                                    \
		}                                                                                  \
	} while (0)

static void off(void)
{
	CHECK(!explain_on);
	explain_phase("nothing");
	explain_stop();
	CHECK_EQ(HOST_IOCTL(-1, KVM_CREATE_VM, 0), -EBADF);
}

static void the_door(void)
{
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_VFIO };

	start();
	CHECK_EQ(HOST_IOCTL(-1, KVM_CREATE_DEVICE, &device), -EBADF);
	CHECK_EQ(host_open("/nonexistent/node"), -ENOENT);
	stop();
	CHECK_TOLD("KVM_CREATE_DEVICE");
	CHECK_TOLD("KVM_DEV_TYPE_VFIO = EBADF (Bad file descriptor)");
	CHECK_TOLD("/nonexistent/node = ENOENT");
	CHECK(!explain_on);
}

static void phases(void)
{
	start();
	explain_phase("empty");
	explain_phase("the VM");
	TELL("KVM_CREATE_VM", -1, NULL, 7);
	TELL("KVM_CREATE_VM", -1, NULL, 8);
	stop();
	CHECK_EQ(count("-- empty --"), 0);
	CHECK_EQ(count("-- the VM --"), 1);
	CHECK_TOLD("type 0 = fd 7");
	/* The reason is given once. */
	CHECK_EQ(count("KVM_CREATE_VM "), 2);
	CHECK_EQ(count("A VM without memory"), 1);
	CHECK_EQ(count("api.rst: KVM_CREATE_VM"), 1);
}

static void sums(void)
{
	struct vfio_region_info info = { .argsz = sizeof(info),
					 .index = VFIO_PCI_CONFIG_REGION_INDEX,
					 .size = 4096,
					 .offset = 7ull << 40 };
	struct kvm_irq_level line = { .irq = 4, .level = 1 };

	start();
	TELL("VFIO_DEVICE_GET_REGION_INFO", 99, &info, 0);
	for (unsigned i = 0; i < 1000; i++) {
		explain_access(99, (7ull << 40) + i, false, 0);
		TELL("KVM_IRQ_LINE", 98, &line, 0);
	}
	explain_access(99, (7ull << 40) + 4, true, -EIO);
	explain_access(99, 9ull << 40, false, 0);
	TELL("KVM_CREATE_IRQCHIP", 98, NULL, 0);
	explain_access(99, 7ull << 40, false, 0);
	stop();
	CHECK_TOLD("7 (config space): 4 KiB at 0x70000000000, none = 0");
	CHECK_TOLD("configuration space: 1000 times\n");
	CHECK_TOLD("configuration space: 1 time, 1 of them failed");
	CHECK_EQ(count("KVM_IRQ_LINE"), 1);
	CHECK(strstr(text, "1000 times") < strstr(text, "KVM_CREATE_IRQCHIP"));
	/* What waits at the end is told, too. */
	CHECK(strstr(strstr(text, "KVM_CREATE_IRQCHIP"), "configuration space: 1 time\n"));
}

static void memory(void)
{
	struct kvm_userspace_memory_region r = { .slot = 3,
						 .flags = KVM_MEM_READONLY | 0x40,
						 .guest_phys_addr = 0x100000,
						 .memory_size = 0x200000 };
	struct iommu_ioas_map_file m = { .flags = IOMMU_IOAS_MAP_READABLE,
					 .ioas_id = 5,
					 .fd = 2000,
					 .iova = GIB(4),
					 .length = GIB(2) };

	start();
	TELL("KVM_SET_USER_MEMORY_REGION", -1, &r, 0);
	r.memory_size = 0;
	TELL("KVM_SET_USER_MEMORY_REGION", -1, &r, 0);
	TELL("IOMMU_IOAS_MAP_FILE", -1, &m, -ENOMEM);
	stop();
	CHECK_TOLD(
		"slot 3, guest 0x100000-0x2fffff (2 MiB) at host 0, flags KVM_MEM_READONLY | 0x40");
	CHECK_TOLD("slot 3 removed = 0");
	CHECK_TOLD(
		"IOAS 5, iova 0x100000000-0x17fffffff (2 GiB) is fd 2000 (fd 2000) from 0, read");
	CHECK_TOLD("= ENOMEM");
}

static void interrupts(void)
{
	static const int32_t fds[] = { 2001, -1, 2002, 2003, 2004, 2005 };
	union {
		struct vfio_irq_set set;
		uint8_t room[sizeof(struct vfio_irq_set) + sizeof(fds)];
	} arg = { .set = { .flags = VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD,
			   .index = VFIO_PCI_MSIX_IRQ_INDEX,
			   .start = 2,
			   .count = 6 } };
	union {
		struct kvm_irq_routing table;
		uint8_t room[sizeof(struct kvm_irq_routing) +
			     2 * sizeof(struct kvm_irq_routing_entry)];
	} routes = { .table = { .nr = 2 } };
	struct kvm_irq_routing_entry *entries = (void *)(routes.room + sizeof(routes.table));
	struct kvm_irqfd irq = { .fd = 2001, .gsi = 24, .flags = KVM_IRQFD_FLAG_DEASSIGN };

	memcpy(arg.room + sizeof(arg.set), fds, sizeof(fds));
	entries[0] = (struct kvm_irq_routing_entry){ .gsi = 4, .type = KVM_IRQ_ROUTING_IRQCHIP };
	entries[1] = (struct kvm_irq_routing_entry){
		.gsi = 24,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = 0xfee01000, .data = 0x4031 },
	};
	start();
	TELL("VFIO_DEVICE_SET_IRQS", -1, &arg, 0);
	arg.set.count = 1;
	memcpy(arg.room + sizeof(arg.set), &fds[1], sizeof(fds[1]));
	TELL("VFIO_DEVICE_SET_IRQS", -1, &arg, 0);
	arg.set.count = 0;
	TELL("VFIO_DEVICE_SET_IRQS", -1, &arg, 0);
	TELL("KVM_SET_GSI_ROUTING", -1, &routes, 0);
	routes.table.nr = 0;
	TELL("KVM_SET_GSI_ROUTING", -1, &routes, 0);
	TELL("KVM_IRQFD", -1, &irq, 0);
	stop();
	CHECK_TOLD("MSI-X trigger 2-7 by fd 2001 (fd 2001), fd 2002");
	CHECK_TOLD(", and 1 more = 0");
	CHECK_TOLD("MSI-X trigger 2 by none = 0");
	CHECK_TOLD("MSI-X trigger, off = 0");
	CHECK_TOLD("1 pin, 1 message; GSI 24 writes 0x4031 to 0xfee01000");
	CHECK_TOLD("0 pins, 0 messages = 0");
	CHECK_TOLD("off GSI 24");
}

static void devices(void)
{
	union {
		struct vfio_region_info info;
		uint8_t room[256];
	} arg = { .info = { .argsz = 32,
			    .flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_CAPS,
			    .index = 3,
			    .size = 0x4000 } };
	struct vfio_info_cap_header msix = { VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, 1, 40 };
	struct vfio_region_info_cap_sparse_mmap sparse = {
		.header = { VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1, 32 }, /* back: no way round */
		.nr_areas = 1,
	};
	struct vfio_region_sparse_mmap_area area = { .offset = 0x1000, .size = 0x2000 };
	struct vfio_device_attach_iommufd_pt pt = { .pt_id = 7 };
	struct vfio_pci_hot_reset_info hot = { .count = 1 };
	union {
		struct vfio_pci_hot_reset_info info;
		uint8_t room[sizeof(struct vfio_pci_hot_reset_info) +
			     2 * sizeof(struct vfio_pci_dependent_device)];
	} beside = { .info = { .count = 2 } };
	struct vfio_pci_dependent_device functions[] = { { .bus = 0xe1, .devfn = 1 },
							 { .segment = 3 } };

	memcpy(beside.info.devices, functions, sizeof(functions));

	start();
	arg.info.argsz = 120;
	TELL("VFIO_DEVICE_GET_REGION_INFO", -1, &arg, 0);
	arg.info.cap_offset = 32;
	memcpy(arg.room + 32, &msix, sizeof(msix));
	memcpy(arg.room + 40, &sparse, sizeof(sparse));
	memcpy(arg.room + 40 + sizeof(sparse), &area, sizeof(area));
	TELL("VFIO_DEVICE_GET_REGION_INFO", -1, &arg, 0);
	TELL("VFIO_DEVICE_ATTACH_IOMMUFD_PT", -1, &pt, 0);
	TELL("VFIO_DEVICE_ATTACH_IOMMUFD_PT", -1, &pt, -EINVAL);
	TELL("VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", -1, &hot, -ENODEV);
	TELL("VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", 96, &beside, 0);
	explain_device(96, (struct bdf){ .domain = 0x10000, .bus = 0xe1 });
	TELL("VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", 96, &beside, 0);
	stop();
	CHECK_TOLD("3 (BAR 3): 16 KiB at 0, read, and more that takes 120 bytes = 0");
	CHECK_TOLD("read, the MSI-X table, too, in 1 areas: 0x1000-0x2fff, the MSI-X table, too");
	CHECK_TOLD("now behind page table 7 = 0");
	CHECK_TOLD("to IOAS 7 = EINVAL");
	CHECK(!strstr(text, "1 function"));
	CHECK_TOLD("2 functions: 0000:e1:00.1, 0003:00:00.0 = 0");
	/* Domains are wider than what the kernel says of them (VMD's begin at 10000h). */
	CHECK_TOLD("2 functions: 10000:e1:00.1, 0003:00:00.0 = 0");
}

#ifdef __aarch64__
static void registers(void)
{
	uint64_t value = 0x80000;
	struct kvm_one_reg pc = { .id = 0x6030000000100040, .addr = (uintptr_t)&value };
	struct kvm_vcpu_init init = { .target = 5, .features = { BIT(2) | BIT(4) } };

	start();
	TELL("KVM_SET_ONE_REG", -1, &pc, 0);
	pc.id += 2;
	TELL("KVM_SET_ONE_REG", -1, &pc, 0);
	pc.id = 0x6030000000100002;
	TELL("KVM_GET_ONE_REG", -1, &pc, -ENOENT);
	pc.id = 0x603000000013c510;
	TELL("KVM_GET_ONE_REG", -1, &pc, 0);
	TELL("KVM_ARM_VCPU_INIT", -1, &init, 0);
	stop();
	CHECK_TOLD("PC is 0x80000 = 0");
	CHECK_TOLD("PSTATE is 0x80000 = 0");
	CHECK_TOLD("X1 = ENOENT");
	CHECK_TOLD("register 0x603000000013c510 = 0");
	CHECK_TOLD("target 5, PSCI_0_2 | SVE = 0");
}
#else
static void registers(void)
{
	struct kvm_regs regs = { .rip = 0x100000, .rsi = 0x7000 };
	struct kvm_sregs sregs = { .cs.base = 0xffff0000, .cr3 = 0x9000, .efer = 0xa20 };
	struct kvm_cpuid2 cpuid = { .nent = 40 };
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entries[5];
	} msrs = { { .nmsrs = 5 }, { { .index = 0x2ff, .data = 0xc06 }, { .index = 0x1a0 } } };

	start();
	TELL("KVM_SET_REGS", -1, &regs, 0);
	TELL("KVM_SET_SREGS", -1, &sregs, 0);
	TELL("KVM_SET_CPUID2", -1, &cpuid, 0);
	TELL("KVM_SET_MSRS", -1, &msrs, 5);
	stop();
	CHECK_TOLD("RIP 0x100000, RBX 0, RSI 0x7000, RSP 0 = 0");
	CHECK_TOLD("CS at 0xffff0000, CR0 0, CR3 0x9000, CR4 0, EFER 0xa20 = 0");
	CHECK_TOLD("40 entries = 0");
	CHECK_TOLD("MSR 0x2ff: 0xc06, MSR 0x1a0: 0, MSR 0: 0, MSR 0: 0, and 1 more = 5");
}
#endif

static void attributes(void)
{
	uint64_t value = 0x80000;
	struct kvm_device_attr vgic = { .group = 0, .attr = 3, .addr = (uintptr_t)&value };

	start();
	TELL("KVM_CREATE_VM", -1, (void *)41, 7);
	/* What the numbers mean depends on what they are set on, and this is nothing. */
	TELL("KVM_SET_DEVICE_ATTR", -1, &vgic, 0);
	stop();
	CHECK_TOLD("type 41 (bits of guest physical address) = fd 7");
	CHECK_TOLD("group 0, attribute 3 = 0");
}

static void unknown(void)
{
	start();
	TELL("KVM_OF_THE_FUTURE", 97, (void *)1, -ENOTTY);
	TELL("KVM_CHECK_EXTENSION", 97, (void *)99999, 0);
	explain_call("mmap", 97, 0, clock_ns(), "%2000s", "long");
	stop();
	CHECK_TOLD("KVM_OF_THE_FUTURE              fd 97      = ENOTTY");
	CHECK_TOLD("capability 99999 = 0");
	CHECK_EQ(count("mmap"), 1);
}

static const struct test tests[] = {
	TEST(off),        TEST(the_door), TEST(phases),    TEST(sums),       TEST(memory),
	TEST(interrupts), TEST(devices),  TEST(registers), TEST(attributes), TEST(unknown),
};
TEST_MAIN(tests)
