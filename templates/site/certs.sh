# shellcheck shell=sh disable=SC2154
# Make the cluster's certificates and kubeconfigs; kubeadm takes up those that are there. Variables: config, inputs (a
# digest of the configuration).
set -eu
: "$inputs"
export LC_ALL=C.UTF-8
kubeadm init phase certs all --config "$config" 2>&1
kubeadm init phase kubeconfig all --config "$config" 2>&1
