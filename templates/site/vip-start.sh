# shellcheck shell=sh disable=SC2154
# Start keepalived, or have it read its configuration anew. Variables: unit, inputs (a digest of what it reads).
set -eu
: "$inputs"
ledger_unit "$unit"
# The package's own service, with its own configuration, would come up at the next boot.
if ledger_has keepalived package; then systemctl disable -q keepalived.service; fi
systemctl daemon-reload
systemctl enable -q "$unit"
systemctl restart "$unit"
sleep 1
systemctl is-active -q "$unit" || {
    echo "$unit did not come up" >&2
    journalctl -u "$unit" -n 20 --no-pager >&2
    exit 1
}
