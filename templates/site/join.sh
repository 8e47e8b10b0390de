# shellcheck shell=sh disable=SC2154
# Join this host to the cluster. Variables: config, discovery (holds a token: gone afterwards, whatever happens), phases,
# inputs (a digest of the configuration).
set -eu
: "$inputs"
export LC_ALL=C.UTF-8
trap 'rm -f "$discovery"' EXIT
trap 'exit 1' HUP INT TERM
kubeadm join --config "$config" ${phases:+--skip-phases="$phases"} 2>&1
