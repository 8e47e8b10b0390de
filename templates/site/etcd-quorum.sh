# shellcheck shell=sh disable=SC2154
# Exit 0 when etcd has a majority; else tell which members are missing. Variables: planes (addresses of all members).
set -eu
etcd_healthy "$etcd_here" && exit 0
missing=
for address in $planes; do
    etcdctl --endpoints "https://$address:2379" endpoint status >/dev/null 2>&1 || missing="$missing $address"
done
echo "etcd has no majority yet${missing:+; no member answers on$missing}" >&2
exit 1
