# SPDX-License-Identifier: BSD-2-Clause
#
# Guests on a host whose pages are larger than their own, for cases/pages and cases/pages-16k; sourced after
# lib.sh. $expected: KiB of the host's pages. $pool, $other_pool: KiB of huge pages that such a host has and has
# not. Devices: e1000e (MSI-X in a BAR of 16 KiB), igb, nvme (registers, doorbells and MSI-X in 16 KiB), nvme with
# so many vectors that all of this takes 64 KiB.
e1000e=0000:00:02.0 igb=0000:00:03.0 nvme=0000:00:04.0 large=0000:00:05.0
ping='net-up && ping -q -A -c 50 10.0.2.2'

# stat KEY: the number in the last account of --stats whose line begins with KEY, 0 when there is none.
stat() { awk -v key="$1" 'index($0, "  " key " ") == 1 { n = $NF } END { print n + 0 }' "$tmp/err"; }
# none NAME KEY, some NAME KEY: of what KEY counts there is none, or something.
none() { if [ "$(stat "$2")" = 0 ]; then ok "$1"; else bad "$1" "$2: $(stat "$2")"; fi; }
some() { if [ "$(stat "$2")" != 0 ]; then ok "$1 ($(stat "$2"))"; else bad "$1" "none"; fi; }

page=$(awk '/^KernelPageSize/ { print $2; exit }' /proc/self/smaps)
if [ "$page" = "$expected" ]; then ok "the host has pages of $page KiB"; else
	bad "the host has pages of $expected KiB" "$page KiB"; exit 1; fi

run "$thru" probe
expect "probe" 0
seen "probe: says it" "^  page_size +ok +$page KiB: "

# The unit tests, whose fake devices are made of this host's pages.
for unit in "${thru%/*}"/tests/unit/unit-*; do
	[ -x "$unit" ] && [ ! -d "$unit" ] || continue
	run "$unit"
	if [ "$status" = 0 ] && grep -q '^ok ' "$tmp/out"; then ok "${unit##*/}"; else bad "${unit##*/}" "ended with status $status"; fi
done

guest 'nproc; grep MemTotal /proc/meminfo' --cpus 2 --mem 300M
expect "no device" 0 "thru-guest: status 0"
host_clean "no device: nothing left"

"$thru" bind $e1000e $igb $nvme $large >/dev/null || exit 1

# What shares a page with the MSI-X table, or is smaller than a page, is trapped; all else is not.
guest "pci-list; $ping; irq-count eth0" --vfio $e1000e --stats
expect "e1000e: guest ends well" 0 "thru-guest: status 0" "50 packets received, 0% packet loss"
seen "e1000e: driver and MSI-X" '8086:10d3 class 020000 driver e1000e irq msix:3'
seen "e1000e: interrupts" 'irq: .*PCI-MSIX.* eth0-rx-0 [1-9]'
none "e1000e: BAR 0 is the guest's: no read comes by" "reads       $e1000e BAR 0"
none "e1000e: nor a write" "writes      $e1000e BAR 0"
some "e1000e: BAR 3, no more than a page: trapped" "writes      $e1000e BAR 3"
host_clean "e1000e: nothing left"

guest "pci-list; $ping; irq-count eth0" --vfio $igb --stats
expect "igb: guest ends well" 0 "thru-guest: status 0" "50 packets received, 0% packet loss"
seen "igb: driver and MSI-X" '8086:10c9 class 020000 driver igb irq msix:3'
none "igb: BAR 0 is the guest's" "reads       $igb BAR 0"
host_clean "igb: nothing left"

# Its doorbells share a page with the table: a trapped write for each, and the data are right.
guest "disk-check; irq-count nvme" --vfio $nvme --stats --mem 256M
expect "nvme: guest ends well" 0 "disk-check: ok /dev/nvme0n1 8 MiB" "thru-guest: status 0"
some "nvme: doorbells and registers are trapped" "writes      $nvme BAR 0"
host_clean "nvme: nothing left"
guest 'cat /sys/class/nvme/nvme0/model /sys/class/nvme/nvme0/serial; irq-count nvme; grep -A2 0000:00:02.0 /proc/iomem' \
	--vfio $large --stats --mem 256M
expect "nvme with 2048 vectors: it answers" 0 "QEMU NVMe Ctrl" "thru-guest: status 0"
some "nvme with 2048 vectors: trapped" "writes      $large BAR 0"

# Both in one guest, and an expansion ROM of 8 KiB, smaller than a page: one image (PCI firmware 3.2, 5.1).
{ printf 'U\252\020'; head -c 21 /dev/zero; printf '\100\0'; head -c 38 /dev/zero
	printf 'PCIR\206\200\323\020\0\0\030\0\0\0\0\002\020\0\0\0\0\200\0\0'; head -c 8104 /dev/urandom; } >"$tmp/rom"
guest "pci-list; $ping; disk-check; d=/sys/bus/pci/devices/0000:00:03.0; echo 1 >\$d/rom; md5sum <\$d/rom" \
	--vfio $nvme --vfio $e1000e,rom="$tmp/rom" --cpus 2 --mem 256M
expect "two functions" 0 "50 packets received, 0% packet loss" "disk-check: ok /dev/nvme0n1 8 MiB" "thru-guest: status 0" \
	"$(md5sum <"$tmp/rom" | cut -c1-32)"
host_clean "two functions: nothing left"

append=thru.then=reboot guest "$ping" --vfio $e1000e --mem 256M
expect "reboot" 12 "50 packets received"
append=thru.then=reboot guest_words "$ping" --vfio $e1000e --mem 256M --on-reboot restart
timeout 300 "${words[@]}" </dev/null 2>"$tmp/err" | grep -m 2 'packets received' >"$tmp/out"
if [ "$(grep -c '50 packets received, 0% packet loss' "$tmp/out")" = 2 ]; then ok "reboot: again"; else
	bad "reboot: again" "expected two boots with a ping"; fi
until ! pgrep -x thru >/dev/null; do sleep 0.1; done # which ends when its console is gone
host_clean "reboot: nothing left"
guest_start "$ping && echo reached && ping -q -c 1000 10.0.2.2" --vfio $e1000e --mem 256M
await reached
guest_end KILL
expect "kill -9" 137 reached
host_clean "kill -9: nothing left"

# Huge pages.
echo 128 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
guest "$ping" --vfio $e1000e --mem 256M,hugepages=2M
expect "huge pages of 2 MiB" 0 "50 packets received"
guest "$ping" --vfio $e1000e --mem "512M,hugepages=${pool}K,prealloc"
expect "huge pages of $((pool / 1024)) MiB" 0 "50 packets received"
guest true --mem "$((other_pool * 2))K,hugepages=${other_pool}K"
expect_error "huge pages that the host has not" 3 "no huge pages of $((other_pool / 1024)) MiB; it has: 2 MiB, $((pool / 1024)) MiB"
for size in 2048 $pool; do
	if cmp -s /sys/kernel/mm/hugepages/hugepages-${size}kB/{nr,free}_hugepages; then ok "huge pages of $size KiB: all given back"
	else bad "huge pages of $size KiB: all given back" "$(cat /sys/kernel/mm/hugepages/hugepages-${size}kB/free_hugepages) free"; fi
done
guest true --mem 100000K
expect_error "a size that is no multiple" 2 "not a multiple of 1 MiB; round it, as in 98M"
host_clean "huge pages: nothing left"

run "$thru" probe $e1000e
expect "probe: a function" 0
run "$thru" unbind $e1000e
expect "unbind: back to the host's driver" 0 "vfio-pci -> e1000e"
