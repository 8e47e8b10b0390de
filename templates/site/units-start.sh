# shellcheck shell=sh disable=SC2154
# Start what this host is to run, in this order, as far as it has it. Variables: units.
set -eu
for unit in $units; do
    [ "$(systemctl show -p LoadState --value "$unit")" = loaded ] || continue
    systemctl is-active -q "$unit" || systemctl start "$unit"
done
