# SPDX-License-Identifier: BSD-2-Clause
#
# What cases for the ways to a device share (thru(1), WAYS TO A DEVICE): sourced with tests/lib.sh before
# it, in an emulated host with, in this order, an e1000e, an e1000, and two e1000 that are functions of one
# card behind a root port. $way is the way that is tested and $api the option that insists on it, if any.

card=0000:00:02.0 line=0000:00:03.0 hot=0000:01:00.0 other=0000:01:00.1
ping='net-up && ping -q -c 5 -i 0.2 10.0.2.2'
group_of() { basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group")"; }

way_passthrough() {
	guest "pci-list; $ping; irq-count eth0" --vfio $card $api --explain
	expect "$way: e1000e: guest ends well" 0 "thru-guest: status 0"
	seen "$way: e1000e: driver and MSI-X" '8086:10d3 class 020000 driver e1000e irq msix:3'
	seen "$way: e1000e: ping" '5 packets received, 0% packet loss'
	seen "$way: e1000e: interrupts" 'irq: .*PCI-MSIX.* eth0-rx-0 [1-9]'
	case $way in
	cdev) calls='VFIO_DEVICE_BIND_IOMMUFD IOMMU_IOAS_ALLOC VFIO_DEVICE_ATTACH_IOMMUFD_PT IOMMU_IOAS_MAP_FILE' ;;
	group-iommufd) calls='VFIO_GROUP_SET_CONTAINER IOMMU_VFIO_IOAS VFIO_GROUP_GET_DEVICE_FD IOMMU_IOAS_MAP_FILE' ;;
	group) calls='VFIO_GROUP_SET_CONTAINER VFIO_SET_IOMMU VFIO_GROUP_GET_DEVICE_FD VFIO_IOMMU_MAP_DMA' ;;
	esac
	if [ "$(grep -oE " ($(tr ' ' '|' <<<"$calls")) " "$tmp/err" | tr -d ' ' | uniq | tr '\n' ' ')" = "$calls " ]; then
		ok "$way: the calls are its own, in order"
	else
		bad "$way: the calls are its own, in order" "expected $calls"
	fi
	host_clean "$way: e1000e: nothing left"
	# A device with INTx beside another, each within reach of the other's BARs.
	guest "pci-list; $ping; irq-count eth0" --vfio $line,reset=none,p2p=on --vfio $card,p2p=on $api
	expect "$way: two groups in one guest" 0 "5 packets received, 0% packet loss" "0000:00:03.0 8086:10d3"
	seen "$way: e1000: INTx" 'irq: (IO-APIC|GICv3) .*eth0 [1-9]'
	if grep peer-to-peer "$tmp/err"; then bad "$way: peer to peer" "it is not to be had"; else ok "$way: peer to peer"; fi
}

way_resets() {
	local marker='d=/sys/bus/pci/devices/0000:00:02.0; echo 1 >$d/enable
read base rest <$d/resource; echo marker: $(devmem $((base + 0x3410)) 32); devmem $((base + 0x3410)) 32 0x155'
	guest "$marker" --vfio $hot,addr=02.0 --vfio $other,addr=02.1 $api
	expect "$way: hot reset: two functions of one group" 0 "marker: 0x00000000"
	guest "$marker" --vfio $hot $api
	expect "$way: hot reset: between two guests" 0 "marker: 0x00000000"
	guest true --vfio $line $api
	expect_error "$way: no reset, refused" 3 "$line: cannot be reset" ",reset=none"
	host_clean "$way: resets: nothing left"
}

way_errors() {
	"$thru" unbind $other >/dev/null
	guest true --vfio $hot $api
	expect_error "$way: a neighbour is the host's" 3 "$hot shares IOMMU group" "$other, which is bound to e1000; run: thru bind $other"
	"$thru" bind $other >/dev/null
	guest_start 'echo up; sleep 1000' --vfio $card $api
	await up
	local holder=$(pgrep -x thru)
	run "$thru" run --kernel "$kernel" --vfio $card $api
	expect_error "$way: in use" 3 "$card:" "in use by process $holder"
	# What asks the host's driver back waits until the guest has given it up, and the guest does.
	timeout 60 sh -c "echo $card >/sys/bus/pci/devices/$card/driver/unbind"
	guest_end
	expect "$way: the host takes it back" 5 "$card"
	"$thru" bind $card >/dev/null
	host_clean "$way: errors: nothing left"
}
