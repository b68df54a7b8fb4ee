/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM, one function per call (Documentation/virt/kvm/api.rst).
 */
#include <host/kvm.h>

#include <base/error.h>
#include <base/fd.h>
#include <errno.h>
#include <host/call.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int refused(const char *name, int err)
{
	return fail(STATUS_FAILURE, -err, "KVM: %s failed: %s", name, strerror(-err));
}

/* A call whose only answer is "done" or a refusal worth telling. */
static int call(int fd, unsigned long request, void *arg, const char *name)
{
	int r = host_ioctl(fd, request, arg, name);

	return r < 0 ? refused(name, r) : 0;
}
#define CALL(fd, request, arg) call(fd, request, (void *)(arg), #request)

int kvm_open(int *ret_fd)
{
	_cleanup_fd_ int fd = host_open("/dev/kvm");
	int version;

	if (fd == -EACCES || fd == -EPERM)
		return fail(STATUS_HOST, -fd,
			    "/dev/kvm: permission denied; add this user to the group of /dev/kvm "
			    "(usermod -aG kvm USER), run as root, or let everybody use it: echo "
			    "'KERNEL==\"kvm\", MODE=\"0666\"' | sudo tee "
			    "/etc/udev/rules.d/99-kvm.rules; sudo udevadm trigger "
			    "--name-match=kvm");
	if (fd < 0)
		return fail(STATUS_HOST, -fd,
			    "/dev/kvm: %s; enable virtualisation (VT-x, SVM) in the firmware and "
			    "load the kernel's module (modprobe kvm_intel or kvm_amd)",
			    strerror(-fd));
	version = HOST_IOCTL(fd, KVM_GET_API_VERSION, 0);
	if (version == -ENOTTY)
		return fail(STATUS_HOST, ENOTTY,
			    "/dev/kvm: something else lies there, not KVM (KVM_GET_API_VERSION: "
			    "%s); see ls -l /dev/kvm, which is to be the character device 10, 232",
			    strerror(ENOTTY));
	if (version < 0)
		return refused("KVM_GET_API_VERSION", version);
	if (version != KVM_API_VERSION)
		return fail(
			STATUS_HOST, ENOTSUP,
			"/dev/kvm: API version %d, thru needs %d; boot a host kernel of 6.6 or newer",
			version, KVM_API_VERSION);
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int kvm_check(int fd, unsigned cap)
{
	int r = HOST_IOCTL(fd, KVM_CHECK_EXTENSION, (unsigned long)cap);

	return r < 0 ? 0 : r;
}

int kvm_vm_create(int kvm_fd, unsigned long type, int *ret_vm)
{
	int r = HOST_IOCTL(kvm_fd, KVM_CREATE_VM, type);

	if (r == -EBUSY)
		return fail(STATUS_HOST, EBUSY,
			    "/dev/kvm: another hypervisor uses the processor's virtualisation; "
			    "stop it (VirtualBox, VMware) and try again");
	if (r < 0)
		return refused("KVM_CREATE_VM", r);
	*ret_vm = r;
	return 0;
}

int kvm_enable_cap(int fd, unsigned cap, uint64_t arg0)
{
	struct kvm_enable_cap arg = { .cap = cap, .args = { arg0 } };

	return CALL(fd, KVM_ENABLE_CAP, &arg);
}

int kvm_set_memory(int vm, unsigned slot, unsigned flags, gpa_t gpa, uint64_t size, void *hva)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)hva,
	};
	int r = HOST_IOCTL(vm, KVM_SET_USER_MEMORY_REGION, &region);

	if (r < 0)
		return fail(STATUS_FAILURE, -r,
			    "KVM: memory slot %u of %#llx bytes at %#llx was refused: %s", slot,
			    (unsigned long long)size, (unsigned long long)gpa, strerror(-r));
	return 0;
}

int kvm_irqfd(int vm, unsigned gsi, int fd, int resample_fd)
{
	struct kvm_irqfd arg = {
		.fd = (uint32_t)fd,
		.gsi = gsi,
		.flags = resample_fd >= 0 ? KVM_IRQFD_FLAG_RESAMPLE : 0,
		.resamplefd = resample_fd >= 0 ? (uint32_t)resample_fd : 0,
	};

	return CALL(vm, KVM_IRQFD, &arg);
}

int kvm_irqfd_remove(int vm, unsigned gsi, int fd)
{
	struct kvm_irqfd arg = {
		.fd = (uint32_t)fd,
		.gsi = gsi,
		.flags = KVM_IRQFD_FLAG_DEASSIGN,
	};

	return HOST_IOCTL(vm, KVM_IRQFD, &arg);
}

/* Length 0 is any length (KVM_CAP_IOEVENTFD_ANY_LENGTH, 4.4): KVM then need not decode the instruction. */
int kvm_ioeventfd(int vm, gpa_t address, int fd)
{
	struct kvm_ioeventfd arg = { .addr = address, .fd = fd };

	return CALL(vm, KVM_IOEVENTFD, &arg);
}

int kvm_ioeventfd_port(int vm, uint16_t port, unsigned len, int fd)
{
	struct kvm_ioeventfd arg = {
		.addr = port, .len = len, .fd = fd, .flags = KVM_IOEVENTFD_FLAG_PIO
	};

	return CALL(vm, KVM_IOEVENTFD, &arg);
}

int kvm_ioeventfd_remove(int vm, gpa_t address, int fd)
{
	struct kvm_ioeventfd arg = {
		.addr = address,
		.fd = fd,
		.flags = KVM_IOEVENTFD_FLAG_DEASSIGN,
	};

	return HOST_IOCTL(vm, KVM_IOEVENTFD, &arg);
}

int kvm_set_gsi_routing(int vm, struct kvm_irq_routing *table)
{
	return CALL(vm, KVM_SET_GSI_ROUTING, table);
}

int kvm_irq_line(int vm, uint32_t irq, bool level)
{
	struct kvm_irq_level arg = { .irq = irq, .level = level };

	return CALL(vm, KVM_IRQ_LINE, &arg);
}

int kvm_device_create(int vm, unsigned type, int *ret_fd)
{
	struct kvm_create_device arg = { .type = type };
	int r = HOST_IOCTL(vm, KVM_CREATE_DEVICE, &arg);

	if (r == -ENODEV && type == KVM_DEV_TYPE_VFIO)
		return fail(STATUS_HOST, ENODEV,
			    "KVM: this kernel has no kvm-vfio device; it lacks CONFIG_KVM_VFIO");
	if (r < 0)
		return refused("KVM_CREATE_DEVICE", r);
	*ret_fd = (int)arg.fd;
	return 0;
}

int kvm_device_set(int fd, unsigned group, uint64_t attr, void *value)
{
	struct kvm_device_attr arg = {
		.group = group,
		.attr = attr,
		.addr = (uintptr_t)value,
	};

	return CALL(fd, KVM_SET_DEVICE_ATTR, &arg);
}

/* Before Linux 6.6 the same numbers are KVM_DEV_VFIO_GROUP and _GROUP_ADD, and take groups alone. */
int kvm_vfio_file_add(int kvm_vfio, int vfio_fd)
{
	int32_t fd = vfio_fd;
	struct kvm_device_attr arg = {
		.group = KVM_DEV_VFIO_FILE,
		.attr = KVM_DEV_VFIO_FILE_ADD,
		.addr = (uintptr_t)&fd,
	};
	int r = HOST_IOCTL(kvm_vfio, KVM_SET_DEVICE_ATTR, &arg);

	if (r == -EINVAL || r == -EBADF)
		return fail(STATUS_HOST, -r,
			    "descriptor %d: not a VFIO device or group; give one of /dev/vfio",
			    vfio_fd);
	return r < 0 ? refused("KVM_SET_DEVICE_ATTR", r) : 0;
}

int kvm_vfio_file_remove(int kvm_vfio, int vfio_fd)
{
	int32_t fd = vfio_fd;
	struct kvm_device_attr arg = {
		.group = KVM_DEV_VFIO_FILE,
		.attr = KVM_DEV_VFIO_FILE_DEL,
		.addr = (uintptr_t)&fd,
	};

	return HOST_IOCTL(kvm_vfio, KVM_SET_DEVICE_ATTR, &arg);
}

int kvm_vcpu_create(int kvm_fd, int vm, unsigned id, int *ret_fd, struct kvm_run **ret_run,
		    size_t *ret_run_size)
{
	int size = HOST_IOCTL(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	_cleanup_fd_ int fd = -1;
	void *run;

	if (size < 0)
		return refused("KVM_GET_VCPU_MMAP_SIZE", size);
	fd = HOST_IOCTL(vm, KVM_CREATE_VCPU, (unsigned long)id);
	if (fd < 0)
		return refused("KVM_CREATE_VCPU", fd);
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (run == MAP_FAILED)
		return refused("mmap of struct kvm_run", -errno);
	*ret_fd = fd;
	*ret_run = run;
	*ret_run_size = (size_t)size;
	fd = -1;
	return 0;
}
