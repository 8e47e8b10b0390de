# shellcheck shell=sh disable=SC2154
# A way to the API that is used no more goes. Variables: unit (of ours), file (its unit file).
set -eu
systemctl disable -q --now "$unit" 2>/dev/null || true
rm -f "$file"
systemctl daemon-reload
