# shellcheck shell=sh disable=SC2154
# While etcd's members know each other by their old addresses, these lead to the new ones. Variables: own (this host's old
# address), others (OLD=NEW of the other control planes), up (not empty: bring it about; empty: take it away, with the old
# address at which etcd has listened meanwhile).
set -eu
if [ -n "$up" ]; then
    ip address replace "$own/32" dev lo
    for pair in $others; do ip route replace "${pair%%=*}/32" via "${pair#*=}"; done
else
    etcd=/etc/kubernetes/manifests/etcd.yaml
    if grep -q ",https://$own:2380\$" "$etcd"; then
        # Written aside: the kubelet takes no file of a dot for a pod, and never half of one.
        sed "s|,https://$own:2380\$||" "$etcd" >"${etcd%/*}/.etcd.new"
        chmod 0600 "${etcd%/*}/.etcd.new"
        mv -f "${etcd%/*}/.etcd.new" "$etcd"
    fi
    ip address del "$own/32" dev lo 2>/dev/null || true
    for pair in $others; do ip route del "${pair%%=*}/32" 2>/dev/null || true; done
fi
