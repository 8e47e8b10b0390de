# shellcheck shell=sh disable=SC2154
# A node that runs would enter itself again. Variables: unit.
set -eu
systemctl disable -q "$unit"
systemctl stop "$unit"
