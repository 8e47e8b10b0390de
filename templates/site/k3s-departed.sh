# shellcheck shell=sh disable=SC2154
# Take a member out of etcd: k3s does so for a node that is marked, and says under which name it went. One that starts
# again would come back, so its host is stopped next. Variables: node, address.
set -eu
: "$address"
[ -n "$(kubectl get node "$node" --ignore-not-found -o name)" ] || exit 0
kubectl annotate --overwrite node "$node" etcd.k3s.cattle.io/remove=true >/dev/null
tries=0
until [ -n "$(kubectl get node "$node" -o 'jsonpath={.metadata.annotations.etcd\.k3s\.cattle\.io/removed-node-name}')" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 150 ]; then
        echo "k3s did not remove $node from etcd within 150 s" >&2
        exit 1
    fi
    sleep 1
done
