# shellcheck shell=sh disable=SC2154
# Install OS packages from the folder that came with the bundle, and from nothing else.
# Variables: pool (a flat repository), names, inputs (a digest of what is in the pool).
set -eu
: "$inputs"
umask 022
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LC_ALL=C.UTF-8
export NEEDRESTART_SUSPEND=1 # on Ubuntu it would restart daemons of the host's own
apt=/var/lib/bundler/apt
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/log"
# Every file in the pool was checked against the bundle's index on arrival.
printf 'deb [trusted=yes] file:%s ./\n' "$pool" >"$apt/sources.list"

# force-unsafe-io: a power cut in these seconds means running the step again, not a broken host that believes to be done;
# the journal's line is written after `sync`.
run_apt() {
    apt-get -q -y -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
        -o Dir::State="$apt" -o Dir::State::status=/var/lib/dpkg/status -o Dir::State::Lists="$apt/lists" \
        -o Dir::Cache="$apt" -o Dir::Log="$apt/log" -o APT::Sandbox::User=root -o Acquire::Languages=none \
        -o APT::Install-Recommends=false -o APT::Get::AllowUnauthenticated=false -o DPkg::Lock::Timeout=300 \
        -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
        -o Dpkg::Options::=--force-unsafe-io "$@"
}
for log in dpkg alternatives; do ledger_new "/var/log/$log.log"; done

# No daemon starts with its package's own settings: https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt
policy=/usr/sbin/policy-rc.d
ours='# bundler: nothing starts while packages are installed'
put_back() {
    if [ -e "$apt/policy-rc.d" ]; then mv -f "$apt/policy-rc.d" "$policy"; else rm -f "$policy"; fi
}
if [ -e "$policy" ] && ! grep -qxF "$ours" "$policy"; then cp -a "$policy" "$apt/policy-rc.d"; fi
ledger_file "$policy"
trap put_back EXIT
trap 'exit 1' HUP INT TERM
printf '#!/bin/sh\n%s\nexit 101\n' "$ours" >"$policy"
chmod 0755 "$policy"

# A run that was cut in the middle of an installation leaves dpkg refusing everything until this is done.
dpkg --force-confdef --force-confold --configure -a

run_apt update
# Package names are plain words:
# shellcheck disable=SC2086
run_apt -s install $names >"$apt/simulation"
sed -n 's/^Inst \([^ ]*\) (.*/\1/p' "$apt/simulation" | while read -r name; do ledger_package "$name"; done
sed -n 's/^Inst \([^ ]*\) \[\([^]]*\)\].*/\1 \2/p' "$apt/simulation" | while read -r name old; do
    ledger_note upgraded "$name" "$old"
done

# shellcheck disable=SC2086
run_apt install $names
sync -f /var/lib/dpkg
