# SPDX-License-Identifier: BSD-2-Clause
#
# For tests/cases/test-*: how `thru test` is called there, and how its answers are read.

export PATH=$PATH:$(dirname "$("$images/path" busybox)")
kernel=$("$images/path" vmlinux)
cd "$tmp"

# judge [OPTION...] [-- COMMAND...]: as `run`. $append: more for the kernel's command line; it says little, for
# each byte on the console is an exit of a nested guest.
common=(--kernel "$kernel" --slow 5 --json "$tmp/json" --junit "$tmp/xml")
judge() { run "$thru" test "${common[@]}" --cmdline "quiet${also:-}${append:+ $append}" --log "$tmp/log" "$@"; }

# is NAME STATUS VERDICT [TEXT...]: after judge; the two files say the same.
is() {
	local name=$1 status=$2 verdict=$3
	shift 3
	if ! python3 -c 'import json, sys; j = json.load(open(sys.argv[1]))
assert j["schema"] == 1 and j["verdict"] == sys.argv[2] and j["status"] == int(sys.argv[3]), (j["verdict"], j["status"], j["cause"])
import xml.etree.ElementTree as e
s = e.parse(sys.argv[4]).getroot()[0]; bad = s[0].find("failure") if s[0].find("failure") is not None else s[0].find("error")
assert (bad is None) == (j["verdict"] == "pass") and (bad is None or bad.get("type") == j["verdict"]), "JUnit"
assert len(s) == int(s.get("tests")), "JUnit counts"' "$tmp/json" "$verdict" "$status" "$tmp/xml" 2>"$tmp/why"; then
		bad "$name" "$(tail -n 1 "$tmp/why")"
		return
	fi
	expect "$name" "$status" "$@"
}
