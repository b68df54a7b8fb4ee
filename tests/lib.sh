# SPDX-License-Identifier: BSD-2-Clause
#
# For the scripts in tests/cases: how a test says what became of it. tests/run counts these lines:
#   ok NAME          FAIL NAME: what was seen          skip NAME: the reason
# A case may say `# lab: OPTIONS` in its head: it is then run by `tests/lab/host OPTIONS`.

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
