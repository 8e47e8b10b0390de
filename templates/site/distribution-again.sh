# shellcheck shell=sh disable=SC2154
# Start a unit anew if it runs: it reads its files and its program when it starts. Variables: unit, inputs (a digest of
# what it reads), disturbs (what this interrupts; the planner reads it).
set -eu
: "$inputs" "$disturbs"
systemctl daemon-reload
systemctl try-restart "$unit"
