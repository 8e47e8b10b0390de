# shellcheck shell=sh disable=SC2154,SC2086
# A unit of ours that is used no more goes. Variables: unit, file (its unit file), also (further files that go with it).
set -eu
systemctl disable -q --now "$unit" 2>/dev/null || true
rm -f "$file" ${also:-}
systemctl daemon-reload
