# shellcheck shell=sh disable=SC2154
# Maintenance is over: lift our own cordon, and no person's. Variables: node.
set -eu
# The template is kubectl's:
# shellcheck disable=SC2016
ours=$(kubectl get node "$node" -o 'go-template={{with .metadata.annotations}}{{with index . "bundler/cordoned"}}{{.}}{{end}}{{end}}')
[ -n "$ours" ] || exit 0
kubectl uncordon "$node" >/dev/null
kubectl annotate node "$node" bundler/cordoned- >/dev/null
