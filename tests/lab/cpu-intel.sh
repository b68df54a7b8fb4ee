# SPDX-License-Identifier: BSD-2-Clause
#
# The emulated host with Intel's VT-x, for tests/lab/host --cpu intel; sourced by it, ends it.
#
# QEMU emulates AMD's SVM only; Bochs emulates VMX with EPT. It has no IOMMU and nothing to pass on, and no
# way to share this machine's files: those that are named come along in the initramfs, at the same paths.
# Its kernel is a stock one, with KVM in modules: ours does without VT-x, which would cost every other
# emulated host a complaint and the cache another kernel. It boots from a CD (isolinux). Its first serial port is the console, its second carries lines
# `KIND TEXT`; what KINDs there are says init-intel, which writes them.
#
# Time in there is counted in instructions: it stands still while this machine is busy.

[ "$arch" = x86_64 ] || bad "--cpu intel is for --arch x86_64"
[ ${#devices[@]} = 0 ] && [ -z "$shell$monitor$icount$iommu" ] && [ ${#extra[@]} = 0 ] ||
	bad "--cpu intel has no devices, IOMMU, monitor, shell or --icount"
case $mem in
*[!0-9GM]*|'') bad "--mem $mem: with --cpu intel a number and M or G" ;;
*G) mem=$((${mem%G} * 1024)) ;;
*M) mem=${mem%M} ;;
esac
[ "$mem" -le 2048 ] || mem=2048

bochs=$("$images/path" bochs) || exit 125
modules=$("$images/path" vtx-kernel) || exit 125
: "${kernel:=$modules/vmlinuz}"
[ -r "$kernel" ] || bad "cannot read the kernel $kernel"
busybox=$("$images/path" busybox) || exit 125
source=$("$images/path" linux-source) || exit 125

# A file with all that leads to it (folders, links and where they point), a folder with all that is in it.
declare -A brought real
bring() { # PATH, absolute
	local path=$1 folder=${1%/*} target
	[ -n "$path" ] && [ -z "${brought[$path]:-}" ] || return 0
	bring "$folder"
	# Under its real folder: a link to that may be unpacked before what it points to.
	[ -z "$folder" ] || : "${real[$folder]:=$(realpath "$folder")}"
	path=${folder:+${real[$folder]}}/${path##*/}
	brought[$path]=yes
	if [ -L "$path" ]; then
		target=$(readlink "$path")
		case $target in /*) ;; *) target=${path%/*}/$target ;; esac
		bring "$(realpath -s "$target")"
	fi
}

# What every script wants. The source is for guest-images/path, which finds images by its version.
programs='bash sh env cat ls rm mv cp ln mkdir mkfifo mktemp rmdir chmod touch dd head tail tac wc sort uniq tr cut
	paste od base64 tee seq nproc uname true false sleep date printf test [ stat dirname basename readlink realpath
	sha256sum timeout id expr grep sed awk mawk find xargs pgrep dmesg stty setsid flock gzip cmp diff'
bring=(/bin /sbin /lib /lib64 "$source/Makefile" "$CACHE/linux-source/current" "$busybox" /etc/passwd /etc/group "${with[@]}")
for word in $programs; do
	word=$(type -P "$word") && bring+=("$word")
done

bring "$PWD"
for path in "${bring[@]}"; do
	[ -e "$path" ] || bad "--with $path: there is no such file"
	while IFS= read -r path; do
		bring "$path"
		[ ! -x "$path" ] || [ -d "$path" ] || needy+=("$path")
	done < <(find "$(realpath -s "$path")")
done
# Libraries, and the loader. What is no dynamic program says so on stderr.
while IFS= read -r path; do bring "$path"; done < <(ldd "${needy[@]}" 2>/dev/null | grep -oE '/[^ :]+\.so[^ :]*' | sort -u)

root=$run/root
mkdir -p "$root/lab" "$run/cd/isolinux"
cp -r "$modules/host-modules" "$root/lab/modules"
cp "$busybox" "$root/lab/busybox"
cp "$here/init-intel" "$root/init"
cp "$run/command" "$root/lab/command"
chmod 755 "$root/init" "$root/lab/busybox"
{
	(cd "$root" && find init lab | cpio --quiet -o -H newc -R 0:0)
	printf '%s\n' "${!brought[@]}" | sed 's,^/,,' | LC_ALL=C sort | (cd / && cpio --quiet -o -H newc -R 0:0)
} >"$run/cd/initrd" || die "cannot make the emulated host's files"
ln "$kernel" "$run/cd/linux" 2>/dev/null || cp "$kernel" "$run/cd/linux"
cp "$bochs"/isolinux/* "$run/cd/isolinux/"
cat >"$run/cd/isolinux/isolinux.cfg" <<-END
	default lab
	label lab
	linux /linux
	initrd /initrd
	append console=ttyS0,115200 nokaslr mitigations=off kvm_intel.enable_apicv=0 quiet panic=-1 oops=panic $append
END
"$bochs/run" genisoimage -quiet -R -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 \
	-boot-info-table -o "$run/cd.iso" "$run/cd" || die "cannot make the CD to boot from"
rm -rf "$run/cd"

cat >"$run/bochsrc" <<END
config_interface: textconfig
display_library: rfb, options="timeout=0,hideIPS"
plugin_ctrl: unmapped=true, biosdev=true, serial=true, speaker=false, extfpuirq=true, parallel=false, gameport=false, iodebug=false
sound: waveoutdrv=dummy
memory: guest=$mem, host=$mem
romimage: file=$bochs/tree/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=$bochs/tree/usr/share/vgabios/vgabios.bin
cpu: model=corei7_haswell_4770, count=$cpus, ips=50000000, reset_on_triple_fault=0
pci: enabled=1, chipset=i440fx
clock: sync=none
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=$run/cd.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$run/console
com2: enabled=1, mode=file, dev=$run/control
log: $run/bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
END
echo c >"$run/debugger" # Debian's Bochs stops at the first instruction otherwise
# Its screen is a VNC server, which nobody shall reach.
if unshare -n true 2>/dev/null; then apart='unshare -n'; elif unshare -rn true 2>/dev/null; then apart='unshare -rn'; else apart=; fi
setpriv --pdeathsig KILL $apart "$bochs/run" bochs-bin -q -f "$run/bochsrc" -rc "$run/debugger" </dev/null >"$run/qemu" 2>&1 &
emulator=$!
( while [ -e /proc/$emulator/exe ]; do sleep 0.2; done; : <>"$run/control" ) 2>/dev/null &
watcher=$!

status= why=
deadline=$((SECONDS + ${timeout:-300}))
exec 6< <(exec stdbuf -oL tr -d '\r' <"$run/control")
while [ -z "$status$why" ]; do
	left=$((deadline - SECONDS)); [ $left -gt 0 ] || left=0
	IFS= read -r -t $((left + 1)) -u 6 line
	case $?:${line:-} in
	0:out\ *) printf '%s\n' "${line#out }" ;;
	0:err\ *) printf '%s\n' "${line#err }" >&2 ;;
	0:ready*) [ -z "${THRU_LAB_VERBOSE:-}" ] || say "host: ready at ${line#ready } s of its own time, $SECONDS s of ours" ;;
	0:status\ *) status=${line#status } ;;
	0:*) ;;
	1:*) why="the emulated host ended before the command did (panic or power-off)" ;;
	*) why="the emulated host did not finish within ${timeout:-300} s" ;;
	esac
done
kill -9 $emulator $watcher 2>/dev/null; wait $emulator 2>/dev/null; emulator=
[ -z "$status" ] || exit "$status"
say "host: $why"
tail -n 5 "$run/qemu" | sed 's/^/host: bochs: /' >&2
tail -n 25 "$run/console" | tr -d '\r' | sed 's/^/host: console: /' >&2
exit 125
