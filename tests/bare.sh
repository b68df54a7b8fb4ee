# SPDX-License-Identifier: BSD-2-Clause
#
# Runs bare-metal guests (guest-images/bare) and judges what they print, how thru ends, and what it
# says on stderr. For cases/bare (emulated host) and cases/bare-here; sourced after lib.sh.

export ASAN_OPTIONS=abort_on_error=1:detect_leaks=1
export UBSAN_OPTIONS=abort_on_error=1:halt_on_error=1:print_stacktrace=1
lenient=	# set: a guest that this machine's KVM cannot run is skipped
suffix=		# of the tests' names: which build of thru

# image NAME: its path in $kernel. Made before, where the cache is read-only; else here and now.
declare -A paths
image() {
	[ -n "${paths[$1]:-}" ] || paths[$1]=$(guest-images/path "bare/$1" 2>/dev/null) ||
		paths[$1]=$(THRU_CACHE=$tmp/cache guest-images/path "bare/$1")
	kernel=${paths[$1]}
}

# judge NAME STATUS LINES [TEXT...]: after a guest; LINES (or `<LINES`) are on stderr, all from thru.
judge() {
	local name=$1$suffix want=$2 lines=$3 text seen
	shift 3
	seen=$(wc -l <"$tmp/err")
	if grep -qE 'Sanitizer|runtime error' "$tmp/err"; then
		bad "$name" "a sanitizer's finding"
	elif [ -n "$lenient" ] && [ "$status" = 13 ] && [ "$want" != 13 ]; then
		skip "$name" "$(tail -n 1 "$tmp/err")"
	elif [ "$status" != "$want" ]; then
		bad "$name" "exit status $status, expected $want"
	elif grep -qv '^thru: ' "$tmp/err"; then
		bad "$name" "a line on stderr is not thru's"
	elif [ "${lines#<}" != "$lines" ] && [ "$seen" -ge "${lines#<}" ]; then
		bad "$name" "$seen lines on stderr"
	elif [ "${lines#<}" = "$lines" ] && [ "$seen" != "$lines" ]; then
		bad "$name" "$seen lines on stderr, expected $lines"
	else
		for text; do
			grep -aqF -- "$text" "$tmp/out" "$tmp/err" || { bad "$name" "lacks \"$text\""; return; }
		done
		ok "$name"
	fi
}

# guest NAME STATUS LINES [OPTION...]: one that needs nobody.
guest() {
	local name=$1 want=$2 lines=$3
	shift 3
	image "$name"
	limit=120 run "$thru" run --kernel "$kernel" --mem 64M "$@"
	judge "$name${suite_note:-}" "$want" "$lines" "bare/$name: ok"
}

# One that somebody talks to: start it, wait for its lines, send it signals, see its end.
start() { # NAME [OPTION...]
	image "$1"
	shift
	rm -f "$tmp/console"
	mkfifo "$tmp/console"
	: >"$tmp/out"
	"$thru" run --kernel "$kernel" --mem 64M "$@" </dev/null >"$tmp/console" 2>"$tmp/err" &
	pid=$!
	exec {console}<"$tmp/console"
}
await() { # LINE
	local line
	while IFS= read -r -t 60 line <&"$console"; do
		printf '%s\n' "$line" >>"$tmp/out"
		[ "$line" != "$1" ] || return 0
	done
	return 1
}
finish() {
	await 'nothing more' || [ $? -le 128 ] || kill -9 "$pid"
	[ -n "$(jobs -r)" ] && ! timeout 60 tail --pid="$pid" -f /dev/null && kill -9 "$pid"
	status=0
	wait "$pid" || status=$?
	exec {console}<&-
}

# Every guest that needs no device.
bare_guests() {
	local n
	guest hello 0 0
	guest poweroff 0 0 --cpus 2
	guest reset 12 0
	guest nothing 0 0
	bare_guests_$(uname -m)
	image smp
	for n in ${cpus:-1 4 16}; do
		limit=120 run "$thru" run --kernel "$kernel" --mem 64M --cpus $n
		judge "smp: $n" 0 0 "bare/smp: $n processors" "bare/smp: ok"
	done
	guest panic 10 2 # a crash kernel, then the panic
	bare_talks
}
bare_guests_x86_64() {
	guest triple 11 1 --cpus 2
	guest ipi 0 0
	guest hostile-jump 13 1
	suite_note=" by the keyboard controller's port" guest reset 12 0 --cmdline keyboard
	suite_note=" by the chipset's port" guest reset 12 0 --cmdline chipset
	start button
	await 'bare/button: press the button'
	for i in 1 2 3; do
		kill -PWR "$pid"
		await "bare/button: pressed $i"
	done
	finish
	judge button 0 0 "bare/button: ok"
}
# No triple fault there, and no power button; a jump to nowhere is an exception of the guest's (an
# instruction abort, class 0x21). The forms that programs come in; what nobody can emulate.
bare_guests_aarch64() {
	local form
	guest hostile-jump 0 0
	grep -q '^bare/hostile-jump: exception 0x21' "$tmp/out" || bad hostile-jump "it took no instruction abort"
	image hello
	gzip -c "$kernel.flat" >"$tmp/hello.gz"
	for form in "$kernel.anywhere" "$kernel.flat" "$tmp/hello.gz"; do
		run "$thru" run --kernel "$form" --mem 64M
		judge "hello as ${form##*.}" 0 0 "bare/hello: ok"
	done
	image vague
	run "$thru" run --kernel "$kernel" --mem 64M
	judge "accesses that cannot be decoded" 0 '<6' "bare/vague: ok" "touched 0x4000000" "cannot decode" "plain loads and stores"
}

bare_talks() {
	local i text
	start hlt --cpus 4
	await 'bare/hlt: ok'
	kill -TERM "$pid"
	finish
	judge "hlt, ended by SIGTERM" 143 0 "bare/hlt: ok"

	start reset --on-reboot restart
	for i in 1 2 3; do await 'bare/reset: ok'; done
	kill -TERM "$pid"
	finish
	judge "reset: restarts" 143 0 "bare/reset: ok"

	text=$(head -c "${typed:-4000}" "$kernel" | base64 -w0)
	image serial
	printf '%s\n' "$text" >"$tmp/in"
	serial() { timeout 120 "$thru" run --kernel "$kernel" --mem 64M >"$tmp/out" 2>"$tmp/err"; }
	status=0
	serial <"$tmp/in" || status=$?
	judge "serial: ${#text} bytes from a file" 0 0 "bare/serial: $text" "bare/serial: ok"
	status=0
	for ((i = 0; i < ${#text}; i += 50)); do printf '%s' "${text:i:50}"; done | cat - <(echo) | serial || status=$?
	judge "serial: ${#text} bytes from a pipe" 0 0 "bare/serial: $text" "bare/serial: ok"
}
