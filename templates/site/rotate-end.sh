# shellcheck shell=sh
# The rotation has ended here. What the old authorities were stays in kept-ca; nothing trusts them.
set -eu
rm -rf /var/lib/bundler/rotate-ca
