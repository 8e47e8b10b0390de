# shellcheck shell=sh disable=SC2154
# Have certificates renewed by themselves, or no longer. Variables: on (not empty: it is to be), files (of ours, which go
# with it).
set -eu
if [ -n "$on" ]; then
    ledger_unit bundler-certs.timer
    systemctl daemon-reload
    systemctl enable -q --now bundler-certs.timer
else
    systemctl disable -q --now bundler-certs.timer 2>/dev/null || true
    printf '%s\n' "$files" | while read -r file; do rm -f "$file"; done
    systemctl daemon-reload
fi
