# shellcheck shell=sh disable=SC2154
# The cluster forgets a node. Variables: node.
set -eu
kubectl delete node "$node" --ignore-not-found
