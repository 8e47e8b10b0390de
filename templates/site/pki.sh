# shellcheck shell=sh
# The keys that all control planes of a cluster share, packed, in one line.
set -eu
cd /etc/kubernetes/pki
tar -czf - ca.crt ca.key sa.key sa.pub front-proxy-ca.crt front-proxy-ca.key etcd/ca.crt etcd/ca.key | base64 -w0
