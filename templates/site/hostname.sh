# shellcheck shell=sh disable=SC2154
# Give the host its name. Variables: name.
set -eu
if [ "$(hostname)" != "$name" ] || [ "$(cat /etc/hostname 2>/dev/null)" != "$name" ]; then
    ledger_file /etc/hostname
    printf '%s\n' "$name" >/etc/hostname
    hostname "$name"
fi
