# shellcheck shell=sh disable=SC2154
# Take a control plane out of etcd, and out of what k0s knows of itself. Variables: node, address.
set -eu
case $(/usr/local/bin/k0s etcd member-list) in
*"\"$node\":"*) /usr/local/bin/k0s etcd leave --peer-address "$address" ;;
esac
kubectl delete controlnode.autopilot.k0sproject.io "$node" --ignore-not-found
