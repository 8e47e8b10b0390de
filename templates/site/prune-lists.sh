# shellcheck shell=sh disable=SC2154
# Forget bundles whose content is gone. Standard input: lines of PRODUCT VERSION. Variables: store (not used here).
set -eu
: "$store"
while read -r product version; do rm -f "/var/lib/bundler/bundles/$product $version"; done
