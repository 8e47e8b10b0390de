# shellcheck shell=sh disable=SC2154
# Pull images into containerd, three at a time. Standard input: image names. Variables: certs (hosts.toml folders).
set -eu
xargs -r -n 1 -P 3 ctr -n k8s.io images pull --hosts-dir "$certs" >/dev/null
