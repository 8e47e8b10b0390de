# shellcheck shell=sh disable=SC2154
# Exit 0 when the node is Ready and its kubelet runs as this version. Variables: node, version.
set -eu
found=$(kubectl get node "$node" -o 'jsonpath={.status.nodeInfo.kubeletVersion} {range .status.conditions[?(@.type=="Ready")]}{.status}{end}')
if [ "$found" != "$version True" ]; then
    echo "$node: $found" >&2
    exit 1
fi
