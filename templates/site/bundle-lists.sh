# shellcheck shell=sh
# The lists of what bundles brought, the newest first.
set -eu
cd /var/lib/bundler/bundles 2>/dev/null || exit 0
# Names are ours, without line breaks:
# shellcheck disable=SC2012
ls -1t | while read -r name; do
    echo "== $name"
    cat "$name"
done
