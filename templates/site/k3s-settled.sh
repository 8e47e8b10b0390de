# shellcheck shell=sh disable=SC2154
# Exit 0 when every member of etcd is a voter and the named one is among them: k3s says so by a condition of each node.
# Variables: member (a node's name).
set -eu
found=$(kubectl get nodes -l node-role.kubernetes.io/etcd=true -o 'jsonpath={range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="EtcdIsVoter")].status}{"\n"}{end}')
printf '%s\n' "$found" | grep -qxF -e "$member True" || {
    echo "$member is no voter of etcd yet" >&2
    exit 1
}
if late=$(printf '%s\n' "$found" | grep -v ' True$'); then
    echo "no voters: $late" >&2
    exit 1
fi
