# shellcheck shell=sh disable=SC2154
# Exit 0 when the node's kubelet has been heard of since etcd's data went back: until then the API says what it knew in
# the snapshot. A restore moves revisions on by 1000000000. Variables: node, keep (the folder of the version).
set -eu
last=$(awk '$3 > last { last = $3 } END { print last + 0 }' "$keep/etcd.keys")
heard=$(kubectl -n kube-node-lease get lease "$node" -o 'jsonpath={.metadata.resourceVersion}')
if [ "$heard" -le "$((last + 500000000))" ]; then
    echo "$node has not reported since the restore" >&2
    exit 1
fi
