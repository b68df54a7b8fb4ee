# SPDX-License-Identifier: BSD-2-Clause
#
# For the scripts in tests/cases: how a test says what became of it. tests/run counts these lines:
#   ok NAME          FAIL NAME: what was seen          skip NAME: the reason
# A case may say `# lab: OPTIONS` in its head: it is then run by `tests/lab/host OPTIONS`.

# The system's own programs come first: what others put before Python (pyenv) takes longer to start in an emulated
# host than a guest to boot.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
thru=$top/build/thru
# In an emulated host of another architecture: the one that was cross-compiled for it.
[ ! -e "$top/build-$(uname -m)/thru" ] || thru=$top/build-$(uname -m)/thru
images=$top/guest-images
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

ok() { printf 'ok %s\n' "$1"; }
skip() { printf 'skip %s: %s\n' "$1" "$2"; }
bad() {
	printf 'FAIL %s: %s\n' "$1" "$2"
	[ ! -s "$tmp/out" ] || { echo "  output:"; tail -n 30 "$tmp/out" | sed 's/^/  | /'; }
	[ ! -s "$tmp/err" ] || { echo "  stderr:"; tail -n 10 "$tmp/err" | sed 's/^/  | /'; }
}

# run COMMAND...: stdout in $tmp/out, stderr in $tmp/err, status in $status. 120 s at most, and no
# terminal or input.
run() {
	status=0
	timeout --kill-after=10 "${limit:-120}" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
}

# expect NAME STATUS [TEXT [TEXT...]]: after run; each TEXT must be in stdout or stderr.
expect() {
	local name=$1 want=$2 text
	shift 2
	if [ "$status" != "$want" ]; then
		bad "$name" "exit status $status, expected $want"
		return 1
	fi
	for text; do
		if ! grep -qF -- "$text" "$tmp/out" "$tmp/err"; then
			bad "$name" "lacks \"$text\""
			return 1
		fi
	done
	ok "$name"
}

# seen NAME REGEX: after run; a line of stdout matches (extended).
seen() {
	if grep -qE -- "$2" "$tmp/out"; then ok "$1"; else bad "$1" "no line matches \"$2\""; fi
}

# expect_error NAME STATUS TEXT...: after run; exactly one line on stderr, from thru, with each TEXT.
expect_error() {
	local lines
	lines=$(wc -l <"$tmp/err")
	if [ "$lines" != 1 ] || ! grep -q '^thru: ' "$tmp/err"; then
		bad "$1" "expected one line \"thru: ...\" on stderr, saw $lines lines"
		return 1
	fi
	expect "$@"
}

# --- guests, in the emulated host ---

# $host_way: the best way to a device (thru(1), WAYS TO A DEVICE) that the emulated host's kernel has, in --vfio-api's
# word. $host_shared: the file that all devices of a guest have in common then.
case ${THRU_LAB_KERNEL:-own} in
own-nocdev) host_way=group-iommufd host_shared=/dev/iommu ;;
debian/*)   host_way=group host_shared=/dev/vfio/vfio ;;
*)          host_way=cdev host_shared=/dev/iommu ;;
esac
group_of() { basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group")"; }
# The file of one of them, which is bound.
own_file() { # BDF
	if [ $host_way = cdev ]; then echo /dev/vfio/devices/$(basename /sys/bus/pci/devices/$1/vfio-dev/*)
	else echo /dev/vfio/$(group_of $1); fi
}

# guest_words COMMAND [OPTION...]: puts into the array `words` what runs thru with OPTIONs and a guest
# that does COMMAND. $append: more for the kernel command line; $kernel, $initrd: others than usual. Its memory is
# little where nothing else is said: an emulated host takes its time to pin it.
guest_words() {
	local line="console=ttyS0 quiet panic=-1 oops=panic ${append:-} thru.cmd64=$(printf %s "$1" | base64 -w 0)"
	shift
	[[ " $* " == *" --mem "* ]] || set -- --mem 192M "$@"
	: "${kernel:=$("$images/path" vmlinux)}" "${initrd:=$("$images/path" initrd)}"
	words=("$thru" run --kernel "$kernel" --initrd "$initrd" --cmdline "$line" "$@")
}

# guest COMMAND [OPTION...]: as `run`, up to the end of the guest.
guest() {
	guest_words "$@"
	run "${words[@]}"
}

# guest_start COMMAND [OPTION...]: the same beside this script; $guest is its process, $input (a fifo that
# this script holds open) what is typed on its console.
# env: a script's background processes ignore SIGINT otherwise.
guest_start() {
	guest_words "$@"
	words_start
}
words_start() {
	: >"$tmp/out"
	env --default-signal=INT "${words[@]}" >"$tmp/out" 2>"$tmp/err" <"${input:-/dev/null}" &
	guest=$!
}

# await TEXT: until that guest has said it. False when it ended before, or said nothing in $limit seconds.
await() {
	timeout "${limit:-120}" grep -qm 1 -F -- "$1" <(tail -n +1 -f --pid="$guest" "$tmp/out" 2>/dev/null)
}

# guest_end [SIGNAL]: send it, wait for the guest's end; $status.
guest_end() {
	[ $# = 0 ] || kill -s "$1" "$guest"
	timeout "${limit:-120}" tail -s 0.1 -f --pid="$guest" /dev/null || kill -9 "$guest"
	status=0
	wait "$guest" 2>/dev/null || status=$?
}

# user_exits: how many exits of all guests in this host have reached thru so far.
user_exits() {
	local file n=0
	for file in /sys/kernel/debug/kvm/{mmio_exits,io_exits,mmio_exit_user}; do
		[ ! -e $file ] || n=$((n + $(<$file)))
	done
	echo $n
}

# host_clean NAME: nothing of a guest is left in this host: processes, open devices, interrupts, pinned pages.
host_clean() {
	local left
	echo 1 >/proc/sys/vm/stat_refresh # each CPU keeps some of its counts to itself for a while
	left=$(pgrep -x thru | sed 's/^/process /'
		ls -l /proc/[0-9]*/fd 2>/dev/null | grep -oE '/dev/(vfio/.*|iommu|kvm)$|anon_inode:.*(kvm|vfio).*'
		grep vfio /proc/interrupts
		awk '{ n[$1] = $2 } END { pins = n["nr_foll_pin_acquired"] - n["nr_foll_pin_released"]
			if (pins) print pins " pages pinned" }' /proc/vmstat)
	if [ -z "$left" ]; then ok "$1"; else bad "$1" "left: $(printf %s "$left" | tr '\n' ';')"; fi
}
