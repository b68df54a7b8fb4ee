# SPDX-License-Identifier: BSD-2-Clause
#
# What cases for the ways to a device share (thru(1), WAYS TO A DEVICE): sourced with tests/lib.sh before
# it, in an emulated host with, in this order, an e1000e, an e1000, and two e1000 that are functions of one
# card behind a root port. $way is the way that is tested and $api the option that insists on it, if any.

card=0000:00:02.0 line=0000:00:03.0 hot=0000:01:00.0 other=0000:01:00.1
pings() { echo "for d in $*; do net-up \$d && ping -q -c 5 -i 0.2 10.0.2.2; ip addr flush dev eth0; ip addr flush dev eth1; done"; }

# Two groups in one guest, with MSI-X and with INTx, each within reach of the other's BARs.
way_passthrough() {
	local calls words
	guest "pci-list; $(pings e1000e e1000); irq-count eth" --vfio $card,p2p=on --vfio $line,reset=none,p2p=on $api --explain
	expect "$way: two groups in one guest" 0 "thru-guest: status 0" "0000:00:03.0 8086:100e"
	seen "$way: e1000e: driver and MSI-X" '8086:10d3 class 020000 driver e1000e irq msix:3'
	if [ "$(grep -c '5 packets received, 0% packet loss' "$tmp/out")" = 2 ]; then ok "$way: ping through each"
	else bad "$way: ping through each" "not all of the packets came"; fi
	seen "$way: e1000e: interrupts" 'irq: .*PCI-MSIX.* eth.-rx-0 [1-9]'
	seen "$way: e1000: INTx" 'irq: (IO-APIC|GICv3) .*eth. [1-9]'
	case $way in
	cdev) words='cdev, iommufd' calls='VFIO_DEVICE_BIND_IOMMUFD IOMMU_IOAS_ALLOC VFIO_DEVICE_ATTACH_IOMMUFD_PT IOMMU_IOAS_MAP_FILE' ;;
	group-iommufd) words='group, iommufd' calls='VFIO_GROUP_SET_CONTAINER IOMMU_VFIO_IOAS VFIO_GROUP_GET_DEVICE_FD IOMMU_IOAS_MAP_FILE' ;;
	group) words='group, type1' calls='VFIO_GROUP_SET_CONTAINER VFIO_SET_IOMMU VFIO_GROUP_GET_DEVICE_FD VFIO_IOMMU_MAP_DMA' ;;
	esac
	if [ "$(grep -oE " ($(tr ' ' '|' <<<"$calls")) " "$tmp/err" | tr -d ' ' | awk '!seen[$0]++' | tr '\n' ' ')" = "$calls " ]; then
		ok "$way: the calls are its own, in order"
	else
		bad "$way: the calls are its own, in order" "expected $calls"
	fi
	[ -n "$api" ] || [ $way = cdev ] || words+="; for a better way the kernel lacks CONFIG"
	if grep -q -e "^-- devices by: $words" "$tmp/err"; then ok "$way: --explain says which"; else bad "$way: --explain says which" "no: $words"; fi
	if grep peer-to-peer "$tmp/err"; then bad "$way: peer to peer" "it is not to be had"; else ok "$way: peer to peer"; fi
	host_clean "$way: two groups: nothing left"
}

# What the first of two guests leaves in a register, the second finds cleared.
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

way_reboots() {
	local marker='d=/sys/bus/pci/devices/0000:00:02.0; echo 1 >$d/enable
read base rest <$d/resource; echo marker: $(devmem $((base + 0x3410)) 32); devmem $((base + 0x3410)) 32 0x155'
	append=thru.then=reboot guest_start "$marker" --vfio $hot $api --on-reboot restart
	# Not -q, and not to /dev/null: grep ends at its first match then, whatever -m says.
	timeout 200 grep -m 3 marker: <(tail -n +1 -f --pid=$guest "$tmp/out") >"$tmp/markers"
	guest_end TERM
	if [ "$(grep marker: "$tmp/out" | head -n 3 | tr -d '\r' | sort | uniq -c | tr -s ' ')" = " 3 marker: 0x00000000" ]; then
		ok "$way: hot reset: at each reboot"
	else
		bad "$way: hot reset: at each reboot" "expected three clean markers"
	fi
}

way_errors() {
	"$thru" unbind $other >/dev/null
	guest true --vfio $hot $api
	expect_error "$way: a neighbour is the host's" 3 "$hot shares IOMMU group" "$other, which is bound to e1000; run: thru bind $other"
	"$thru" bind $other >/dev/null
	guest_start 'echo came-up; sleep 1000' --vfio $card $api
	await came-up
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

# For a user who may open none of it. Two guests of his at once, each with a limit that is enough for one:
# what they pin counts for each by itself. The words of the guest are the same whatever the way is.
way_handover() {
	local shared=/dev/iommu own=/dev/vfio/$(group_of $card) open file kernel=$tmp/kernel initrd=$tmp/initrd
	local mine=$thru thru=$tmp/thru
	case $way in cdev) own=/dev/vfio/devices/ ;; group) shared=/dev/vfio/vfio ;; esac
	chmod 755 "$tmp"
	cp "$("$images/path" vmlinux)" "$kernel"; cp "$("$images/path" initrd)" "$initrd"; cp "$mine" "$thru"
	chmod 644 "$kernel" "$initrd"
	chgrp nogroup /dev/kvm; chmod 660 /dev/kvm; chmod 700 /dev/vfio
	for file in /dev/iommu /dev/vfio/[0-9]* /dev/vfio/vfio; do [ ! -e $file ] || chmod 600 $file; done
	open=("$thru" open --user nobody $api --memlock 300M)
	run "${open[@]}" $card -- sh -c "cd / && find /proc/self/fd -printf '%f=%l\n'"
	expect "$way: thru open: the descriptors" 0 "3=$shared" "4=$own"
	guest_words true --mem 256M --iommufd fd=3 --vfio fd=4
	run "$thru" open --user nobody $api --memlock 100M $card -- "${words[@]}"
	expect_error "$way: thru open: the limit on locked memory" 3 "memlock:" "262144 KiB"
	guest_words "$(pings e1000e); echo came-up; sleep 1000" --mem 256M --iommufd fd=3 --vfio fd=4
	words=("${open[@]}" $card -- "${words[@]}")
	words_start
	if await came-up; then ok "$way: thru open: by number, a guest without privilege"
	else bad "$way: thru open: by number, a guest without privilege" "it does not come up"; fi
	if grep -q '5 packets received, 0% packet loss' "$tmp/out"; then ok "$way: thru open: it pings"; else bad "$way: thru open: it pings" "no"; fi
	mv "$tmp/out" "$tmp/out.first"; mv "$tmp/err" "$tmp/err.first"
	mkdir -p "$tmp/s"; chown 65534:65534 "$tmp/s"
	"${open[@]}" --socket "$tmp/s/socket" $hot $other & file=$!
	until [ -S "$tmp/s/socket" ]; do sleep 0.1; done
	guest_words pci-list --mem 256M --vfio socket="$tmp/s/socket" --vfio socket="$tmp/s/socket",addr=09.0
	run prlimit --memlock=314572800:314572800 setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs "${words[@]}"
	expect "$way: thru open: through its socket, beside the first" 0 "0000:00:02.0 8086:100e" "0000:00:09.0 8086:100e"
	wait $file && [ ! -e "$tmp/s/socket" ] && ok "$way: thru open: the socket's server ends well" ||
		bad "$way: thru open: the socket's server ends well" "it is there"
	mv "$tmp/out.first" "$tmp/out"; mv "$tmp/err.first" "$tmp/err"
	guest_end TERM
	[ $way = cdev ] || run "${open[@]}" --bound $card -- true
	[ $way = cdev ] || expect_error "$way: thru open: not bound by groups" 3 "--bound: by its group"
	host_clean "$way: thru open: nothing left"
}
