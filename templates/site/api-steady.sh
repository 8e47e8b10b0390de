# shellcheck shell=sh disable=SC2154
# Exit 0 when the API server has answered for some seconds without a break: a kubelet of another version starts the
# static pods of its host anew a few seconds after it is Ready. Variables: seconds.
set -eu
left=$((seconds * 2))
while [ "$left" -gt 0 ]; do
    kubectl --request-timeout 3s get --raw /readyz >/dev/null
    left=$((left - 1))
    sleep 0.5
done
