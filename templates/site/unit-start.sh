# shellcheck shell=sh disable=SC2154
# Enable and (re)start a unit. Variables: unit, ready (a command that succeeds once it serves, or nothing), inputs (a
# digest of what the unit reads, so that a change of it is a change of this step).
set -eu
: "$inputs"
ledger_unit "$unit"
systemctl daemon-reload
systemctl enable -q "$unit"
systemctl restart "$unit"
if [ -z "$ready" ]; then exit 0; fi
tries=0
until "$ready"; do
    tries=$((tries + 1))
    if [ "$tries" -gt 300 ] || systemctl is-failed -q "$unit"; then
        echo "$unit did not come up" >&2
        journalctl -u "$unit" -n 20 --no-pager >&2
        exit 1
    fi
    sleep 0.1
done
