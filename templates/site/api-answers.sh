# shellcheck shell=sh
# Exit 0 when the API answers.
set -eu
kubectl --request-timeout 3s get --raw /readyz >/dev/null
