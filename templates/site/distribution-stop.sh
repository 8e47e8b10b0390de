# shellcheck shell=sh disable=SC2154
# A node that runs would enter itself again. A removal that was broken off may have taken it away. Variables: unit.
set -eu
[ "$(systemctl show --property=LoadState --value "$unit")" != not-found ] || exit 0
systemctl disable -q "$unit"
systemctl stop "$unit"
