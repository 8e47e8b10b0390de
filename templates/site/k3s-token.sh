# shellcheck shell=sh
# The token that lets hosts in; it holds the digest of the cluster's CA, so that a host trusts nobody else.
set -eu
cat /var/lib/rancher/k3s/server/token
