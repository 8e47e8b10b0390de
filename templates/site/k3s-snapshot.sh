# shellcheck shell=sh disable=SC2154
# Save what etcd holds, where k3s keeps its snapshots. Variables: name.
set -eu
/usr/local/bin/k3s etcd-snapshot save --name "bundler-$name"
