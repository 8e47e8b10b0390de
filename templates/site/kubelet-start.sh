# shellcheck shell=sh disable=SC2154
# Start the kubelet before there is an API: some versions take seconds to look for other container runtimes.
# Variables: config, inputs (a digest of the configuration).
set -eu
: "$inputs"
export LC_ALL=C.UTF-8
kubeadm init phase kubelet-start --config "$config" 2>&1
if [ -e /var/lib/kubelet/config.yaml ]; then chmod 0600 /var/lib/kubelet/config.yaml; fi
