# shellcheck shell=sh disable=SC2154
# A bundle of the past is the one in use again. Variables: name (PRODUCT VERSION).
set -eu
touch -c "/var/lib/bundler/bundles/$name"
