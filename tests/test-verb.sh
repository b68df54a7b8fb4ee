# SPDX-License-Identifier: BSD-2-Clause
#
# For tests/cases/test-*: how `thru test` is called there, and how its answers are read.

# Where $kernel is set before, nothing of guest-images is wanted.
if [ -z "${kernel:-}" ]; then
	export PATH=$PATH:$(dirname "$("$images/path" busybox)")
	kernel=$("$images/path" vmlinux)
fi
cd "$tmp"

# judge [OPTION...] [-- COMMAND...]: as `run`. $append: more for the kernel's command line; it says little, for
# each byte on the console is an exit of a nested guest, and with an early console two.
common=(--kernel "$kernel" --slow 5 --json "$tmp/json" --junit "$tmp/xml")
quiet='quiet earlycon=off'
judge() { run "$thru" test "${common[@]}" --cmdline "$quiet${also:-}${append:+ $append}" --log "$tmp/log" "$@"; }

# Whoever reads the reports is started once: in an emulated host Python takes longer to start than a guest.
# A line `is STATUS VERDICT`, or `claim EXPRESSION` with the JSON as j, comes in; an empty one or what is wrong goes out.
coproc reader { exec python3 -uc 'import json, sys, xml.etree.ElementTree as e
for line in sys.stdin:
    try:
        j = json.load(open(sys.argv[1]))
        what, rest = line.split(None, 1)
        if what == "claim":
            assert eval(rest), str(j)[:500]
            print()
            continue
        status, verdict = rest.split()
        assert j["schema"] == 1 and j["verdict"] == verdict and j["status"] == int(status), (j["verdict"], j["status"], j["cause"])
        suites = e.parse(sys.argv[2]).getroot()
        bad = [x for s in suites for x in s[0] if x.tag in ("failure", "error")]
        assert bool(bad) == (verdict != "pass") and (verdict == "flaky" or all(x.get("type") == verdict for x in bad)), "JUnit"
        assert all(len(s) == int(s.get("tests")) for s in suites), "JUnit counts"
        print()
    except Exception as x:
        print(repr(x).replace("\n", " "))' "$tmp/json" "$tmp/xml"; }

ask_reader() { # LINE: $why
	echo "$1" >&"${reader[1]}"
	read -r -t 120 why <&"${reader[0]}" || why="nobody reads the reports"
}

# is NAME STATUS VERDICT [TEXT...]: after judge; the two files say the same.
is() {
	local name=$1 status_wanted=$2 why
	ask_reader "is $2 $3"
	shift 3
	if [ -n "$why" ]; then
		bad "$name" "$why"
		return
	fi
	expect "$name" "$status_wanted" "$@"
}

# claim NAME EXPRESSION: after judge, of the JSON.
claim() {
	local why
	ask_reader "claim $2"
	if [ -z "$why" ]; then ok "$1"; else bad "$1" "$why"; fi
}
