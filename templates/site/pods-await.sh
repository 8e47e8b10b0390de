# shellcheck shell=sh disable=SC2154,SC2086
# Exit 0 when these static pods of this host serve. Variables: node, pods (their names).
set -eu
pods_serve "$node" $pods
