# shellcheck shell=sh disable=SC2154
# Pull images into containerd, three at a time. Standard input: image names. Variables: certs (hosts.toml folders).
set -eu
# A containerd that a full disk has left half alive says so here, and works again once it starts afresh.
runtime_answers </dev/null || { systemctl restart containerd.service && sleep 1; }
xargs -r -n 1 -P 3 ctr -n k8s.io images pull --hosts-dir "$certs" >/dev/null
