# shellcheck shell=sh disable=SC2154
# Exit 0 when the named control plane is a member of etcd. Variables: member (a node's name).
set -eu
found=$(/usr/local/bin/k0s etcd member-list)
case $found in
*"\"$member\":"*) ;;
*)
    echo "etcd has no member $member yet" >&2
    exit 1
    ;;
esac
