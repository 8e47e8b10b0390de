# shellcheck shell=sh disable=SC2154
# Start the balancer, or have it take up a new list without giving up its connections. Variables: unit, inputs (a digest
# of its configuration), unit_inputs (one of the unit).
set -eu
: "$inputs" "$unit_inputs"
ledger_unit "$unit"
# The package's own service, with its own configuration, would come up at the next boot.
if ledger_has haproxy package; then systemctl disable -q haproxy.service; fi
systemctl daemon-reload
systemctl enable -q "$unit"
seen=/var/lib/bundler/endpoint-unit
if systemctl is-active -q "$unit" && [ "$(cat "$seen" 2>/dev/null)" = "$unit_inputs" ]; then
    systemctl reload "$unit"
else
    systemctl restart "$unit"
    printf '%s\n' "$unit_inputs" >"$seen"
fi
# 192B is port 6443.
tries=0
until grep -qi '^ *[0-9]*: [0-9A-F]*:192B [0-9A-F]*:0000 0A ' /proc/net/tcp; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ]; then
        echo "$unit did not come up" >&2
        journalctl -u "$unit" -n 20 --no-pager >&2
        exit 1
    fi
    sleep 0.1
done
