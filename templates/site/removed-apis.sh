# shellcheck shell=sh
# Deprecated APIs that clients asked this host's API server for since it started, as its metrics name them.
set -eu
kubectl --request-timeout 20s get --raw /metrics | sed -n 's/^apiserver_requested_deprecated_apis{\(.*\)} 1$/\1/p'
