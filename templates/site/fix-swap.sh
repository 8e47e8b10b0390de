# shellcheck shell=sh
# Turn swap off, now and for the next boot.
set -eu
umask 022
field() { sed -n "s/^$1: *\([0-9]*\).*/\1/p" /proc/meminfo; }
used=$(($(field SwapTotal) - $(field SwapFree)))
if [ "$used" -ge "$(field MemAvailable)" ]; then
    echo "$((used / 1024)) MiB are swapped out and do not fit into memory: stop what uses it, or add memory" >&2
    exit 1
fi
# Undone backwards: fstab is put back first, then swap turned on.
sed '1d; s/[[:space:]].*//' /proc/swaps | while read -r device; do ledger_note swap "$device"; done
if grep -qsE '^[^#].*[[:space:]]swap[[:space:]]' /etc/fstab; then
    ledger_file /etc/fstab
    cp -p /etc/fstab /etc/fstab.bundler-new
    sed -E 's/^[^#].*[[:space:]]swap[[:space:]]/# off, as pods ask for it (bundler): &/' /etc/fstab >/etc/fstab.bundler-new
    mv -f /etc/fstab.bundler-new /etc/fstab
fi
timeout 100 swapoff -a
left=$(sed '1d; s/[[:space:]].*//' /proc/swaps | tr '\n' ' ')
if [ -n "$left" ]; then
    echo "still on: $left" >&2
    exit 1
fi
