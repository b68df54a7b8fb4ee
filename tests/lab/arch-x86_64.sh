# SPDX-License-Identifier: BSD-2-Clause
#
# What tests/lab/host needs to know about an emulated x86_64 host. Sourced by it.
#
# QEMU's software CPU has AMD's SVM with nested paging, which gives the lab a real /dev/kvm; the
# Intel IOMMU does not mind. intremap wants the interrupt controller outside of a kernel.
# no_timer_check: the kernel's check that the timer ticks takes 0.1 s, and fails on a busy machine.
# vmlinux is started by PVH: a bzImage would unpack itself first, in emulation.

arch_machine=(-M q35,kernel-irqchip=off -cpu max,+svm)
arch_iommu=intel-iommu
arch_iommu_default=intremap=on
arch_kernel=vmlinux
arch_append="console=ttyS0 iommu=pt intel_iommu=on no_timer_check"
