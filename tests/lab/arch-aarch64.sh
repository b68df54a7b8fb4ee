# SPDX-License-Identifier: BSD-2-Clause
#
# What tests/lab/host needs to know about an emulated aarch64 host. Sourced by it.
#
# QEMU's software CPU has EL2 and VHE, its board a GICv3 with ITS and an SMMUv3: KVM with messages to
# guests and DMA that is confined. Pointer authentication by QEMU's own simple algorithm, because
# the architecture's takes most of the time; vectors of at most 256 bits, because KVM saves them.
# The SMMU is no -device but a property of the board: its options become -global ones.

arch_machine=(-M virt,virtualization=on,gic-version=3,its=on -cpu max,pauth-impdef=on,sve-max-vq=2)
arch_iommu=
arch_kernel=kernel
arch_append="console=ttyAMA0 iommu.passthrough=1"

arch_late() {
	local option
	[ "$iommu" != none ] || return 0
	arch_machine[1]+=,iommu=smmuv3
	for option in ${iommu//,/ }; do arch_machine+=(-global "arm-smmuv3.$option"); done
}
