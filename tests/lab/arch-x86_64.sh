# SPDX-License-Identifier: BSD-2-Clause
#
# What tests/lab/host needs to know about an emulated x86_64 host. Sourced by it.
#
# QEMU's software CPU has AMD's SVM with nested paging, which gives the lab a real /dev/kvm; the
# Intel IOMMU does not mind. intremap wants the interrupt controller outside of a kernel.
# no_timer_check: the kernel's check that the timer ticks takes 0.1 s, and fails on a busy machine.
# vmlinux is started by PVH: a bzImage would unpack itself first, in emulation.

#
# The frequency of the time-stamp counter, which QEMU passes through, is told and not left to the
# emulated kernel to measure: on a busy machine it measures some 0.2 % wrong, corrects itself a second
# later, and KVM, which keeps the first number, gives its guests a kvm-clock that runs away and then
# stands still. tsc=reliable: nor does it doubt that clock when the machine is busy.

arch_machine=(-M q35,kernel-irqchip=off -cpu max,+svm)
arch_iommu=intel-iommu
arch_iommu_default=intremap=on
arch_kernel=vmlinux arch_debian=debian-vmlinux
[ "$page_size" = 4K ] || bad "--page-size $page_size: x86_64 has 4K only"
arch_append="console=ttyS0 iommu=pt intel_iommu=on no_timer_check kvm.tsc_tolerance_ppm=20000"

arch_tsc_khz() {
	[ "$(uname -m)" = x86_64 ] || return 0
	local file boot khz
	file=$CACHE/tsc-khz boot=$(cat /proc/sys/kernel/random/boot_id)
	if ! grep -qs "^$boot" "$file"; then
		mkdir -p "$CACHE" && gcc -O1 -o "$file.$$.prog" "$here/tsc.c" 2>/dev/null && khz=$("$file.$$.prog") &&
			echo "$boot $khz" >"$file.$$" && mv "$file.$$" "$file"
		rm -f "$file.$$.prog"
	fi
	sed -n "s/^$boot //p" "$file" 2>/dev/null
}

# What depends on the options: --icount makes the counter count nanoseconds.
arch_late() {
	local khz
	if [ -n "$icount" ]; then khz=1000000; else khz=$(arch_tsc_khz); fi
	arch_append="$arch_append tsc=reliable${khz:+ tsc_early_khz=$khz}"
}
