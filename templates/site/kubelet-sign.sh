# shellcheck shell=sh disable=SC2154
# Print a new certificate and key for the kubelet of another node, in base64. Variables: node. Standard input: kubeadm's
# configuration of the cluster.
set -eu
export LC_ALL=C.UTF-8
umask 077
work=$(mktemp -d /var/lib/bundler/renew.XXXXXX)
trap 'rm -rf "$work"' EXIT
cat >"$work/config"
kubelet_client "$node" "$work/config" >"$work/client.pem"
base64 -w 0 <"$work/client.pem"
