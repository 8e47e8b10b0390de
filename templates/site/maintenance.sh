# shellcheck shell=sh disable=SC2154
# Keep pods off a node until its maintenance is over; a person's cordon stays theirs. Variables: node.
set -eu
# The template is kubectl's:
# shellcheck disable=SC2016
found=$(kubectl get node "$node" -o 'go-template={{if .spec.unschedulable}}cordoned{{end}} {{with .metadata.annotations}}{{with index . "bundler/cordoned"}}{{.}}{{end}}{{end}}')
[ "$found" != 'cordoned ' ] || exit 0
# A cordon that a broken-off run has left is taken over: `apply` lifts those, and none of a maintenance.
kubectl annotate --overwrite node "$node" bundler/cordoned=maintenance >/dev/null
kubectl cordon "$node" >/dev/null
