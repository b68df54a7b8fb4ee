/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM, one function per call (Documentation/virt/kvm/api.rst; the number after each is its section
 * title there). All return 0 (or the documented value) or -errno with the reason recorded, unless
 * said otherwise. Any thread may call them; file descriptors stay the caller's.
 */
#pragma once

#include <base/types.h>
#include <linux/kvm.h>

/* Open /dev/kvm and check KVM_GET_API_VERSION is 12. Says what to do when absent or forbidden. */
int kvm_open(int *ret_fd) _must_check_;

/* KVM_CHECK_EXTENSION on /dev/kvm or a VM: the capability's value, 0 when it is not there. */
int kvm_check(int fd, unsigned cap);

/* KVM_CREATE_VM. `type` is 0 on x86_64 and the IPA size in bits on aarch64. */
int kvm_vm_create(int kvm_fd, unsigned long type, int *ret_vm) _must_check_;

/* KVM_ENABLE_CAP on a VM or vcpu. */
int kvm_enable_cap(int fd, unsigned cap, uint64_t arg0) _must_check_;

/*
 * KVM_SET_USER_MEMORY_REGION. size 0 deletes the slot. flags: KVM_MEM_READONLY,
 * KVM_MEM_LOG_DIRTY_PAGES. hva and gpa are aligned to the host's page size.
 */
int kvm_set_memory(int vm, unsigned slot, unsigned flags, gpa_t gpa, uint64_t size,
		   void *hva) _must_check_;

/*
 * KVM_IRQFD: writing `fd` raises `gsi`. With resample_fd >= 0 the line is level triggered: it stays
 * up until the guest acknowledges it, which lowers it and signals resample_fd.
 */
int kvm_irqfd(int vm, unsigned gsi, int fd, int resample_fd) _must_check_;
int kvm_irqfd_remove(int vm, unsigned gsi, int fd);

/*
 * KVM_IOEVENTFD: a write of any length that a vcpu makes at `address` of guest physical space signals `fd`
 * and costs no exit to userspace.
 */
int kvm_ioeventfd(int vm, gpa_t address, int fd) _must_check_;

/* The same of a write of exactly `len` bytes to a port. */
int kvm_ioeventfd_port(int vm, uint16_t port, unsigned len, int fd) _must_check_;
int kvm_ioeventfd_remove(int vm, gpa_t address, int fd);

/* KVM_SET_GSI_ROUTING: replaces the whole table. */
int kvm_set_gsi_routing(int vm, struct kvm_irq_routing *table) _must_check_;

/* KVM_IRQ_LINE: set the level of an irqchip input. */
int kvm_irq_line(int vm, uint32_t irq, bool level) _must_check_;

/* KVM_CREATE_DEVICE; the result is closed with fd_close(). KVM_SET_DEVICE_ATTR on it. */
int kvm_device_create(int vm, unsigned type, int *ret_fd) _must_check_;
int kvm_device_set(int fd, unsigned group, uint64_t attr, void *value) _must_check_;

/*
 * The kvm-vfio pseudo device (Documentation/virt/kvm/devices/vfio.rst): tell KVM which VFIO files
 * belong to this VM. Before the bind, so that a driver that needs the VM at open finds it.
 */
int kvm_vfio_file_add(int kvm_vfio, int vfio_fd) _must_check_;
int kvm_vfio_file_remove(int kvm_vfio, int vfio_fd);

/* KVM_CREATE_VCPU and the shared struct kvm_run, mapped; *ret_run_size is for munmap(2). */
int kvm_vcpu_create(int kvm_fd, int vm, unsigned id, int *ret_fd, struct kvm_run **ret_run,
		    size_t *ret_run_size) _must_check_;
