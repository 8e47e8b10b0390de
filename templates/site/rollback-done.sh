# shellcheck shell=sh disable=SC2154
# What was put back is no way back any more, and the data that was replaced goes. Variables: keep (the folder).
set -eu
rm -rf "$keep" /var/lib/etcd/bundler-old
