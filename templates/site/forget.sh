# shellcheck shell=sh
# The last of us.
rm -rf /var/lib/bundler
