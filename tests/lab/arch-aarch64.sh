# SPDX-License-Identifier: BSD-2-Clause
#
# What tests/lab/host needs to know about an emulated aarch64 host. Sourced by it.
#
# A Neoverse V1 in software: EL2 and VHE, SVE of 256 bits, a PMU; the board has a GICv3 with ITS and an
# SMMUv3. KVM with messages to guests, and DMA that is confined. Not -cpu max: its WFIT, trapped by KVM,
# lacks the register's number in the syndrome (QEMU 10.0; syn_wfx()), so KVM takes it for WFI and each
# udelay() of a guest lasts until the next tick. Pointer authentication is by QEMU's own simple
# algorithm: the architecture's takes most of the time.
# The SMMU is no -device but a property of the board: its options become -global ones.

arch_machine=(-M virt,virtualization=on,gic-version=3,its=on -cpu neoverse-v1,pauth-impdef=on)
arch_iommu=
arch_debian=debian-kernel
case $page_size in
4K)      arch_kernel=kernel ;;
16K|64K) arch_kernel=kernel/${page_size,,} ;;
*)       bad "--page-size $page_size: aarch64 has 4K, 16K and 64K" ;;
esac
arch_append="console=ttyAMA0 iommu.passthrough=1"

arch_late() {
	local option
	[ "$iommu" != none ] || return 0
	arch_machine[1]+=,iommu=smmuv3
	for option in ${iommu//,/ }; do arch_machine+=(-global "arm-smmuv3.$option"); done
}
