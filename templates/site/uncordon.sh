# shellcheck shell=sh disable=SC2154
# Lift our own cordon; one that a person set stays, and so does one of a maintenance. Variables: node.
set -eu
# The template is kubectl's:
# shellcheck disable=SC2016
ours=$(kubectl get node "$node" -o 'go-template={{with .metadata.annotations}}{{index . "bundler/cordoned"}}{{end}}')
case $ours in
'' | '<no value>' | maintenance) exit 0 ;;
esac
kubectl uncordon "$node" >/dev/null
kubectl annotate node "$node" bundler/cordoned- >/dev/null
