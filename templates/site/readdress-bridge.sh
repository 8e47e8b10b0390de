# shellcheck shell=sh disable=SC2154
# While etcd's members know each other by their old addresses, these lead to the new ones. Variables: own (this host's old
# address), others (OLD=NEW of the other control planes), up (not empty: bring it about; empty: take it away).
set -eu
if [ -n "$up" ]; then
    ip address replace "$own/32" dev lo
    for pair in $others; do ip route replace "${pair%%=*}/32" via "${pair#*=}"; done
else
    ip address del "$own/32" dev lo 2>/dev/null || true
    for pair in $others; do ip route del "${pair%%=*}/32" 2>/dev/null || true; done
fi
