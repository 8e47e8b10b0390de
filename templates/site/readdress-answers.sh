# shellcheck shell=sh disable=SC2154
# Exit 0 when etcd on this host answers with a leader.
set -eu
etcd_members >/dev/null
etcdctl --endpoints "$etcd_here" endpoint status >/dev/null 2>&1
