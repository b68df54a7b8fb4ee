# SPDX-License-Identifier: BSD-2-Clause
#
# What tests/setup, tests/lab/host and guest-images/* share: where the cache is, how to say
# something, and a private apt root. Sourced by bash, never run.
#
# The private apt root exists because some things we need (a new QEMU, a new linux-source, stock
# kernels) are in suites that the system does not list, and the system's own sources are not ours
# to change. It lives in the cache and takes mirror, proxy and credentials from the system.

CACHE=${THRU_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/thru}
case $CACHE in /*) ;; *) CACHE=$PWD/$CACHE ;; esac

say() { printf '%s\n' "$*" >&2; }
# Inside the lab the cache is read-only, so what a test uses there is made before.
need_cache() {
	mkdir -p "$CACHE" 2>/dev/null && [ -w "$CACHE" ] ||
		die "cannot write to the cache $CACHE; in the emulated host: run this outside first; elsewhere: set THRU_CACHE"
}
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# A line that is rewritten in place on a terminal, and printed once per change elsewhere.
progress() {
	if [ -t 2 ]; then printf '\r\033[K%s' "$*" >&2; else printf '%s\n' "$*" >&2; fi
}
progress_end() { if [ -t 2 ]; then printf '\n' >&2; fi; }

# with_lock NAME COMMAND...: one at a time across processes; the kernel drops it when we die.
# In a subshell, so that the lock goes as soon as the command is done. Processes started inside
# must not keep the lock alive: close fd 9 for them (9>&-) if they outlive us.
with_lock() {
	need_cache
	mkdir -p "$CACHE/lock"
	local name=$1; shift
	(
		exec 9>"$CACHE/lock/$name"
		if ! flock -n 9; then
			say "waiting for another run that prepares $name ..."
			flock 9
		fi
		"$@"
	)
}

# A scratch folder on the cache's file system, so that the result is put in place by one rename.
# Left-overs of interrupted runs are removed by whoever holds the same lock next.
scratch() {
	rm -rf "$CACHE/tmp/$1"
	mkdir -p "$CACHE/tmp/$1"
	printf '%s\n' "$CACHE/tmp/$1"
}

debian_mirror() {
	command -v apt-get >/dev/null || return 1
	local codename
	codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-bookworm}")
	# apt itself knows both styles of source files; the first archive of our own release is the
	# mirror that has the other suites too.
	apt-get indextargets --no-release-info \
		--format '$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)' 2>/dev/null |
		awk -v r="$codename" '$1 == "Packages" && ($2 == r || $2 == "stable") && $3 == "main" { print $4; exit }'
}

APT_ROOT=$CACHE/apt
SUITES="bookworm bookworm-updates bookworm-backports trixie-backports"

private_apt() {
	local tool=$1; shift
	"$tool" -o Dir::State="$APT_ROOT/state" -o Dir::State::status="${APT_STATUS:-$APT_ROOT/status}" \
		-o Dir::Cache="$APT_ROOT/cache" \
		-o Dir::Etc::SourceList="$APT_ROOT/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::Etc::Preferences="$APT_ROOT/preferences" -o Dir::Etc::PreferencesParts=/dev/null \
		-o APT::Architecture=amd64 -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 \
		-o APT::Sandbox::User=root -o Acquire::Languages=none -o APT::Install-Recommends=false \
		-o Acquire::Retries=3 "$@"
}

# Package lists of the suites above. Refreshed when older than a day, because versions leave the
# backports suites as new ones come.
private_apt_update() {
	if [ -n "$(find "$APT_ROOT/updated" -mtime -1 2>/dev/null)" ]; then return 0; fi
	local mirror key suite
	mirror=$(debian_mirror)
	[ -n "$mirror" ] || die "no Debian apt sources here; see tests/setup --help for what to give instead"
	key=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -e "$key" ] || die "$key is missing; install the package debian-archive-keyring"
	mkdir -p "$APT_ROOT"/state/lists/partial "$APT_ROOT"/cache/archives/partial
	: >"$APT_ROOT/status"
	for suite in $SUITES; do
		printf 'deb [signed-by=%s] %s %s main\n' "$key" "$mirror" "$suite"
	done >"$APT_ROOT/sources.list"
	# Backports are taken only when asked for; of QEMU all parts, which must fit each other.
	printf 'Package: qemu-* seabios ipxe-qemu\nPin: release n=bookworm-backports\nPin-Priority: 990\n' >"$APT_ROOT/preferences"
	say "downloading package lists ..."
	private_apt apt-get -qq update >&2 || die "cannot fetch Debian's package lists; look at the lines above"
	touch "$APT_ROOT/updated"
}

# fetch_debs DIR PACKAGE[=VERSION|/SUITE|:ARCH]...: the .deb files, into DIR
fetch_debs() {
	local dir=$1; shift
	mkdir -p "$dir"
	say "downloading $* ..."
	(cd "$dir" && private_apt apt-get -qq download "$@" >&2) ||
		die "cannot download $*; remove $APT_ROOT/updated and try again"
}

# unpack_debs DIR INTO
unpack_debs() {
	local deb
	mkdir -p "$2"
	for deb in "$1"/*.deb; do
		dpkg -x "$deb" "$2" || die "cannot unpack $deb"
	done
}
